"""How long do components live, by kind of machine, and what do their failures follow? Signs before them: `warnings`."""

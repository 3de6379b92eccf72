"""One module per table of the store: what is written and read, as SQL that both databases understand."""

"""Changes of some values inside nested mappings, such as params.yaml."""


def change(values: dict, changes: dict) -> None:
    """Put values in, in place; mappings on the way stay."""
    for name, value in changes.items():
        if isinstance(value, dict):
            change(values[name], value)
        else:
            values[name] = value

"""The repository's YAML files as typed, immutable values: params.yaml in `stages`, the others in `operating`.

The YAML is the only source of values: nothing that changes results has a default here. Not inside: the contracts
of data sets (`oilcan.contract`).
"""

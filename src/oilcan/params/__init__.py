"""params.yaml as typed, immutable sections, one module per section.

The YAML is the only source of values: nothing that changes results has a default here. A stage imports the
modules of the sections that it reads, so a new section or key causes only the stages that read it to run again.
"""

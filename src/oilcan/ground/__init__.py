"""What all layers share: column names, errors, durations, parts of YAML files, worker processes. No logic of any subject."""

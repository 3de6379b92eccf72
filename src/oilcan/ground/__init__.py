"""What all layers share: column names, errors, durations, parts of YAML files, workers. No logic of any subject."""

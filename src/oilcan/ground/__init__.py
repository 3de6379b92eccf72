"""What all layers share: column names, errors, durations, worker processes. No logic of any subject."""

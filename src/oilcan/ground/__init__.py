"""Words that every floor shares: column names, errors, durations, worker processes. No logic of any subject."""

"""Is the model in service still to be believed? The counts and verdicts of `oilcan.monitoring`, live."""

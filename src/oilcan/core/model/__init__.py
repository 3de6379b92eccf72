"""A fitted model as values: trees, calibrators, intervals, hazards. Fitting them is the work of `training`."""

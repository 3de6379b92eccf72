"""From features and targets to a fitted model: estimators, calibration, threshold, intervals."""

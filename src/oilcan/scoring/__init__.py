"""Forecasts from a fitted model: the one place where predict, review and the service get their numbers."""

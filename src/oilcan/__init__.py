"""Oilcan: predictive maintenance that you can version."""

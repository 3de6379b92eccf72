"""Oilcan: predictive maintenance that you can version."""

__version__ = "0.1.0"

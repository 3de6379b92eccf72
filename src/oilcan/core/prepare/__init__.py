"""Canonical tables -> cleaned readings, forecast rows, labels and parts. No features."""

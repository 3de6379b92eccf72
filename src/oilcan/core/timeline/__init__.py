"""Searching sorted tables of many machines by machine and time."""

"""Stored tables watched by a finished model: the reference is read, windows are judged, a decision follows.

The statistics and limits are in `oilcan.monitoring`. Not inside: watching in a running service (`serving.watch`).
"""

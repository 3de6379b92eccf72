"""How good forecasts and alarms were: row metrics, events, lives, costs, bootstrap intervals.

Pure numbers, no reports.
"""

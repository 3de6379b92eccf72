"""The state of the machines as the log says it: features, newest forecasts, alarms, which bundle answers for whom.

Not inside: requests, the threads that lead entries here, views, snapshots (`serving.live`).
"""

"""The gateway: a process that takes readings from MQTT and passes them on to a running service by HTTP.

A message is acknowledged to its source only after the service has stored its readings, or after the gateway has kept
aside what the service refuses. The service itself knows nothing of it: it is `oilcan.serving`.
"""

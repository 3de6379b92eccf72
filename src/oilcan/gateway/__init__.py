"""The gateway: a process that takes readings from MQTT and OPC UA and passes them on to a running service by HTTP.

Here is what the sources share: readings on their way, forwarding, what is kept aside. `mqtt` and `opcua` are sources.
A reading leaves its source, or the gateway's disk, only after the service has stored it, or after the gateway has kept
aside what the service refuses. The service itself knows nothing of it: it is `oilcan.serving`.
"""

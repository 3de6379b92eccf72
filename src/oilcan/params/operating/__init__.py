"""The YAML files beside params.yaml that say how models are accepted, watched, renewed and connected.

One module for each: gate.yaml, monitoring.yaml, retrain.yaml, replay.yaml, plants.yaml, services.yaml, gateway.yaml
and notifications.yaml. Not inside: the sections of params.yaml (`params.stages`).
"""

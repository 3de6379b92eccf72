"""Readings from an MQTT broker, each message acknowledged when its readings are stored."""

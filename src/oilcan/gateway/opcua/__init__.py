"""Readings from an OPC UA server: on the disk before they are acknowledged, until they are stored."""

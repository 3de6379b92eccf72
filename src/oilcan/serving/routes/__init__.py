"""Thin routes: read the request, ask the service, shape the answer."""

"""The client side of HTTP: requests to a running service, and readings replayed into it."""

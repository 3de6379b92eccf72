"""The HTTP surface around the routes: the outer ASGI layer, the OpenAPI document and its schemas."""

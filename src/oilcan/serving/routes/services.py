"""A route that hands its function the request and nothing else.

FastAPI documents it as any other, but does not collect parameters for it: what arrives in a body is read by our own
vectorised readers, and a request for one row is answered in half the time. `create_app` adds them one by one:
FastAPI makes routes of its own from those of a router it includes.
"""

from typing import Any

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import request_response

from oilcan.serving.service.service import Service


class DirectRoute(APIRoute):
    """An APIRoute whose endpoint takes the request and returns a response."""

    def __init__(self, path: str, endpoint: Any, **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.app = request_response(endpoint)


def service_of(request: Request) -> Service:
    """The service that the application was made with."""
    service: Service = request.app.state.service
    return service

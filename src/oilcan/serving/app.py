"""The application: routes around one service."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from oilcan.serving.access.auth import Auth
from oilcan.serving.access.limits import Rate
from oilcan.serving.ground.refusal import Refusal, answer, answer_refusal
from oilcan.serving.http import api_schemas
from oilcan.serving.http.door import Door
from oilcan.serving.routes import decisions, health, machines, model, page, predict, telemetry
from oilcan.serving.service.service import Service
from oilcan.version import VERSION


def create_app(service: Service) -> FastAPI:
    """The service as an ASGI application; its lifespan begins and ends with the service's threads."""
    settings = service.settings

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await asyncio.to_thread(service.close)

    app = FastAPI(title="Oilcan", version=VERSION, lifespan=lifespan, docs_url=None, redoc_url=None,
                  redirect_slashes=False, telemetry={"tracing": False, "metrics": False, "logs": False})
    app.state.service = service
    for module in (predict, telemetry, health, machines, model, decisions, page):         # the most often asked first
        app.router.routes.extend(module.ROUTES)
    app.add_exception_handler(Refusal, answer_refusal)
    app.add_exception_handler(RequestValidationError, _wrong_parameter)
    app.add_exception_handler(HTTPException, _no_such_route)
    auth = Auth(service.ring, may_be_open=settings.is_loopback and not settings.require_keys)
    app.add_middleware(Door, settings=settings, auth=auth, rate=Rate(settings.rate_per_s), metrics=service.metrics)
    app.openapi = lambda: _document(app, service)  # type: ignore[method-assign]
    return app


def _document(app: FastAPI, service: Service) -> dict[str, Any]:
    if app.openapi_schema is None or app.state.described != service.served.digest:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes,
                               description=service.served.bundle.contract.description)
        parts = document.setdefault("components", {})
        parts["schemas"] = api_schemas.components(service.served, service.settings.max_rows)
        parts["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        app.openapi_schema, app.state.described = document, service.served.digest
    return app.openapi_schema


async def _no_such_route(request: Request, err: Exception) -> Response:
    status = err.status_code if isinstance(err, HTTPException) else 404
    headers = err.headers if isinstance(err, HTTPException) else None
    refusal = Refusal(status, "request", found=f"{request.method} {request.url.path}", wanted="a route of this service",
                      do="GET /openapi.json lists them.")
    return answer(refusal.content, status, headers)


async def _wrong_parameter(_request: Request, err: Exception) -> Response:
    assert isinstance(err, RequestValidationError)  # noqa: S101  # for mypy: it is registered for this class alone
    first = err.errors()[0]
    where = ".".join(str(step) for step in first["loc"])
    refusal = Refusal(422, where, found=repr(first.get("input")), wanted=first["msg"], do="Look at /openapi.json.")
    return answer(refusal.content, 422)

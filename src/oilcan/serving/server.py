"""From settings to a listening server: granian in this very process, loopback unless there are keys."""

import asyncio
import signal
from typing import Any

from fastapi import FastAPI
from granian.constants import SSLProtocols

from oilcan.ground.errors import OilcanError, ParamsError
from oilcan.io.stores import open_store
from oilcan.serving.access.tls import check_pair
from oilcan.serving.app import create_app
from oilcan.serving.ground.memory import keep_little
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.http.listener import HttpServer, allow_connections, bound
from oilcan.serving.service.bundle_swap import first_served
from oilcan.serving.service.service import Service, has_keys


def make_app(settings: ServiceSettings) -> FastAPI:
    """The application that settings describe.

    Raises
    ------
    IntegrityError
        If the bundle is not the packaged one.
    StoreError
        If the store cannot be opened.
    ParamsError
        If it would listen to a network without a key.
    """
    store = open_store(settings.store)
    try:
        if not settings.is_loopback and not has_keys(store):
            raise ParamsError(f"host {settings.host}: others could reach it, and there is no key (found 0, wanted at "
                              f"least one). Create one with `oilcan keys create`, or listen on 127.0.0.1.")
        served, models = first_served(settings, store)
        return create_app(Service(settings, served, store, models))
    except OilcanError:
        store.close()
        raise


def serve(settings: ServiceSettings) -> None:
    """Listen until a signal says to stop; requests in flight are answered first.

    Raises
    ------
    ParamsError
        If another program listens there, the address is none of this computer's, certificate and key are no pair, or
        the system does not allow so many connections.
    """
    keep_little()
    allow_connections(settings.max_connections)
    with bound(settings) as listener:
        tls: dict[str, Any] = {}
        if settings.tls_certificate is not None and settings.tls_key is not None:
            check_pair(settings.tls_certificate, settings.tls_key)
            tls = {"ssl_cert": settings.tls_certificate, "ssl_key": settings.tls_key,
                   "ssl_protocol_min": SSLProtocols.tls13}
        app = make_app(settings)
        asyncio.run(_serve(app, HttpServer(app, settings, listener, **tls)))


async def _serve(app: FastAPI, server: HttpServer) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    async with app.router.lifespan_context(app):
        await server.serve()

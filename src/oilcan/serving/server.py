"""From settings to a listening server: granian in this very process, loopback unless there are keys."""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI
from granian.constants import SSLProtocols

from oilcan.ground.errors import OilcanError, ParamsError, StoreError
from oilcan.io.stores import open_store
from oilcan.serving.access.tls import check_pair
from oilcan.serving.app import create_app
from oilcan.serving.ground.memory import keep_little
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.http.listener import HttpServer, allow_connections, bound
from oilcan.serving.service.remembered_models import first_served
from oilcan.serving.service.service import Service, has_keys

_WATCH_S: Final = 1.0           # between two looks at the threads
_END_S: Final = 30              # longest time from a signal to the end while the store does not answer
_SAVE_S: Final = 600            # the same while it does: a large fleet is saved


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
        If another program listens there, the address is not one of this computer, certificate and key do not fit, or
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
        dead = asyncio.run(_serve(app, HttpServer(app, settings, listener, **tls)))
    if dead:
        raise StoreError(f"service: the threads {', '.join(dead)} ended by themselves (found in the log above why; "
                         f"wanted running). Start the service again; what was acknowledged is in the store.")


async def _serve(app: FastAPI, server: HttpServer) -> list[str]:
    """Serve until a signal comes or a thread of the service is dead; which threads are."""
    loop = asyncio.get_running_loop()
    service: Service = app.state.service

    def stop() -> None:
        threading.Thread(target=_end_at_last, args=(service,), name="end", daemon=True).start()
        server.stop()       # type: ignore[no-untyped-call]

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    async with app.router.lifespan_context(app):
        watch = asyncio.create_task(_watch(service, stop))
        await server.serve()
        watch.cancel()
        return service.dead_threads()


async def _watch(service: Service, stop: Callable[[], None]) -> None:
    while not service.dead_threads():
        await asyncio.sleep(_WATCH_S)
    logging.getLogger("oilcan").error("threads ended by themselves: %s", ", ".join(service.dead_threads()))
    stop()


def _end_at_last(service: Service) -> None:
    """End the process when its end takes too long: a store that hangs must not keep it, one that saves slowly may."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < _END_S or (service.store.health.trouble is None and waited < _SAVE_S):
        time.sleep(_WATCH_S)
    logging.getLogger("oilcan").error("the end took longer than %d s; what was acknowledged is in the store", waited)
    os._exit(1)

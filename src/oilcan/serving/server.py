"""From settings to a listening server: granian in this very process, loopback unless there are keys."""

import asyncio
import signal
import socket
from typing import Any, Final

from fastapi import FastAPI
from granian.constants import Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from oilcan.ground.errors import OilcanError, ParamsError
from oilcan.io.stores import open_store
from oilcan.serving.access.tls import check_pair
from oilcan.serving.app import create_app
from oilcan.serving.ground.memory import keep_little
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.service.bundle_swap import first_served
from oilcan.serving.service.service import Service, has_keys

_HEADERS: Final = HTTP1Settings(header_read_timeout=15_000)     # [ms] a client slower than this is let go


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
        If another program listens there, the address is none of this computer's, or certificate and key are no pair.
    """
    keep_little()
    _check_free(settings)
    options: dict[str, Any] = {}
    if settings.tls_certificate is not None and settings.tls_key is not None:
        check_pair(settings.tls_certificate, settings.tls_key)
        options = {"ssl_cert": settings.tls_certificate, "ssl_key": settings.tls_key,
                   "ssl_protocol_min": SSLProtocols.tls13}
    app = make_app(settings)
    asyncio.run(_serve(Server(app, settings.host, settings.port, interface=Interfaces.ASGI, websockets=False,
                              backlog=1024, http1_settings=_HEADERS, log_level=LogLevels.error, **options)))


def _check_free(settings: ServiceSettings) -> None:
    """Granian shares a port with another granian; readings would go to either by chance."""
    where = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    with socket.socket(where[0], socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(where[4])
        except OSError as err:
            raise ParamsError(f"port {settings.port} of {settings.host}: cannot be listened on ({err.strerror}). "
                              f"End the program that listens there, or choose another with --port.") from err


async def _serve(server: Server) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve()

"""Where the service listens: a socket of its own, granian on it, and limits that no connection escapes.

Every wait of a connection has an end: for the head of a request (`header_timeout_s`, a silent or idle connection
included), for its body (`http.door`), for a client that does not take its answer (`TCP_USER_TIMEOUT`). At most
`max_connections` are open; more wait in the kernel until one ends.
"""

import resource
import socket
from typing import Any, Final

from fastapi import FastAPI
from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.embed import Server

from oilcan.ground.errors import ParamsError
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.http.rsgi_bridge import Bridge

_BACKLOG: Final = 1024          # connections the kernel keeps while `max_connections` are open
_OTHER_FILES: Final = 256       # open files besides connections: store, bundle, sockets of the runtime


class HttpServer(Server):
    """Granian on a socket that no other program can share.

    HTTP/1.1 alone: granian waits without end for the first bytes of a connection that may be of either version, and
    for the next request of one that is HTTP/2.
    """

    def __init__(self, app: FastAPI, settings: ServiceSettings, listener: socket.socket, **tls: Any) -> None:
        heads = HTTP1Settings(header_read_timeout=round(settings.header_timeout_s * 1000))
        super().__init__(Bridge(app), settings.host, settings.port, interface=Interfaces.RSGI, websockets=False,
                         http=HTTPModes.http1, http1_settings=heads, backlog=_BACKLOG,
                         backpressure=settings.max_connections, log_level=LogLevels.error, **tls)
        self._listener = listener

    def _init_shared_socket(self) -> None:
        """Granian's own would share the port with any other granian: readings would go to either by chance."""
        self._listener.listen(_BACKLOG)
        self._listener.setblocking(False)
        holder: Any = SocketHolder
        self._shd, self._ssp = holder(self._listener.detach(), False, _BACKLOG), None


def bound(settings: ServiceSettings) -> socket.socket:
    """A socket at the address of the settings; nobody can connect yet.

    Raises
    ------
    ParamsError
        If another program listens there, or the address is not one of this computer.
    """
    family, _, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):     # Linux; connections inherit it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(settings.body_timeout_s * 1000))
    try:
        listener.bind(address)
    except OSError as err:
        listener.close()
        raise ParamsError(f"port {settings.port} of {settings.host}: cannot be listened on ({err.strerror}). "
                          f"End the program that listens there, or choose another with --port.") from err
    return listener


def allow_connections(most: int) -> None:
    """Let the process open as many files as that needs.

    Raises
    ------
    ParamsError
        If the system does not allow it.
    """
    wanted = most + _OTHER_FILES
    allowed, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY or allowed >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, limit))
    except (ValueError, OSError) as err:
        raise ParamsError(f"OILCAN_MAX_CONNECTIONS: {most:,} connections need {wanted:,} open files (found a limit of "
                          f"{allowed:,}). Raise `ulimit -n`, or set it to {max(8, allowed - _OTHER_FILES):,} at most."
                          ) from err

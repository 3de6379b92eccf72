"""One service on one port: a second one is refused in words, whatever the kernel would allow."""

import resource
import socket

import pytest

from oilcan.ground.errors import ParamsError
from oilcan.serving import server
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.http.listener import allow_connections


@pytest.mark.parametrize("shared", [False, True])
def test_a_port_that_is_taken_is_refused(shared):
    with socket.socket() as taken:
        if shared:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ParamsError, match=rf"port {port} of 127.0.0.1: cannot be listened on"):
            server.serve(ServiceSettings(port=port))


def test_an_address_of_another_computer_is_refused():
    with pytest.raises(ParamsError, match=r"port 8080 of 192\.0\.2\.1: cannot be listened on"):
        server.serve(ServiceSettings(host="192.0.2.1"))


def test_more_connections_than_the_system_allows_are_refused():
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    with pytest.raises(ParamsError, match=r"OILCAN_MAX_CONNECTIONS: .* need .* open files \(found a limit of"):
        allow_connections(max(limit, 100_000) + 10**9)


def test_the_limit_of_open_files_is_raised_as_far_as_needed():
    allowed, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, limit))
    try:
        allow_connections(8)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (264, limit)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, limit))

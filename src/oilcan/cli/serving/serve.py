"""The service: readings in, risk out."""

import argparse
import os
from pathlib import Path
from typing import Any

from oilcan.ground.errors import from_extra


def register(commands: Any) -> None:
    """Add `oilcan serve`."""
    parser = commands.add_parser(
        "serve", help="serve forecasts over HTTP from a bundle",
        description="Serve forecasts over HTTP from a bundle. Every setting is also an environment variable "
                    "OILCAN_<NAME>; docs/serving.md lists them.")
    parser.add_argument("--bundle", type=Path, help="folder of the bundle (models/bundle)")
    parser.add_argument("--store", help="sqlite:///path or postgresql://user@host/name")
    parser.add_argument("--host", help="address to listen on (127.0.0.1); any other needs a key first")
    parser.add_argument("--port", type=int, help="port to listen on (8080)")
    parser.add_argument("--tls-certificate", type=Path, help="PEM file, with --tls-key")
    parser.add_argument("--tls-key", type=Path, help="PEM file")
    parser.add_argument("--clock", choices=["wall", "data"], help="data: now is the newest reading, for replays")
    parser.add_argument("--accept-rejected", action="store_true", default=None,
                        help="serve a model that the gate held or rejected; every answer says so")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal stops it."""
    with from_extra("serve", "serve"):
        from oilcan.serving import server
        from oilcan.serving.ground.settings import read_settings

    names = ("bundle", "store", "host", "port", "tls_certificate", "tls_key", "clock", "accept_rejected")
    settings = read_settings(os.environ, **{name: getattr(args, name) for name in names})
    print(f"serve: {settings.bundle} on http{'s' if settings.tls_key else ''}://{settings.host}:{settings.port}",
          flush=True)
    server.serve(settings)
    return 0

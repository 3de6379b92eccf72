"""The service: readings in, risk out; and whether its store is sound."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oilcan.ground.errors import OilcanError

if TYPE_CHECKING:
    from oilcan.io.stores.repair import Copied


def register(commands: Any) -> None:
    """Add `oilcan serve` and `oilcan doctor`."""
    _register_doctor(commands)
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


def _register_doctor(commands: Any) -> None:
    parser = commands.add_parser(
        "doctor", help="check the service's store; rebuild a damaged SQLite file",
        description="Check the service's store: the file, and that its log names every reading. With --rebuild, "
                    "copy all that can be read into a new file; the service makes the rest again from the readings. "
                    "Stop the service first. Exit code 1 if something is wrong.")
    parser.add_argument("--store", help="sqlite:///path (OILCAN_STORE, or .oilcan/service.db)")
    parser.add_argument("--rebuild", type=Path, metavar="FILE", help="write a sound copy to this new file")
    parser.set_defaults(run=run_doctor)


def run(args: argparse.Namespace) -> int:
    """Serve until a signal stops it."""
    try:
        from oilcan.serving import server
        from oilcan.serving.ground.settings import read_settings
    except ModuleNotFoundError as err:
        if (err.name or "oilcan").startswith("oilcan"):
            raise
        raise OilcanError(f"serve: what the service needs is not installed (no module {err.name!r}). "
                          f"Run `make install-serve`.") from err

    names = ("bundle", "store", "host", "port", "tls_certificate", "tls_key", "clock", "accept_rejected")
    settings = read_settings(os.environ, **{name: getattr(args, name) for name in names})
    print(f"serve: {settings.bundle} on http{'s' if settings.tls_key else ''}://{settings.host}:{settings.port}",
          flush=True)
    server.serve(settings)
    return 0


def run_doctor(args: argparse.Namespace) -> int:
    """Check the store, and rebuild it if asked."""
    from oilcan.ground.errors import StoreError
    from oilcan.io.stores import DEFAULT_URL, repair

    url = args.store or os.environ.get("OILCAN_STORE") or DEFAULT_URL
    if not url.startswith("sqlite:///"):
        raise StoreError("doctor: checks files of SQLite (found the address of another store). For PostgreSQL use "
                         "`pg_amcheck`, and restore from a backup.")
    path = Path(url.removeprefix("sqlite:///"))
    faults = repair.faults_of(path)
    print("\n".join(f"{path}: {line}" for line in faults or ["sound"]))
    if args.rebuild is not None:
        print("\n".join(_line(table) for table in repair.rebuild(path, args.rebuild)))
        print(f"Put {args.rebuild} in the place of {path} (its -wal and -shm files go), and start the service.")
        return 0
    if faults:
        print(f"Stop the service, then run `oilcan doctor --store {url} --rebuild {path.with_suffix('.new')}`.")
    return int(bool(faults))


def _line(table: "Copied") -> str:
    lost = "".join(f", rows {first:,} to {last:,} unreadable" for first, last in table.unreadable)
    return f"{table.table}: {table.rows:,} rows{lost}"

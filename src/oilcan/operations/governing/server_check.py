"""Does the real server start with this bundle, and answer real rows with the very numbers of the batch?

After TFX's InfraValidator. The rows are the check rows of the bundle: validation rows with the forecasts that the batch
made of them. The server is a process of its own, on a free port of this computer, with a store that is thrown away.
"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from oilcan.core.bundle.bundle import Bundle
from oilcan.ground.errors import IntegrityError, OilcanError
from oilcan.io.bundle.verdict_file import load_reviewed
from oilcan.io.http.client import Api

_START: Final = "import sys; from oilcan.cli import main; sys.exit(main(['serve']))"
_EXPECTED: Final = "expected_"
_START_S: Final = 120.0     # until it must listen
_LOOK_S: Final = 0.05


def check_server(folder: Path) -> str:
    """Start the server with the bundle in a folder, and compare its answers; what was found, in words.

    Raises
    ------
    IntegrityError
        If an answer differs from the batch, in the last bit or more.
    OilcanError
        If the server does not start.
    """
    bundle, _ = load_reviewed(folder)
    rows = _rows(bundle)
    with tempfile.TemporaryDirectory(prefix="oilcan-server-") as scratch, _server(folder, Path(scratch)) as url, \
            contextlib.closing(Api(url, None)) as api:
        answer = api.post("/v1/predict", {"rows": rows, "plan_hash": bundle.plan.hash})
    if answer["model"] != bundle.digest:
        raise IntegrityError(f"{folder}: the server answers from {answer['model'][:12]} (wanted {bundle.digest[:12]}). "
                             f"Stop what listens there, and try again.")
    differing = _differing(bundle, answer["forecasts"])
    if differing:
        raise IntegrityError(f"{folder}: the server answers other numbers than the batch (found "
                             f"{', '.join(differing)}, of {len(rows)} rows). Do not promote it; install the "
                             f"libraries that its manifest names.")
    return f"the server answered {len(rows)} rows with the numbers of the batch"


def _rows(bundle: Bundle) -> list[list[float | None]]:
    matrix = np.column_stack([bundle.check_rows[name] for name in bundle.fitted.features])
    return [[None if np.isnan(value) else value for value in row] for row in matrix.tolist()]


def _differing(bundle: Bundle, forecasts: list[dict[str, Any]]) -> list[str]:
    """Columns that differ, with the number of rows."""
    served = [name for name in forecasts[0] if _EXPECTED + name in bundle.check_rows]
    found = {}
    for name in served:
        answered = np.array([np.nan if forecast[name] is None else forecast[name] for forecast in forecasts])
        wanted = bundle.check_rows[_EXPECTED + name]
        found[name] = int(((answered != wanted) & ~(np.isnan(answered) & np.isnan(wanted))).sum())
    return [f"{name} in {count} rows" for name, count in found.items() if count] + ([] if served else ["no forecast"])


@contextlib.contextmanager
def _server(folder: Path, scratch: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OILCAN_")}
    chosen = {"OILCAN_BUNDLE": str(folder.resolve()), "OILCAN_STORE": f"sqlite:///{scratch / 'service.db'}",
              "OILCAN_PORT": str(port), "OILCAN_ACCEPT_REJECTED": "true"}
    log = scratch / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen([sys.executable, "-c", _START], env=clean | chosen, stdin=subprocess.DEVNULL,
                                   stdout=stream, stderr=stream)
    try:
        _wait(process, port, folder, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", port: int, folder: Path, log: Path) -> None:
    """Wait until the server listens; refuse if it ends before that, or takes too long."""
    for _ in range(int(_START_S / _LOOK_S)):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(_LOOK_S)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no output"]
    raise OilcanError(f"{folder}: the server does not start with this bundle ({lines[-1][:300]}). Fix that first.")

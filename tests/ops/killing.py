"""Runs an act in a process of its own and kills it -9 at a given moment; a fork, so that fifty kills are cheap.

    with Killer(os.environ) as killer:
        killer.run("promote", {...}, after=0.05)

The acts are functions below; they take plain values. A process that is forked here has imported everything already, so
the moment counts from the first line of the act.
"""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOREVER = 3600.0
_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Ended:
    """Whether an act came to its end before it was killed, and how long it ran."""

    finished: bool
    seconds: float


class Killer:
    """A process that forks acts and kills them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "tests.ops.killing"], env=dict(environment), text=True,
                                         cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, act: str, words: Mapping[str, Any], *, after: float = FOREVER) -> Ended:
        self._process.stdin.write(json.dumps([act, words, after]) + "\n")
        self._process.stdin.flush()
        return Ended(*json.loads(self._process.stdout.readline()))

    def __enter__(self) -> "Killer":
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def promote(root: str, revision: str, at: str) -> None:
    from oilcan.operations.governing import promotion

    promotion.promote(Path(root), approver="Ada", reason="better", at=datetime.fromisoformat(at), revision=revision,
                      override=True)


def rollback(root: str, to: str, at: str) -> None:
    from oilcan.operations.governing import promotion

    promotion.roll_back(Path(root), dataset="fleet", by="Ada", reason="worse", at=datetime.fromisoformat(at), to=to)


def collect(root: str, store: str) -> None:
    from tests.ops.test_collect import CONTRACT, Schedule, micros

    from oilcan.io.stores import open_store
    from oilcan.operations.renewal.collecting import audited
    from oilcan.operations.renewal.collecting import collect as collected

    now = micros("2024-03-05")
    collected(Path(root), CONTRACT, open_store(store), Schedule(now), write=True,
              record=audited(Path(root), CONTRACT.name, by="Ada", now=now))


def retrain(root: str, store: str) -> None:
    from oilcan import cli

    os.chdir(root)
    cli.main(["retrain", "--store", store, "--because", "a test", "--yes"])


def _forked(act: str, words: Mapping[str, Any], after: float) -> Ended:
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)               # the answers of this process are not for the act
        code = 1
        try:
            globals()[act](**words)
            code = 0
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(code)
    status = 0
    while (gone := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() - began >= after:
            os.kill(child, signal.SIGKILL)
            gone = os.waitpid(child, 0)
            _wait_for_what_it_started()
            break
        time.sleep(0.001)
    status = gone[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"{act}: ended with {os.WEXITSTATUS(status)}")
    return Ended(os.WIFEXITED(status), time.monotonic() - began)


def _wait_for_what_it_started() -> None:
    """A git that the act had started comes to its end; an act that begins at once would meet it."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def main() -> None:
    """Read acts, one a line; answer each with how it ended."""
    ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1)        # what a killed act had started becomes a child of this process
    from oilcan.operations.governing import promotion  # noqa: F401 - before the first fork
    from oilcan.operations.renewal import collecting  # noqa: F401

    assert datetime.now(UTC)
    for line in sys.stdin:
        ended = _forked(*json.loads(line))
        sys.stdout.write(json.dumps([ended.finished, ended.seconds]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

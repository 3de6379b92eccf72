"""What a command and all its descendants take together: seconds, processor time, memory."""

import contextlib
import ctypes
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_PR_SET_CHILD_SUBREAPER: Final = 36
_EVERY_S: Final = 0.1       # between two looks at the memory; at least
_REST: Final = 9            # times as long as a look takes: counting the pages of large processes is work of its own


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, seconds of the processor, and the peak memory of all processes together [MiB].

    Memory is the proportional set size: what processes share counts once.
    """

    wall_s: float
    cpu_s: float
    peak_mib: float


def run(command: list[str], folder: Path, log: Path) -> Cost:
    """Run a command to its end.

    Raises
    ------
    subprocess.CalledProcessError
        If it fails; `log` holds what it printed.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    _adopt_orphans()
    started, before, peak = time.perf_counter(), os.times(), 0
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=environment | {"PYTHONPATH": "src"}, stdout=out,
                                   stderr=subprocess.STDOUT)
        while process.poll() is None:
            looked = time.perf_counter()
            peak = max(peak, _memory(psutil.Process(process.pid)))
            time.sleep(max(_EVERY_S, _REST * (time.perf_counter() - looked)))
    with contextlib.suppress(ChildProcessError):        # no more of them
        while os.wait():
            pass
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    after = os.times()          # of children that were waited for, and of theirs
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(round(time.perf_counter() - started, 2), round(cpu, 2), round(peak / 2**20, 1))


def _adopt_orphans() -> None:
    """What a process leaves behind, such as the server that forks Dask's workers, becomes a child of ours (Linux)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _memory(root: psutil.Process) -> int:
    total = 0
    try:
        for process in (root, *root.children(recursive=True)):
            total += process.memory_full_info().pss
    except psutil.NoSuchProcess:        # it ended while we looked
        pass
    return total

"""Parallel work in processes that end with their parent."""

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final

import joblib

from oilcan.ground import dask_cluster

_PR_SET_PDEATHSIG: Final = 1


def end_with_parent() -> None:
    """Ask Linux to kill this process when its parent ends; other systems have no such call.

    A parent that ended before the call sends no signal.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def available_memory() -> int | None:
    """Bytes that can be had without swapping, of the whole machine; None where the system does not say (not Linux).

    Examples
    --------
    >>> available_memory() is None or available_memory() > 0
    True
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def side_by_side(jobs: int, backend: str, address: str = dask_cluster.LOCAL, storage: str | None = None
                 ) -> joblib.Parallel:
    """Workers for `joblib.delayed` calls; those on this machine exit when their parent dies.

    Parameters
    ----------
    jobs, backend
        As in `joblib.Parallel`.
    address, storage
        Of the cluster, and where its files travel; for `dask` alone.

    Examples
    --------
    >>> side_by_side(2, "threading")(joblib.delayed(abs)(each) for each in (-1, 2))
    [1, 2]
    """
    if backend == "dask":
        return dask_cluster.on_cluster(jobs, address, storage)
    return joblib.Parallel(n_jobs=jobs, backend=backend, initializer=_end_with, initargs=(os.getpid(),))


def _end_with(parent: int) -> None:
    """`end_with_parent`, also if the parent ended while this process was starting; threads are left alone."""
    end_with_parent()
    if parent not in {os.getpid(), os.getppid()}:
        os._exit(1)

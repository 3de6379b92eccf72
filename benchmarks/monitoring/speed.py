"""Time and memory of counting and comparing readings, beside Evidently's data-drift preset, and how both grow.

    python benchmarks/monitoring/speed.py [--evidently evidently/bin/python] [--rows 100000 1000000 10000000]

Each size runs in a process of its own; readings come in batches of 100,000, as a service and a partition bring them,
and are drawn before the clock starts. Five of fifty columns have moved by half a standard deviation.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from oilcan.core.bundle.watch_reference import BINS
from oilcan.monitoring.statistics.cells import Cells, Signals
from oilcan.monitoring.statistics.input_statistics import psi, wasserstein

COLUMNS, SHIFTED, BATCH, MACHINES, SLOTS = 50, 5, 100_000, 100, 7
SHARES: Final = np.array([0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.975, 0.99])


def measure(rows: int) -> dict[str, Any]:
    """Seconds, memory beyond the batch itself, and the columns found."""
    rng = np.random.default_rng(1)
    sample = rng.normal(size=(BATCH, COLUMNS))
    edges = np.quantile(sample, SHARES, axis=0).T
    shares = np.stack([np.bincount(np.searchsorted(edge, column, side="right"), minlength=BINS) / BATCH
                       for edge, column in zip(edges, sample.T, strict=True)])
    batch = rng.normal(size=(BATCH, COLUMNS))
    batch[:, :SHIFTED] += 0.5
    machine, slot = rng.integers(MACHINES, size=BATCH), rng.integers(SLOTS, size=BATCH)
    none = np.zeros((BATCH, COLUMNS), dtype=bool)
    cells = Cells(COLUMNS, BINS)
    cells.codes([f"m{number}" for number in range(MACHINES)])
    forget_peak()
    before = memory_mb("VmRSS")
    started, used = time.perf_counter(), time.process_time()
    for _ in range(rows // BATCH):
        cells.add(machine, slot, Signals(batch, batch, none, none[:, 0], np.ones(COLUMNS), edges))
    total = cells.histogram.sum(axis=(0, 1)).astype(float)
    found, distance = psi(total, shares), wasserstein(total, edges, shares)
    return {"rows": rows, "seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - used,
            "more_mb": memory_mb("VmHWM") - before,
            "moved": int((found > 0.1).sum()), "distance": float(distance[:SHIFTED].mean())}


def memory_mb(field: str) -> float:
    """`VmRSS` (now) or `VmHWM` (the peak since `forget_peak`) of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field + ":"))


def forget_peak() -> None:
    """Linux: let the peak begin anew, so that what was needed to draw the tables does not hide what comes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def main() -> None:
    """Print a line for each size, and one for the rival."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--evidently", type=Path)
    parser.add_argument("--rows", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one)))
        return
    for rows in args.rows:
        print("oilcan   ", _run(sys.executable, __file__, "--one", str(rows)), flush=True)
    if args.evidently:
        print("evidently", _run(str(args.evidently), str(Path(__file__).with_name("rival_evidently.py"))))


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().splitlines()[-1]


if __name__ == "__main__":
    main()

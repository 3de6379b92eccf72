"""Evidently's data-drift preset on two tables of 100,000 x 50: seconds and peak memory, in an environment of its own.

Install `evidently==0.7.23` and `pandas<3.1` there, and give its Python to `speed.py --evidently`.
"""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from evidently import Dataset, Report
from evidently.presets import DataDriftPreset

ROWS, COLUMNS, SHIFTED = 100_000, 50, 5


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """A reference, and a table of which five columns have moved by half a standard deviation."""
    rng = np.random.default_rng(1)
    names = [f"sensor_{at}" for at in range(COLUMNS)]
    reference = rng.normal(size=(ROWS, COLUMNS))
    current = rng.normal(size=(ROWS, COLUMNS))
    current[:, :SHIFTED] += 0.5
    return pd.DataFrame(reference, columns=names), pd.DataFrame(current, columns=names)


def memory_mb(field: str) -> float:
    """`VmRSS` (now) or `VmHWM` (the peak since `forget_peak`) of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field + ":"))


def forget_peak() -> None:
    """Linux: let the peak begin anew, so that what was needed to draw the tables does not hide what comes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def main() -> None:
    """One line of JSON."""
    reference, current = tables()
    forget_peak()
    before = memory_mb("VmRSS")
    started, used = time.perf_counter(), time.process_time()
    Report([DataDriftPreset()]).run(Dataset.from_pandas(current), Dataset.from_pandas(reference)).dict()
    print(json.dumps({"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - used,
                      "more_mb": memory_mb("VmHWM") - before}))


if __name__ == "__main__":
    main()

"""Evidently's data-drift preset on two tables of 100,000 x 50: seconds and peak memory, in an environment of its own.

Install `evidently==0.7.23` and `pandas<3.1` there, and give its Python to `speed.py --evidently`.
"""

import json
import resource
import time

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


def main() -> None:
    """One line of JSON."""
    reference, current = tables()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started, used = time.perf_counter(), time.process_time()
    Report([DataDriftPreset()]).run(Dataset.from_pandas(current), Dataset.from_pandas(reference)).dict()
    print(json.dumps({"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - used,
                      "more_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before}))


if __name__ == "__main__":
    main()

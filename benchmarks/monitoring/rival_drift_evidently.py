"""Evidently's data-drift preset with its defaults on the weeks of simulated fleets; an environment of its own.

Reads the files of `rivals.py` and prints one line of JSON for each: the share of columns that drifted, week by week.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from evidently import Dataset, Report
from evidently.presets import DataDriftPreset


def shares(file: Path) -> list[float]:
    """Share of drifted columns in every week of the year that is watched."""
    with np.load(file) as arrays:
        values, week, names = arrays["values"], arrays["week"], arrays["columns"].tolist()
    frame = pd.DataFrame(values, columns=names)
    reference = Dataset.from_pandas(frame[week < 0])
    drifted = []
    for number in range(int(week.max()) + 1):
        run = Report([DataDriftPreset()]).run(Dataset.from_pandas(frame[week == number]), reference).dict()
        count = next(each["value"] for each in run["metrics"] if each["metric_name"].startswith("DriftedColumnsCount"))
        drifted.append(float(count["share"]))
    return drifted


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps({"file": Path(name).name, "share": shares(Path(name))}), flush=True)

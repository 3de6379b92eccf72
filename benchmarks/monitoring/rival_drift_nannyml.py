"""NannyML's drift calculators with their defaults on the weeks of simulated fleets; an environment of its own.

Reads the files of `rivals.py` and prints one line of JSON for each: columns with an alert, and the alert of the
reconstruction error, week by week.
"""

import json
import os
import sys
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml
import numpy as np
import pandas as pd

START = pd.Timestamp("2024-12-30")          # week 0


def alerts(file: Path) -> dict[str, list[int]]:
    """Number of columns with an alert, and whether the multivariate calculator alerts, in every week."""
    with np.load(file) as arrays:
        values, week, names = arrays["values"], arrays["week"], arrays["columns"].tolist()
    frame = pd.DataFrame(values.astype(float), columns=names)
    frame["time"] = START + pd.to_timedelta(week * 7, unit="D")
    frame = frame.sort_values("time", kind="stable", ignore_index=True)
    reference, analysis = frame[frame["time"] < START], frame[frame["time"] >= START]
    options = {"timestamp_column_name": "time", "chunk_period": "W"}
    univariate = nannyml.UnivariateDriftCalculator(column_names=names, **options).fit(reference)
    by_column = univariate.calculate(analysis).filter(period="analysis").to_df(multilevel=True)
    whole = nannyml.DataReconstructionDriftCalculator(column_names=names, **options).fit(reference)
    multivariate = whole.calculate(analysis).filter(period="analysis").to_df(multilevel=True)
    is_alert = by_column.loc[:, [key for key in by_column.columns if key[-1] == "alert"]].to_numpy(bool)
    together = multivariate.loc[:, [key for key in multivariate.columns if key[-1] == "alert"]].to_numpy(bool)
    return {"columns": is_alert.sum(axis=1).tolist(), "multivariate": together.any(axis=1).astype(int).tolist()}


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps({"file": Path(name).name} | alerts(Path(name))), flush=True)

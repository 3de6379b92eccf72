"""NannyML's estimates without labels (CBPE) on a chunk of known probabilities, for the golden test of ours.

Runs in an environment of its own, with NannyML 0.13.1 and what it imports but does not declare (statsmodels, seaborn,
segment-analytics-python, flaml[automl]): 1.9 GB, so CI reads the numbers that it wrote.

    python benchmarks/monitoring/rival_nannyml.py tests/golden/label_free_nannyml.json
"""

import json
import os
import sys
from pathlib import Path

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml
import numpy as np
import pandas as pd

METRICS = ["average_precision", "roc_auc", "f1", "precision", "recall"]
THRESHOLD, ROWS = 0.3, 4_000


def chunk(rng: np.random.Generator, rows: int, a: float, b: float) -> pd.DataFrame:
    """Calibrated probabilities, and outcomes drawn from them."""
    p = rng.beta(a, b, rows).round(6)
    return pd.DataFrame({"p": p, "pred": (p >= THRESHOLD).astype(int), "y": (rng.random(rows) < p).astype(int)})


def main() -> None:
    """Write the chunk and what NannyML says of it."""
    for seed in range(20260108, 20260138):
        rng = np.random.default_rng(seed)
        reference, analysis = chunk(rng, 20_000, 0.6, 5), chunk(rng, ROWS, 0.7, 4)
        estimator = nannyml.CBPE(y_pred_proba="p", y_pred="pred", y_true="y", problem_type="classification_binary",
                                 metrics=METRICS, chunk_size=ROWS)
        estimator.fit(reference)
        if not estimator.needs_calibration:     # else it calibrates the calibrated, and estimates something else
            break
    found = estimator.estimate(analysis).to_df()
    values = {name: float(found[(name, "value")].iloc[-1]) for name in METRICS}
    golden = {"made_by": f"benchmarks/monitoring/rival_nannyml.py, NannyML {nannyml.__version__}",
              "threshold": THRESHOLD, "p": analysis["p"].tolist(), "nannyml": values}
    Path(sys.argv[1]).write_text(json.dumps(golden) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

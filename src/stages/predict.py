"""A fitted model and features -> forecasts for the validation and test parts, made once.

Reads   the data-set contract, data/prepared, data/features, models/model.joblib
Params  predict (and compute, which changes no byte)
Writes  data/predictions/predictions.parquet
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from oilcan import params
from oilcan.columns import PART
from oilcan.io import files, matrix, stage
from oilcan.scoring import score


def main(argv: Sequence[str] | None = None) -> None:
    """Forecast what the arguments name."""
    args = stage.parse(__doc__, "contract", "prepared", "features", "model", "out", argv=argv)
    p = files.read_params(params.PredictParams, args.params, "predict")
    compute = files.read_params(params.ComputeParams, args.params, "compute")
    contract = files.read_contract(args.contract)
    plan = matrix.read_plan(args.features)
    trained = files.read_model(args.model)
    trained.served.check_features(tuple(plan.names), plan.hash, str(args.features))
    rows, features = matrix.read_rows(args.prepared, args.features, plan, "validation", "test")

    said = []
    for part, fitted in (("validation", trained.judged), ("test", trained.served)):
        at = np.flatnonzero(rows[PART] == part)
        said.append(score.score(fitted, features[at], rows_per_batch=p.rows_per_batch, jobs=compute.jobs).set_index(at))
    table = score.beside_rows(contract, rows, pd.concat(said).sort_index())

    with files.fresh_folder(args.out) as draft:
        files.write_table(table, draft / "predictions.parquet")
    stage.report("predict", rows=len(table), forecasts=len(trained.served.forecasts))


if __name__ == "__main__":
    stage.run(main)

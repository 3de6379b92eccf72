"""A fitted model and features -> forecasts for the validation and test parts, made once.

Reads   the data-set contract, data/prepared, data/features, models/model.joblib
Params  predict (and compute, which changes no byte)
Writes  data/predictions/predictions.parquet
"""

from collections.abc import Sequence

from oilcan import params
from oilcan.io import files, matrix, stage
from oilcan.scoring import score


def main(argv: Sequence[str] | None = None) -> None:
    """Forecast what the arguments name."""
    args = stage.parse(__doc__, "contract", "prepared", "features", "model", "out", argv=argv)
    p = files.read_params(params.PredictParams, args.params, "predict")
    compute = files.read_params(params.ComputeParams, args.params, "compute")
    contract = files.read_contract(args.contract)
    plan = matrix.read_plan(args.features)
    fitted = files.read_model(args.model)
    fitted.check_features(tuple(plan.names), plan.hash, str(args.features))
    rows, features = matrix.read_rows(args.prepared, args.features, plan, "validation", "test")

    forecasts = score.score(fitted, features, rows_per_batch=p.rows_per_batch, jobs=compute.jobs)
    table = score.beside_rows(contract, rows, forecasts)

    with files.fresh_folder(args.out) as draft:
        files.write_table(table, draft / "predictions.parquet")
    stage.report("predict", rows=len(table), forecasts=len(fitted.forecasts))


if __name__ == "__main__":
    stage.run(main)

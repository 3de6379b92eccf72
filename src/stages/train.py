"""Rows and features -> a fitted model: trees, calibration, threshold by cost, intervals.

Reads   the data-set contract, data/prepared, data/features (parts train and validation)
Params  train (and compute, which changes no byte)
Writes  models/model.joblib, models/model.json, metrics/train.json
"""

from collections.abc import Sequence

from oilcan import params
from oilcan.io import files, matrix, stage
from oilcan.training import data, description, fit


def main(argv: Sequence[str] | None = None) -> None:
    """Train on what the arguments name."""
    args = stage.parse(__doc__, "contract", "prepared", "features", "model", "description", "metrics", argv=argv)
    p = files.read_params(params.TrainParams, args.params, "train")
    compute = files.read_params(params.ComputeParams, args.params, "compute")
    contract = files.read_contract(args.contract)
    plan = matrix.read_plan(args.features)
    parts = {name: data.Part(*matrix.read_rows(args.prepared, args.features, plan, name))
             for name in ("train", "validation")}
    tables = {name: files.read_table(args.prepared / f"{name}.parquet") for name in ("failures", "machines")}

    training_data = data.TrainingData(**parts, features=tuple(plan.names), plan_hash=plan.hash, **tables)
    training = fit.train(contract, training_data, p, compute)

    files.write_model(training.trained, args.model)
    files.write_json(description.describe(contract, training, training_data, p), args.description)
    files.write_json(training.as_json(), args.metrics)
    stage.warn("train", training.warnings())
    stage.report("train", rows=len(parts["train"].rows), features=len(plan.names), forecasts=len(training.finished))


if __name__ == "__main__":
    stage.run(main)

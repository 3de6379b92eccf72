"""Rows and features -> a fitted model: trees, calibration, threshold by cost, intervals.

Reads   the data-set contract, data/prepared, data/features (parts train and validation)
Params  train (and compute, which changes no byte)
Writes  models/model, models/model.json, metrics/detail/train.json
"""

from collections.abc import Sequence

from oilcan.io.batches import feature_rows
from oilcan.io.bundle import model_folder
from oilcan.io.stage import files, stage, stage_inputs
from oilcan.operations.partitioned import rows_for_training
from oilcan.params.compute import ComputeParams
from oilcan.params.stages.train import TrainParams
from oilcan.training import fit, model_description


def main(argv: Sequence[str] | None = None) -> None:
    """Train on what the arguments name."""
    args = stage.parse(__doc__, "contract", "prepared", "features", "model", "description", "metrics", argv=argv)
    p = stage_inputs.read_params(TrainParams, args.params, "train")
    compute = stage_inputs.read_params(ComputeParams, args.params, "compute")
    contract = stage_inputs.read_contract(args.contract)
    plan = feature_rows.read_plan(args.features)
    sample = rows_for_training.read_training_data(contract, plan, args.prepared, args.features, p, compute)

    training = fit.train(contract, sample, p, compute)

    model_folder.write_model(training.trained, args.model)
    files.write_json(model_description.describe(contract, training, sample, p), args.description)
    files.write_json(training.as_json(), args.metrics)
    stage.warn("train", training.warnings())
    stage.report("train", rows=len(sample.train.rows), features=len(plan.names), forecasts=len(training.finished))


if __name__ == "__main__":
    stage.run(main)

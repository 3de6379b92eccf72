"""A fitted model and features -> forecasts for the validation and test parts, made once.

Reads   the data-set contract, data/prepared, data/features, models/model
Params  predict (and compute, which changes no byte)
Writes  data/predictions/predictions.parquet
"""

from collections.abc import Sequence

from oilcan.io.batches import feature_rows
from oilcan.io.bundle import model_folder
from oilcan.io.stage import files, stage, stage_inputs, table_files
from oilcan.operations.partitioned.partition_forecasts import TrainedFleet, forecast_partitions
from oilcan.params.compute import ComputeParams
from oilcan.params.stages.predict import PredictParams


def main(argv: Sequence[str] | None = None) -> None:
    """Forecast what the arguments name."""
    args = stage.parse(__doc__, "contract", "prepared", "features", "model", "out", argv=argv)
    p = stage_inputs.read_params(PredictParams, args.params, "predict")
    compute = stage_inputs.read_params(ComputeParams, args.params, "compute")
    contract = stage_inputs.read_contract(args.contract)
    plan = feature_rows.read_plan(args.features)
    trained = model_folder.read_model(args.model)
    trained.served.check_features(tuple(plan.names), plan.hash, str(args.features))

    fleet = TrainedFleet(contract, args.model, args.prepared, args.features, plan)
    tables = forecast_partitions(fleet, trained, p, compute)

    with files.fresh_folder(args.out) as draft:
        rows = table_files.write_pieces(tables, draft / "predictions.parquet")
    stage.report("predict", rows=rows, forecasts=len(trained.served.forecasts))


if __name__ == "__main__":
    stage.run(main)

"""Forecasts -> how good they are: by row, by event and by money, with intervals, slices and the tables of plots.

Reads   the data-set contract, data/prepared, data/predictions, models/model.json, metrics/detail/explain.json
Params  evaluate
Writes  metrics/evaluate.json, metrics/detail/evaluate.json, metrics/detail/slices.json, plots/*.csv
"""

from collections.abc import Sequence

from oilcan.evaluation import figures, headlines
from oilcan.evaluation.fleet_and_forecasts import Fleet, Forecasts, forecast_at, need, wanted_readings
from oilcan.ground.columns import MACHINE, TIME
from oilcan.io.batches.split_file import SplitFile
from oilcan.io.stage import files, stage, stage_inputs, table_files
from oilcan.params.stages.evaluate import EvaluateParams

_TABLES = ("errors", "maintenance", "judged_failures", "machines")


def main(argv: Sequence[str] | None = None) -> None:
    """Evaluate what the arguments name."""
    args = stage.parse(__doc__, "contract", "prepared", "predictions", "model", "explained", "metrics", "detail",
                       "slices", "plots", argv=argv)
    p = stage_inputs.read_params(EvaluateParams, args.params, "evaluate")
    contract = stage_inputs.read_contract(args.contract)
    forecast_file, row_file = args.predictions / "predictions.parquet", args.prepared / "rows.parquet"
    count = table_files.shape(forecast_file)[0]
    need(count, table_files.shape(row_file)[0]).check()
    predictions = SplitFile(forecast_file)
    when = TIME if TIME in predictions.columns else MACHINE
    readings = table_files.read_partitions(args.prepared / "telemetry", wanted_readings(contract),
                                           forecast_at(table_files.read_table(forecast_file, [when])[when]))
    tables = table_files.read_tables(args.prepared, _TABLES)
    fleet = Fleet(contract=contract, rows=SplitFile(row_file), readings=readings,
                  failures=tables.pop("judged_failures"), **tables)
    forecasts = Forecasts(predictions, files.read_json(args.model).get("policies", {}))

    judged = figures.evaluate(fleet, forecasts, files.read_json(args.explained), p)

    files.write_json(headlines.headlines(judged.metrics), args.metrics)
    files.write_json(judged.metrics, args.detail)
    files.write_json(judged.slices, args.slices)
    with files.fresh_folder(args.plots) as draft:
        table_files.write_csvs(judged.tables, draft)
    stage.report("evaluate", rows=count, metrics=len(judged.metrics["test"]), plots=len(judged.tables))


if __name__ == "__main__":
    stage.run(main)

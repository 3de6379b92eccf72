"""Forecasts -> how good they are: by row, by event and by money, with intervals, slices, plots and a report.

Reads   the data-set contract, data/prepared, data/predictions, models/model.json, metrics/explain.json
Params  evaluate
Writes  metrics/evaluate.json, metrics/slices.json, plots/*.csv, reports/evaluation.html
"""

from collections.abc import Sequence

import pandas as pd

from oilcan import params
from oilcan.evaluation import evaluate, report
from oilcan.evaluation.evidence import Evidence, wanted_readings
from oilcan.io import files, stage

_TABLES = ("rows", "errors", "maintenance", "failures", "machines")


def main(argv: Sequence[str] | None = None) -> None:
    """Evaluate what the arguments name."""
    args = stage.parse(__doc__, "contract", "prepared", "predictions", "model", "explained", "metrics", "slices",
                       "plots", "report", argv=argv)
    p = files.read_params(params.EvaluateParams, args.params, "evaluate")
    contract = files.read_contract(args.contract)
    wanted = wanted_readings(contract)
    parts = files.partitions(args.prepared / "telemetry")
    readings = pd.concat([files.read_table(part, wanted) for part in parts], ignore_index=True)
    tables = {name: files.read_table(args.prepared / f"{name}.parquet") for name in _TABLES}
    predictions = files.read_table(args.predictions / "predictions.parquet")
    evidence = Evidence(contract=contract, params=p, predictions=predictions, readings=readings,
                        model=files.read_json(args.model), explained=files.read_json(args.explained), **tables)

    found = evaluate.evaluate(evidence)
    page = report.page(evidence, found)

    files.write_json(found.metrics, args.metrics)
    files.write_json(found.slices, args.slices)
    with files.fresh_folder(args.plots) as draft:
        for name, table in found.tables.items():
            files.write_csv(table, draft / f"{name}.csv")
    files.write_text(page, args.report)
    stage.report("evaluate", rows=len(predictions), metrics=len(found.metrics["test"]), plots=len(found.tables))


if __name__ == "__main__":
    stage.run(main)

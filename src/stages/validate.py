"""Canonical tables -> a verdict: fails closed above the stated shares, quarantines below.

Reads   the contract, data/canonical
Params  compute, validate
Writes  metrics/data_quality.json, metrics/detail/data_quality.json, reports/data_quality.html,
        data/quarantine.parquet
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import joblib

from oilcan.core import quality
from oilcan.ground.processes import side_by_side
from oilcan.io.stage import files, stage, stage_inputs, table_files
from oilcan.params.compute import ComputeParams
from oilcan.params.validate import ValidateParams
from oilcan.reports.data_quality_page import render


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = stage.parse(__doc__, "contract", "canonical", "metrics", "detail", "report", "quarantine", argv=argv)
    compute = stage_inputs.read_params(ComputeParams, args.params, "compute")
    p = stage_inputs.read_params(ValidateParams, args.params, "validate")
    contract = stage_inputs.read_contract(args.contract)
    tables = {name: table_files.read_table(args.canonical / f"{name}.parquet") for name in quality.TABLES}
    ingested = files.read_json(args.canonical / "ingest.json")
    parts = table_files.partitions(args.canonical / "telemetry")

    parallel = side_by_side(compute.workers(len(parts)), compute.backend)
    scope = quality.Scope.of(tables["machines"], ingested, contract, p)
    profiles = parallel(joblib.delayed(_read_then)(quality.profile, part, scope) for part in parts)
    habits = quality.learn_habits(profiles, scope)
    findings = parallel(joblib.delayed(_read_then)(quality.inspect, part, scope, habits) for part in parts)
    verdict = quality.judge(findings, habits, tables, ingested, scope)

    files.write_json(verdict.headlines, args.metrics)
    files.write_json(verdict.metrics, args.detail)
    files.write_text(render(verdict, contract), args.report)
    table_files.write_table(verdict.quarantine, args.quarantine)
    stage.report("validate", rows_in=verdict.metrics["rows"], readings_quarantined=len(verdict.quarantine))


def _read_then(check: Callable[..., Any], part: Path, *more: object) -> Any:
    """A check of one partition, read where it is checked."""
    return check(table_files.read_table(part), *more)


if __name__ == "__main__":
    stage.run(main)

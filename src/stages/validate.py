"""Canonical tables -> a verdict: fails closed above the stated shares, quarantines below.

Reads   the contract, data/canonical
Params  compute, validate
Writes  metrics/data_quality.json, reports/data_quality.html, data/quarantine.parquet
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import joblib

from oilcan import params
from oilcan.core import quality
from oilcan.evaluation.data_quality_report import render
from oilcan.io import files, stage
from oilcan.processes import side_by_side


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = stage.parse(__doc__, "contract", "canonical", "metrics", "report", "quarantine", argv=argv)
    compute = files.read_params(params.ComputeParams, args.params, "compute")
    p = files.read_params(params.ValidateParams, args.params, "validate")
    contract = files.read_contract(args.contract)
    tables = {name: files.read_table(args.canonical / f"{name}.parquet") for name in quality.TABLES}
    ingested = files.read_json(args.canonical / "ingest.json")
    parts = files.partitions(args.canonical / "telemetry")

    parallel = side_by_side(compute.workers(len(parts)), compute.backend)
    scope = quality.Scope.of(tables["machines"], ingested, contract, p)
    profiles = parallel(joblib.delayed(_read_then)(quality.profile, part, scope) for part in parts)
    habits = quality.learn_habits(profiles, scope)
    findings = parallel(joblib.delayed(_read_then)(quality.inspect, part, scope, habits) for part in parts)
    verdict = quality.judge(findings, habits, tables, ingested, scope)

    files.write_json(verdict.metrics, args.metrics)
    files.write_text(render(verdict, contract), args.report)
    files.write_table(verdict.quarantine, args.quarantine)
    stage.report("validate", rows_in=verdict.metrics["rows"], readings_quarantined=len(verdict.quarantine))


def _read_then(check: Callable[..., Any], part: Path, *more: object) -> Any:
    """A check of one partition, read where it is checked."""
    return check(files.read_table(part), *more)


if __name__ == "__main__":
    stage.run(main)

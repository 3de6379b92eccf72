"""Canonical tables -> a verdict: fails closed above the stated shares, quarantines below.

Reads   the contract, data/canonical
Params  compute, validate
Writes  metrics/data_quality.json, metrics/detail/data_quality.json, reports/data_quality.html,
        data/quarantine.parquet
"""

from collections.abc import Sequence

from oilcan.core import quality
from oilcan.io.stage import files, stage, stage_inputs, table_files
from oilcan.operations.partitioned.quality_partitions import judge_partitions
from oilcan.params.compute import ComputeParams
from oilcan.params.stages.validate import ValidateParams
from oilcan.reports.data_quality_page import render


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = stage.parse(__doc__, "contract", "canonical", "metrics", "detail", "report", "quarantine", argv=argv)
    compute = stage_inputs.read_params(ComputeParams, args.params, "compute")
    p = stage_inputs.read_params(ValidateParams, args.params, "validate")
    contract = stage_inputs.read_contract(args.contract)
    tables = table_files.read_tables(args.canonical, quality.TABLES)
    ingested = files.read_json(args.canonical / "ingest.json")
    readings = table_files.partitions(args.canonical / "telemetry")

    scope = quality.Scope.of(tables["machines"], ingested, contract, p)
    verdict = judge_partitions(readings, tables, ingested, scope, compute)

    files.write_json(verdict.headlines, args.metrics)
    files.write_json(verdict.metrics, args.detail)
    files.write_text(render(verdict, contract), args.report)
    table_files.write_table(verdict.quarantine, args.quarantine)
    stage.report("validate", rows_in=verdict.metrics["rows"], readings_quarantined=len(verdict.quarantine))


if __name__ == "__main__":
    stage.run(main)

"""Prepared rows -> what a maintenance engineer wants to see before any model.

Reads   the contract, data/prepared (labels of the training part only)
Params  explore
Writes  metrics/exploration.json, metrics/detail/exploration.json, reports/exploration/*.csv (for `dvc plots`),
        reports/exploration.html
"""

from collections.abc import Sequence

from oilcan.core.exploration import fleet_findings, fleet_record, key_figures
from oilcan.io import vega_bundle
from oilcan.io.stage import files, stage, stage_inputs, table_files
from oilcan.params.stages.explore import ExploreParams
from oilcan.reports import exploration_page

_TABLES = ("errors", "maintenance", "failures", "machines")


def main(argv: Sequence[str] | None = None) -> None:
    """Explore what the arguments name."""
    args = stage.parse(__doc__, "contract", "prepared", "metrics", "detail", "plots", "report", argv=argv)
    p = stage_inputs.read_params(ExploreParams, args.params, "explore")
    contract = stage_inputs.read_contract(args.contract)
    tables = table_files.read_tables(args.prepared, _TABLES)
    rows = table_files.read_table(args.prepared / "rows.parquet", fleet_findings.row_columns(contract))
    there = sum(table_files.shape(part)[0] for part in table_files.partitions(args.prepared / "telemetry"))
    chosen = fleet_record.machines_read(tables["machines"], there, most=p.max_readings)
    readings = table_files.read_partitions(args.prepared / "telemetry", keep=fleet_record.of_machines(chosen))

    fleet = fleet_record.record(contract, readings, tables, rows, chosen)
    found = fleet_findings.explore(fleet, rows, seed=p.seed)

    files.write_json(key_figures.headlines(found), args.metrics)
    files.write_json(key_figures.detail(found), args.detail)
    with files.fresh_folder(args.plots) as draft:
        table_files.write_csvs(key_figures.plots(found), draft)
    files.write_text(exploration_page.page(found, vega_bundle.vega_bundle()), args.report)
    stage.report(
        "explore", readings=len(fleet.readings), failures=found.clusters["failures"], pitfalls=len(found.pitfalls)
    )


if __name__ == "__main__":
    stage.run(main)

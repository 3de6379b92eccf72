"""Canonical tables -> prepared rows: clean, derive, label with censoring, part with a gap.

Reads   the contract, data/canonical, data/quarantine.parquet
Params  compute, prepare
Writes  data/prepared: telemetry/part-*.parquet, rows.parquet, event tables, machines, judged_failures,
        prepare.json
"""

from collections.abc import Sequence

from oilcan.core.prepare import partitions
from oilcan.io.stage import files, stage, stage_inputs, table_files
from oilcan.operations.partitioned.prepared_partitions import clean_partitions
from oilcan.params.compute import ComputeParams
from oilcan.params.stages.prepare import PrepareParams


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = stage.parse(__doc__, "contract", "canonical", "quarantine", "out", argv=argv)
    compute = stage_inputs.read_params(ComputeParams, args.params, "compute")
    p = stage_inputs.read_params(PrepareParams, args.params, "prepare")
    contract = stage_inputs.read_contract(args.contract)
    quarantine = table_files.read_table(args.quarantine)
    tables = table_files.read_tables(args.canonical, partitions.TABLES)
    truth, labels = (args.canonical / f"{name}.parquet" if name in contract.tables else None
                     for name in ("truth", "labels"))
    stated = None if labels is None else table_files.read_table(labels)
    readings = table_files.partitions(args.canonical / "telemetry")

    with files.fresh_folder(args.out) as out:
        cleaned = clean_partitions(readings, quarantine, contract, p, compute, out / "telemetry", truth)
        with table_files.table_in_pieces(out / "rows.parquet") as take:
            prepared = partitions.prepare_rows(cleaned, tables, stated, contract, seed=p.seed, take=take)
        table_files.write_tables({**tables, "judged_failures": prepared.judged_failures}, out)
        files.write_json(prepared.summary, out / "prepare.json")
    stage.report("prepare", **prepared.headline)


if __name__ == "__main__":
    stage.run(main)

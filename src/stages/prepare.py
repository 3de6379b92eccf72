"""Canonical tables -> prepared rows: clean, derive, label with censoring, part with a gap.

Reads   the contract, data/canonical, data/quarantine.parquet
Params  compute, prepare
Writes  data/prepared: telemetry/part-*.parquet, rows.parquet, event tables, machines, prepare.json
"""

from collections.abc import Sequence
from pathlib import Path

import joblib
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.prepare import partitions
from oilcan.ground.processes import side_by_side
from oilcan.io.stage import files, stage, stage_inputs, table_files
from oilcan.params.compute import ComputeParams
from oilcan.params.prepare import PrepareParams


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = stage.parse(__doc__, "contract", "canonical", "quarantine", "out", argv=argv)
    compute = stage_inputs.read_params(ComputeParams, args.params, "compute")
    p = stage_inputs.read_params(PrepareParams, args.params, "prepare")
    contract = stage_inputs.read_contract(args.contract)
    quarantine = table_files.read_table(args.quarantine)
    tables = {name: table_files.read_table(args.canonical / f"{name}.parquet") for name in partitions.TABLES}
    truth = table_files.read_table(args.canonical / "truth.parquet") if "truth" in contract.tables else None
    parts = table_files.partitions(args.canonical / "telemetry")

    with files.fresh_folder(args.out) as out:
        (out / "telemetry").mkdir()
        done = side_by_side(compute.workers(len(parts)), compute.backend)(
            joblib.delayed(prepare_partition)(number, part, out, contract, quarantine, p)
            for number, part in enumerate(parts)
        )
        prepared = partitions.prepare_rows(done, tables, truth, contract, seed=p.seed)
        table_files.write_table(prepared.rows, out / "rows.parquet")
        for name, table in tables.items():
            table_files.write_table(table, out / f"{name}.parquet")
        files.write_json(prepared.summary, out / "prepare.json")
    stage.report("prepare", **prepared.headline)


def prepare_partition(
    number: int, part: Path, out: Path, contract: Contract, quarantine: pd.DataFrame, p: PrepareParams
) -> partitions.Prepared:
    """One partition, read, prepared and written; what the rows of the fleet need of it comes back."""
    done = partitions.prepare_partition(
        table_files.read_table(part), quarantine, contract, number=number, fill_periods=p.fill_gap_periods
    )
    table_files.write_table(done.telemetry, out / "telemetry" / part.name)
    return done.without_telemetry()


if __name__ == "__main__":
    stage.run(main)

"""Raw files -> canonical tables: renamed, cast, in the contract's units; refused rows in a file of their own.

Reads   the data-set contract, data/raw/<name>/, data/live/<name>/ where it exists; the environment's OILCAN_HASH_KEY
        where columns are hashed
Params  ingest
Writes  telemetry/part-*.parquet, errors, maintenance, failures, machines, alarms, truth (if the contract
        has it), rejected.parquet, ingest.json
"""

import os
from collections.abc import Sequence

from oilcan.core.ingest import ingest, machine_groups
from oilcan.io.raw_data import later_months, reading
from oilcan.io.stage import files, stage, stage_inputs, table_files
from oilcan.params.stages.ingest import IngestParams


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = stage.parse(__doc__, "contract", "raw", "live", "out", argv=argv)
    p = stage_inputs.read_params(IngestParams, args.params, "ingest")
    contract = stage_inputs.read_contract(args.contract)
    live = args.live / contract.name
    hash_key = os.environ.get("OILCAN_HASH_KEY", "").encode()
    canonical = ingest(reading.read_raw(contract, args.raw, live), contract, hash_key=hash_key)
    alarms = later_months.alarms_of(live, contract, canonical.tables["machines"])
    groups = machine_groups(canonical.tables.pop("telemetry"), p.machines_per_partition)

    with files.fresh_folder(args.out) as folder:
        table_files.write_partitions(groups, folder / "telemetry")
        table_files.write_tables({**canonical.tables, "alarms": alarms, "rejected": canonical.rejected}, folder)
        files.write_json(canonical.counts, folder / "ingest.json")
    stage.report("ingest", **{name: f"{row['kept']:,} of {row['read']:,}" for name, row in canonical.counts.items()})


if __name__ == "__main__":
    stage.run(main)

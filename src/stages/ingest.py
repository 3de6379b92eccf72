"""Raw files -> canonical tables: renamed, cast, in the contract's units; refused rows in a file of their own.

Reads   the data-set contract, data/raw/<name>/, data/live/<name>/ where it exists; the environment's OILCAN_HASH_KEY
        where columns are hashed
Params  ingest
Writes  telemetry/part-*.parquet, errors, maintenance, failures, machines, alarms, truth (if the contract
        has it), rejected.parquet, ingest.json
"""

import os
from collections.abc import Sequence

from oilcan.core.ingest import ingest
from oilcan.io.raw_data import later_months
from oilcan.io.raw_data.in_parts import raw_parts
from oilcan.io.stage import files, stage, stage_inputs, table_files
from oilcan.operations.partitioned.canonical_files import growing_tables
from oilcan.params.stages.ingest import IngestParams


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = stage.parse(__doc__, "contract", "raw", "live", "out", argv=argv)
    p = stage_inputs.read_params(IngestParams, args.params, "ingest")
    contract = stage_inputs.read_contract(args.contract)
    live = args.live / contract.name
    hash_key = os.environ.get("OILCAN_HASH_KEY", "").encode()

    with (files.fresh_folder(args.out) as folder,
          raw_parts.opened(contract, args.raw, live, folder / ".parts", hash_key=hash_key) as (raw, parts)):
        with growing_tables(folder, p.machines_per_partition) as take:
            canonical = ingest(raw, contract, hash_key=hash_key, parts=parts, take=take)
        alarms = later_months.alarms_of(live, contract, canonical.tables["machines"])
        table_files.write_tables({**canonical.tables, "alarms": alarms, "rejected": canonical.rejected}, folder)
        files.write_json(canonical.counts, folder / "ingest.json")
    stage.report("ingest", **{name: f"{row['kept']:,} of {row['read']:,}" for name, row in canonical.counts.items()})


if __name__ == "__main__":
    stage.run(main)

"""Prepared rows -> features: causal, by a plan that is data, learned on training rows only.

Reads   the contract, data/prepared (of rows.parquet the key, the partition, the part; the remaining
        life of training rows, from which the weights of the health index are learned)
Params  compute, featurize
Writes  data/features: part-*.parquet (key and float32 features), plan.json
"""

from collections.abc import Sequence

from oilcan.core.features.arrays import FLEET_TABLES
from oilcan.core.features.learning import row_columns
from oilcan.io.batches import feature_rows
from oilcan.io.stage import files, stage, stage_inputs, table_files
from oilcan.operations.partitioned.feature_partitions import PreparedFleet, write_features
from oilcan.params.compute import ComputeParams
from oilcan.params.stages.featurize import FeaturizeParams


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = stage.parse(__doc__, "contract", "prepared", "out", argv=argv)
    compute = stage_inputs.read_params(ComputeParams, args.params, "compute")
    p = stage_inputs.read_params(FeaturizeParams, args.params, "featurize")
    contract = stage_inputs.read_contract(args.contract)
    rows = feature_rows.partitions(args.prepared, row_columns(contract, p))
    tables = table_files.read_tables(args.prepared, FLEET_TABLES)
    fleet = PreparedFleet.of(table_files.partitions(args.prepared / "telemetry"), rows, tables)

    with files.fresh_folder(args.out) as out:
        plan, dropped = write_features(contract, fleet, p, compute, out)
        files.write_json(plan.to_json(), out / "plan.json")
    stage.report("featurize", rows=len(fleet), features=len(plan.names), dropped=dropped)


if __name__ == "__main__":
    stage.run(main)

"""Prepared rows -> features: causal, by a plan that is data, learned on training rows only.

Reads   the contract, data/prepared (of rows.parquet the key, the partition, the part; the remaining
        life of training rows, from which the weights of the health index are learned)
Params  compute, featurize
Writes  data/features: part-*.parquet (key and float32 features), plan.json
"""

from collections.abc import Sequence
from pathlib import Path

import joblib
import pandas as pd

from oilcan.contract import Contract
from oilcan.core import features
from oilcan.ground.processes import side_by_side
from oilcan.io.stage import files, stage, stage_inputs, table_files
from oilcan.params.compute import ComputeParams
from oilcan.params.featurize import FeaturizeParams


def main(argv: Sequence[str] | None = None) -> None:
    """Run the stage."""
    args = stage.parse(__doc__, "contract", "prepared", "out", argv=argv)
    compute = stage_inputs.read_params(ComputeParams, args.params, "compute")
    p = stage_inputs.read_params(FeaturizeParams, args.params, "featurize")
    contract = stage_inputs.read_contract(args.contract)
    rows = table_files.read_table(args.prepared / "rows.parquet", features.row_columns(contract, p))
    fleet = {name: table_files.read_table(args.prepared / f"{name}.parquet") for name in features.FLEET_TABLES}
    parts = {path: rows[rows["partition"] == number].reset_index(drop=True)
             for number, path in enumerate(table_files.partitions(args.prepared / "telemetry"))}
    run = side_by_side(min(compute.jobs, len(parts)), compute.backend)

    every = features.thinning(contract, len(rows))
    learned = run(joblib.delayed(learn_partition)(contract, path, part, every) for path, part in parts.items())
    plan = features.build_plan(contract, p, features.merge(learned), fleet)
    with files.fresh_folder(args.out) as out:
        screens = run(joblib.delayed(write_partition)(plan, path, part, fleet, out) for path, part in parts.items())
        final = plan.select(features.useful(plan, screens)) if p.drop_constant else plan
        run(joblib.delayed(keep_features)(out / path.name, plan, final) for path in parts)
        files.write_json(final.to_json(), out / "plan.json")
    stage.report("featurize", rows=len(rows), features=len(final.names), dropped=len(plan.names) - len(final.names))


def learn_partition(contract: Contract, path: Path, rows: pd.DataFrame, keep_every: int) -> features.Learned:
    """What the training readings of one partition say."""
    return features.learn(contract, table_files.read_table(path), rows, keep_every=keep_every)


def write_partition(
    plan: features.FeaturePlan, path: Path, rows: pd.DataFrame, fleet: dict[str, pd.DataFrame], out: Path
) -> features.Screen:
    """One partition, read, computed and written; what its training rows hold comes back."""
    table = features.feature_table(plan, features.Tables(telemetry=table_files.read_table(path), rows=rows, **fleet))
    table_files.write_table(table, out / path.name)
    return features.Screen.of(table.loc[rows["part"] == "train", plan.names].to_numpy())


def keep_features(path: Path, plan: features.FeaturePlan, final: features.FeaturePlan) -> None:
    """Drop the columns that the final plan has not."""
    if final != plan:
        dropped = set(plan.names) - set(final.names)
        table_files.write_table(table_files.read_table(path).drop(columns=sorted(dropped)), path)


if __name__ == "__main__":
    stage.run(main)

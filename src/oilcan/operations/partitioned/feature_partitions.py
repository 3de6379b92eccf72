"""Features of a whole fleet: learn from the training readings, compute every partition, drop idle columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import joblib
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.features.arrays import Tables
from oilcan.core.features.batch import feature_table
from oilcan.core.features.learning import Learned, learn, merge, thinning
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.planning.build import build_plan
from oilcan.core.features.planning.screen import Screen, useful
from oilcan.io.stage import table_files
from oilcan.params.compute import ComputeParams
from oilcan.params.stages.featurize import FeaturizeParams


@dataclass(frozen=True)
class PreparedFleet:
    """What features are computed from.

    Attributes
    ----------
    readings
        Part files of the cleaned telemetry, in order of their numbers.
    rows
        Of rows.parquet: key, partition, part, and what `row_columns` names.
    tables
        Event tables and machines by name.
    """

    readings: list[Path]
    rows: pd.DataFrame
    tables: Mapping[str, pd.DataFrame]

    def parts(self) -> dict[Path, pd.DataFrame]:
        """Part file -> its rows, index 0..n-1."""
        return {path: self.rows[self.rows["partition"] == number].reset_index(drop=True)
                for number, path in enumerate(self.readings)}


def write_features(
    contract: Contract, fleet: PreparedFleet, params: FeaturizeParams, compute: ComputeParams, out: Path
) -> tuple[FeaturePlan, int]:
    """Write one feature table for each partition into `out`.

    Returns
    -------
    The plan whose columns the tables hold, and how many features were dropped because they never vary in
    training rows.
    """
    parts = fleet.parts()
    run = compute.side_by_side(min(compute.jobs, len(parts)))
    every = thinning(contract, len(fleet.rows))
    learned = run(joblib.delayed(_learn)(contract, path, rows, every) for path, rows in parts.items())
    plan = build_plan(contract, params, merge(learned), dict(fleet.tables))
    screens = run(joblib.delayed(_write)(plan, path, rows, fleet.tables, out) for path, rows in parts.items())
    final = plan.select(useful(plan, screens)) if params.drop_constant else plan
    run(joblib.delayed(_keep_columns)(out / path.name, plan, final) for path in parts)
    return final, len(plan.names) - len(final.names)


def _learn(contract: Contract, path: Path, rows: pd.DataFrame, keep_every: int) -> Learned:
    return learn(contract, table_files.read_table(path), rows, keep_every=keep_every)


def _write(
    plan: FeaturePlan, path: Path, rows: pd.DataFrame, tables: Mapping[str, pd.DataFrame], out: Path
) -> Screen:
    """Write one feature table; returns a summary of its training rows, small enough to send to the parent."""
    table = feature_table(plan, Tables(telemetry=table_files.read_table(path), rows=rows, **tables))
    table_files.write_table(table, out / path.name)
    return Screen.of(table.loc[rows["part"] == "train", plan.names].to_numpy())


def _keep_columns(path: Path, plan: FeaturePlan, final: FeaturePlan) -> None:
    if final != plan:
        dropped = sorted(set(plan.names) - set(final.names))
        # a cluster runs a piece again whose worker died behind the last line
        table_files.write_table(table_files.read_table(path).drop(columns=dropped, errors="ignore"), path)

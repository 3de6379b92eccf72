"""Features of a whole fleet: learn from the training readings, compute every partition, drop idle columns."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import joblib
import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.features.arrays import Tables
from oilcan.core.features.batch import feature_table
from oilcan.core.features.learning import Learned, learn, merge, thinning
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.planning.build import build_plan
from oilcan.core.features.planning.screen import Screen, useful
from oilcan.ground.columns import PARTITION
from oilcan.ground.needs import GIB, Need
from oilcan.io.stage import table_files
from oilcan.params.compute import ComputeParams
from oilcan.params.stages.featurize import FeaturizeParams

_BYTES_OF_A_CELL: Final = 96        # of a reading of one column: its windows, averages and normals
_BYTES_OF_A_KEY: Final = 60         # of a row in the parent: key, partition, part, remaining life
_COPIES: Final = 3                  # of the features of a partition
_ON_DISK: Final = 1.1               # Parquet hardly makes float32 smaller: 1.06 was measured


@dataclass(frozen=True)
class PreparedFleet:
    """What features are computed from.

    Attributes
    ----------
    rows
        Part file -> its rows, index 0..n-1: of rows.parquet what `row_columns` names.
    tables
        Event tables and machines by name.
    """

    rows: Mapping[Path, pd.DataFrame]
    tables: Mapping[str, pd.DataFrame]

    @classmethod
    def of(cls, readings: Sequence[Path], rows: Iterable[pd.DataFrame], tables: Mapping[str, pd.DataFrame]
           ) -> "PreparedFleet":
        """Part files of the cleaned telemetry in order of their numbers, and the rows of each partition with any."""
        by_number = {int(part[PARTITION].iloc[0]): part for part in rows}
        nothing = next(iter(by_number.values())).iloc[:0]
        return cls({path: by_number.get(number, nothing) for number, path in enumerate(readings)}, tables)

    def __len__(self) -> int:
        return sum(map(len, self.rows.values()))


def write_features(
    contract: Contract, fleet: PreparedFleet, params: FeaturizeParams, compute: ComputeParams, out: Path
) -> tuple[FeaturePlan, int]:
    """Write one feature table for each partition into `out`.

    Raises
    ------
    DataError
        If the tables take more memory or disk than is free.

    Returns
    -------
    The plan whose columns the tables hold, and how many features were dropped because they never vary in
    training rows.
    """
    parts = fleet.rows
    run = compute.side_by_side(min(compute.jobs, len(parts)))
    every = thinning(contract, len(fleet))
    learned = run(joblib.delayed(_learn)(contract, path, rows, every) for path, rows in parts.items())
    plan = build_plan(contract, params, merge(learned), dict(fleet.tables))
    need(fleet, plan, compute).check(out)
    screens = run(joblib.delayed(_write)(plan, path, rows, fleet.tables, out / path.name)
                  for path, rows in parts.items())
    final = plan.select(useful(plan, screens)) if params.drop_constant else plan
    run(joblib.delayed(_keep_columns)(out / path.name, plan, final) for path in parts)
    return final, len(plan.names) - len(final.names)


def need(fleet: PreparedFleet, plan: FeaturePlan, compute: ComputeParams) -> Need:
    """What the features of a plan take, told from the size of the partitions."""
    rows, most = len(fleet), max(map(len, fleet.rows.values()))
    cells = max(math.prod(table_files.shape(path)) for path in fleet.rows)
    width = len(plan.names) * np.float32().itemsize
    of_worker = 0.15 * GIB + cells * _BYTES_OF_A_CELL + most * width * _COPIES
    return Need(
        "featurize", f"computing {len(plan.names):,} features of {rows:,} rows, up to {most:,} of them in a partition, "
        f"with compute.jobs: {compute.jobs}",
        "Lower compute.jobs or ingest.machines_per_partition in params.yaml, or make room on the disk.",
        memory=0.3 * GIB + rows * _BYTES_OF_A_KEY + compute.on_this_host * of_worker, disk=rows * width * _ON_DISK)


def _learn(contract: Contract, path: Path, rows: pd.DataFrame, keep_every: int) -> Learned:
    return learn(contract, table_files.read_table(path), rows, keep_every=keep_every)


def _write(
    plan: FeaturePlan, path: Path, rows: pd.DataFrame, tables: Mapping[str, pd.DataFrame], out: Path
) -> Screen:
    """Write one feature table; returns a summary of its training rows, small enough to send to the parent."""
    table = feature_table(plan, Tables(telemetry=table_files.read_table(path), rows=rows, **tables))
    table_files.write_table(table, out)
    return Screen.of(table.loc[rows["part"] == "train", plan.names].to_numpy())


def _keep_columns(path: Path, plan: FeaturePlan, final: FeaturePlan) -> None:
    if final != plan:
        dropped = sorted(set(plan.names) - set(final.names))
        # a cluster runs a piece again whose worker died behind the last line
        table_files.write_table(table_files.read_table(path).drop(columns=dropped, errors="ignore"), path)

"""Rows of data/prepared joined with their features of data/features."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from oilcan.core.features.plan import FeaturePlan
from oilcan.ground.columns import KEY, PART, PARTITION
from oilcan.ground.errors import IntegrityError
from oilcan.io.stage import files, table_files


def read_plan(features: Path) -> FeaturePlan:
    """The feature plan next to the feature tables; IntegrityError if its hash and its content disagree."""
    return FeaturePlan.from_json(files.read_json(features / "plan.json"))


def read_rows(prepared: Path, features: Path, plan: FeaturePlan, *parts: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of some parts and their features, partition by partition.

    Parameters
    ----------
    prepared, features
        data/prepared and data/features.
    parts
        `train`, `validation`, `test`.

    Returns
    -------
    Rows as in rows.parquet, index 0..n-1, and float32 features in order of the plan, (n, n_features), C order.

    Raises
    ------
    IntegrityError
        If a feature table does not hold exactly the prepared rows.
    """
    rows = table_files.read_table(prepared / "rows.parquet")
    wanted = rows[PART].isin(parts).to_numpy()
    return rows[wanted].reset_index(drop=True), read_matrix(features, plan, rows, wanted)


def read_matrix(features: Path, plan: FeaturePlan, rows: pd.DataFrame, wanted: np.ndarray) -> np.ndarray:
    """Features of some rows of the fleet, (m, n_features), float32, C order.

    Parameters
    ----------
    rows
        Whole rows.parquet, (n, ...).
    wanted
        Shape (n,), bool.

    Raises
    ------
    IntegrityError
        As `read_rows`.
    """
    matrix = np.empty((int(wanted.sum()), len(plan.names)), dtype=np.float32)
    at = 0
    for _, values in by_partition(features, plan, rows, wanted):
        matrix[at : at + len(values)] = values
        at += len(values)
    return matrix


def by_partition(features: Path, plan: FeaturePlan, rows: pd.DataFrame, wanted: np.ndarray,
                 ) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """The wanted rows and their features, one partition at a time; parameters and errors of `read_matrix`."""
    for partition, index in rows.groupby(PARTITION, sort=True).indices.items():
        mask = wanted[index]
        if mask.any():
            of_partition = rows.iloc[index]
            where = features / table_files.partition_name(int(partition))
            table = table_files.read_table(where)
            _check_same_rows(table, of_partition, where)
            yield (of_partition[mask].reset_index(drop=True),
                   table[plan.names].to_numpy(dtype=np.float32)[mask])


def _check_same_rows(table: pd.DataFrame, rows: pd.DataFrame, where: Path) -> None:
    keys = [name for name in KEY if name in rows]
    same = len(table) == len(rows) and all(
        bool((table[name].array == rows[name].array).all()) for name in keys if name in table
    )
    if not same:
        raise IntegrityError(f"{where}: holds other rows than data/prepared/rows.parquet (found {len(table):,}, "
                             f"wanted {len(rows):,} with the same keys). Run `dvc repro featurize`.")

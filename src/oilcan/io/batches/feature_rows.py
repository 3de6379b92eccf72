"""Rows of data/prepared joined with their features of data/features."""

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
    kept = rows[wanted].reset_index(drop=True)
    matrix = np.empty((len(kept), len(plan.names)), dtype=np.float32)
    at = 0
    for partition, index in rows.groupby(PARTITION, sort=True).indices.items():
        mask = wanted[index]
        if not mask.any():
            continue
        table = table_files.read_table(features / table_files.partition_name(int(partition)))
        _check_same_rows(table, rows.iloc[index], features / table_files.partition_name(int(partition)))
        n = int(mask.sum())
        matrix[at : at + n] = table[plan.names].to_numpy(dtype=np.float32)[mask]
        at += n
    return kept, matrix


def _check_same_rows(table: pd.DataFrame, rows: pd.DataFrame, where: Path) -> None:
    keys = [name for name in KEY if name in rows]
    same = len(table) == len(rows) and all(
        np.array_equal(table[name].to_numpy(), rows[name].to_numpy()) for name in keys if name in table
    )
    if not same:
        raise IntegrityError(f"{where}: holds other rows than data/prepared/rows.parquet (found {len(table):,}, "
                             f"wanted {len(rows):,} with the same keys). Run `dvc repro featurize`.")

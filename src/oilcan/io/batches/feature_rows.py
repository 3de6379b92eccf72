"""Rows of data/prepared joined with their features of data/features."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from oilcan.core.features.plan import FeaturePlan
from oilcan.core.model.picked_rows import PickedRows
from oilcan.ground.columns import GROUP, KEY, MACHINE, PART, PARTITION
from oilcan.ground.errors import IntegrityError
from oilcan.io.stage import files, table_files

Pick = Callable[[pd.DataFrame], np.ndarray]        # rows, shape (n, ...) -> which of them are wanted, (n,), bool


def read_plan(features: Path) -> FeaturePlan:
    """The feature plan next to the feature tables; IntegrityError if its hash and its content disagree."""
    return FeaturePlan.from_json(files.read_json(features / "plan.json"))


def read_part(prepared: Path, *parts: str) -> pd.DataFrame:
    """Rows of some parts (`train`, `validation`, `test`) as in rows.parquet, index 0..n-1."""
    return table_files.read_table(prepared / "rows.parquet", filters=[(PART, "in", list(parts))])


def count_by_machine(prepared: Path, *parts: str) -> pd.Series:
    """Rows of some parts by machine, in order of the machines."""
    counts = [rows[rows[PART].isin(parts)][MACHINE].value_counts(sort=False)
              for rows in partitions(prepared, keys(prepared))]
    return pd.concat(counts).groupby(level=0, sort=True).sum()


def read_machines(prepared: Path, part: str, machines: pd.Index | None) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of some machines in a part, index 0..n-1, and which rows of the part they are, bool; None for all."""
    kept, taken = [], []
    for rows in partitions(prepared):
        of_part = rows[rows[PART] == part]
        is_taken = np.ones(len(of_part), dtype=bool) if machines is None else of_part[MACHINE].isin(machines).to_numpy()
        kept.append(of_part[is_taken])
        taken.append(is_taken)
    return pd.concat(kept, ignore_index=True), np.concatenate(taken)


def keys(prepared: Path) -> list[str]:
    """Key, part and partition, as far as the rows have them: independent rows have no time, few have a group."""
    wanted = (PARTITION, *KEY, GROUP, PART)
    return [name for name in table_files.columns(prepared / "rows.parquet") if name in wanted]


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
    rows = read_part(prepared, *parts)
    return rows, read_matrix(prepared, features, plan, parts, np.ones(len(rows), dtype=bool))


def read_matrix(prepared: Path, features: Path, plan: FeaturePlan, parts: Sequence[str], wanted: np.ndarray
                ) -> np.ndarray:
    """Features of some rows, (m, n_features), float32, C order.

    Parameters
    ----------
    parts, wanted
        Which of the rows of `read_part`, shape (n,), bool.

    Raises
    ------
    IntegrityError
        As `read_rows`.
    """
    matrix = np.empty((int(wanted.sum()), len(plan.names)), dtype=np.float32)
    seen = at = 0

    def pick(rows: pd.DataFrame) -> np.ndarray:
        nonlocal seen
        mask = rows[PART].isin(parts).to_numpy(dtype=bool, copy=True)
        count = int(mask.sum())
        mask[mask] = wanted[seen : seen + count]
        seen += count
        return mask

    for _, values in by_partition(features, plan, partitions(prepared, keys(prepared)), pick):
        matrix[at : at + len(values)] = values
        at += len(values)
    return matrix


def read_picked(prepared: Path, features: Path, plan: FeaturePlan, part: str, wanted: np.ndarray) -> PickedRows:
    """Features of the wanted rows of a part, addressed by position in the part; parameters as for `read_matrix`."""
    return PickedRows(np.flatnonzero(wanted), read_matrix(prepared, features, plan, [part], wanted), len(wanted))


def partitions(prepared: Path, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
    """All rows of each partition that has any, index 0..n-1, of which about one is in memory.

    Parameters
    ----------
    columns
        The partition and others; None for all.
    """
    where, waiting = prepared / "rows.parquet", pd.DataFrame()
    for piece in table_files.read_pieces(where, columns):
        rows = pd.concat([waiting, piece], ignore_index=True) if len(waiting) else piece
        starts = np.flatnonzero(np.diff(rows[PARTITION].to_numpy(), prepend=-1))
        for start, end in pairwise(starts):
            yield rows.iloc[start:end].reset_index(drop=True)
        waiting = rows.iloc[starts[-1]:]
    if len(waiting):
        yield waiting.reset_index(drop=True)


def by_partition(features: Path, plan: FeaturePlan, rows: Iterable[pd.DataFrame], pick: Pick,
                 ) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """The wanted rows and their features, one partition at a time; errors of `read_rows`.

    Parameters
    ----------
    rows
        All rows of each partition, from `partitions`.
    """
    for of_partition in rows:
        mask = pick(of_partition)
        if mask.any():
            where = features / table_files.partition_name(int(of_partition[PARTITION].iloc[0]))
            table = table_files.read_table(where)
            _check_same_rows(table, of_partition, where)
            yield (of_partition[mask].reset_index(drop=True),
                   table[plan.names].to_numpy(dtype=np.float32)[mask])


def of_parts(*parts: str) -> Pick:
    """Rows of these parts, for `by_partition`."""
    return lambda rows: rows[PART].isin(parts).to_numpy(dtype=bool)


def _check_same_rows(table: pd.DataFrame, rows: pd.DataFrame, where: Path) -> None:
    keys = [name for name in KEY if name in rows]
    same = len(table) == len(rows) and all(
        bool((table[name].array == rows[name].array).all()) for name in keys if name in table
    )
    if not same:
        raise IntegrityError(f"{where}: holds other rows than data/prepared/rows.parquet (found {len(table):,}, "
                             f"wanted {len(rows):,} with the same keys). Run `dvc repro featurize`.")

"""Failures that the telemetry itself marks, by a flag or by the end of a life: found before any row is refused.

A row that is refused because a sensor is missing still says that its machine failed. A flag that
stays up is one failure, at its first row; the rows behind it are of a machine that stands.
"""

from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.ingest.cleaned import Cleaned
from oilcan.ground.columns import MACHINE, TIME

DOWN: Final = "the machine is down"


def mark_failures(cleaned: Cleaned, columns: dict[str, pd.Series], contract: Contract) -> None:
    """Note the raw rows at which machines fail; rows of a stopped machine are excluded and counted.

    Parameters
    ----------
    cleaned
        The telemetry on its way, rows that the contract excludes already decided, none refused yet.
    columns
        All its columns, one value per raw row; wrong cells are missing.
    contract
        Says where failures are written down.
    """
    source = contract.failures.source
    if source not in {"flag", "end_of_life"} or TIME not in columns:
        return
    placed = cleaned.verdicts.kept & columns[MACHINE].notna().to_numpy() & columns[TIME].notna().to_numpy()
    if cleaned.owner is not None:                   # of a long table: one raw record stands for its row
        placed &= cleaned.owner == np.arange(len(placed))
    if source == "end_of_life":
        cleaned.failed_at = _last_rows(columns, placed) if cleaned.has_refusals() else None
        return
    flag = columns[str(contract.failures.column)]
    is_up = flag.fillna(False).to_numpy(dtype=bool)
    cleaned.lost_failures = int((is_up & cleaned.verdicts.kept & ~placed).sum())
    edges, down = rising_edges(columns[MACHINE], columns[TIME], is_up, placed & flag.notna().to_numpy())
    cleaned.verdicts.decide(down if cleaned.owner is None else down[cleaned.owner], "excluded", DOWN)
    cleaned.failed_at = edges


def rising_edges(
    machine: pd.Series, time: pd.Series, is_up: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of rows at which a flag goes up, and the mask of rows at which it stays up.

    Parameters
    ----------
    machine, time
        Of each row, shape (n,), in any order.
    is_up
        Whether the flag is true.
    known
        Rows that count: machine, time and flag are there.

    Examples
    --------
    >>> machine, time = pd.Series(["a", "a", "a", "a", "b"]), pd.Series([1, 2, 3, 4, 1])
    >>> edges, down = rising_edges(machine, time, np.array([1, 1, 0, 1, 0], dtype=bool), np.ones(5, dtype=bool))
    >>> edges.tolist(), down.tolist()
    ([0, 3], [False, True, False, False, False])
    """
    down = np.zeros(len(machine), dtype=bool)
    failing = machine[is_up & known].unique()
    at = np.flatnonzero(known & machine.isin(failing).to_numpy())
    rows = pd.DataFrame({"machine": machine.iloc[at].array, "time": time.iloc[at].array, "up": is_up[at], "at": at})
    rows = rows.sort_values(["machine", "time", "at"], kind="stable")
    before = rows.groupby("machine", sort=False)["up"].shift(fill_value=False).to_numpy(dtype=bool)
    up = rows["up"].to_numpy(dtype=bool)
    down[rows["at"].to_numpy()[up & before]] = True
    return np.sort(rows["at"].to_numpy()[up & ~before]), down


def _last_rows(columns: dict[str, pd.Series], placed: np.ndarray) -> np.ndarray:
    """Position of each machine's last row, refused ones included."""
    at = np.flatnonzero(placed)
    rows = pd.DataFrame({"machine": columns[MACHINE].iloc[at].array, "time": columns[TIME].iloc[at].array, "at": at})
    return rows.sort_values("time", kind="stable").groupby("machine", sort=False)["at"].last().to_numpy()

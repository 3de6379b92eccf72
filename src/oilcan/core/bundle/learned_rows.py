"""Which rows has a model learned from? A later comparison must not count them.

Kept for each machine by the first 8 bytes of the SHA-256 of its name, so that no name is in the bundle.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from oilcan.ground.columns import MACHINE, PART, TIME

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

LEARNED: Final = ("train", "validation")      # thresholds and calibration are chosen on the validation part
_ALWAYS: Final = np.iinfo(np.int64).max     # where rows have no time, the machine is the row


@dataclass(frozen=True)
class LearnedRows:
    """Machines that a model has seen, and until when.

    Attributes
    ----------
    machines
        uint64, ascending, shape (n,).
    last
        int64, shape (n,): time of the last row that was learned from, in microseconds or cycles.
    """

    machines: np.ndarray
    last: np.ndarray

    @classmethod
    def of(cls, rows: "pd.DataFrame") -> "LearnedRows":
        """Of a table of rows with their part.

        Examples
        --------
        >>> import pandas as pd
        >>> rows = pd.DataFrame({"machine_id": ["a", "a", "b"], "time": [1, 2, 1], "part": ["train", "test", "train"]})
        >>> LearnedRows.of(rows).cover(rows).tolist()
        [True, False, True]
        """
        used = rows[rows[PART].isin(LEARNED)]
        code, names = used[MACHINE].factorize()
        return cls._latest(_hashes(names), code, _times(used))

    @classmethod
    def joined(cls, pieces: "Iterable[LearnedRows]") -> "LearnedRows":
        """What was learned in any of several pieces of a table."""
        several = list(pieces)
        machines = np.concatenate([each.machines for each in several])
        return cls._latest(machines, np.arange(len(machines)), np.concatenate([each.last for each in several]))

    @classmethod
    def _latest(cls, hashes: np.ndarray, code: np.ndarray, times: np.ndarray) -> "LearnedRows":
        """Latest time of each hash; `code` says of each time, (n,), which hash it belongs to."""
        machines, place = np.unique(hashes, return_inverse=True)
        last = np.full(len(machines), np.iinfo(np.int64).min)
        np.maximum.at(last, place[code], times)
        return cls(machines, last)

    def cover(self, rows: "pd.DataFrame") -> np.ndarray:
        """Whether each row was learned from, or lies before one of its machine that was; bool, shape (n,)."""
        if not len(self.machines):
            return np.zeros(len(rows), bool)
        code, names = rows[MACHINE].factorize()
        hashes = _hashes(names)
        at = np.minimum(np.searchsorted(self.machines, hashes), len(self.machines) - 1)
        last = np.where(self.machines[at] == hashes, self.last[at], np.iinfo(np.int64).min)
        return np.asarray(_times(rows) <= last[code])

    def as_records(self) -> np.ndarray:
        """One array for a file."""
        records = np.empty(len(self.machines), [("machine", np.uint64), ("last", np.int64)])
        records["machine"], records["last"] = self.machines, self.last
        return records

    @classmethod
    def from_records(cls, records: np.ndarray) -> "LearnedRows":
        """What `as_records` made.

        Raises
        ------
        ValueError
            If it is something else.
        """
        if records.ndim != 1 or records.dtype.names != ("machine", "last"):
            raise ValueError(f"it is not a table of machines and times (found {records.dtype})")
        return cls(records["machine"].astype(np.uint64), records["last"].astype(np.int64))


def _times(rows: "pd.DataFrame") -> np.ndarray:
    """Times as whole units; where rows have none, the machine is the row: each is learned as a whole."""
    if TIME not in rows:
        return np.full(len(rows), _ALWAYS)
    times = rows[TIME]
    if times.dtype.kind == "M" or str(times.dtype).startswith("datetime"):
        return times.dt.tz_convert("UTC").dt.as_unit("us").astype("int64").to_numpy()
    return times.to_numpy(np.int64)


def _hashes(names: "pd.Index") -> np.ndarray:
    return np.array([int.from_bytes(hashlib.sha256(str(name).encode()).digest()[:8], "big") for name in names],
                    dtype=np.uint64)

"""Telemetry that comes part by part, cut into groups of whole machines: one group for each file."""

from typing import Final

import numpy as np
import pandas as pd

from oilcan.ground.columns import MACHINE

ROWS_PER_PARTITION: Final = 50_000      # smaller groups of machines are joined: a file has its price too


class MachineGroups:
    """Cuts canonical telemetry, sorted by machine and time, into groups; parts end where a machine ends.

    Neighbouring groups are joined until they hold `ROWS_PER_PARTITION` rows, so that many machines with few rows do not
    become many small files.

    Parameters
    ----------
    machines_per_partition
        Machines in a group.

    Examples
    --------
    >>> groups = MachineGroups(machines_per_partition=1)
    >>> groups.add(pd.DataFrame({"machine_id": ["a", "b", "b"]})), [len(group) for group in groups.rest()]
    ([], [3])
    """

    def __init__(self, machines_per_partition: int) -> None:
        self._size, self._machines = machines_per_partition, 0
        self._open: list[pd.DataFrame] = []             # the rows since the last cut
        self._full: list[pd.DataFrame] = []             # a group that is large enough, until the next one is too

    def add(self, part: pd.DataFrame) -> list[pd.DataFrame]:
        """Groups that are complete with these rows."""
        machine = pd.factorize(part[MACHINE])[0]
        starts = np.flatnonzero(np.r_[True, machine[1:] != machine[:-1]]) if len(part) else np.empty(0, dtype=np.int64)
        first = -self._machines % self._size            # machine of the part that may begin a group
        done, begin, before = [], 0, sum(map(len, self._open))
        for start in starts[first::self._size]:
            if before + start - begin >= ROWS_PER_PARTITION:
                self._open.append(part.iloc[begin:start])
                done += self._close()
                begin, before = int(start), 0
        self._machines += len(starts)
        self._open.append(part.iloc[begin:])
        return done

    def rest(self) -> list[pd.DataFrame]:
        """The groups that are left, after the last part."""
        if self._full and sum(map(len, self._open)) < ROWS_PER_PARTITION:
            return [whole_frame([*self._full, *self._open])]
        return [whole_frame(group) for group in (self._full, self._open) if group]

    def _close(self) -> list[pd.DataFrame]:
        done = [whole_frame(self._full)] if self._full else []
        self._full, self._open = self._open, []
        return done


def whole_frame(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Parts of a table as one whose columns lie in one piece, so that files do not show where parts ended."""
    filled = [part for part in parts if len(part)] or parts[:1]
    return filled[0] if len(filled) == 1 else pd.concat(filled, ignore_index=True).take(range(sum(map(len, filled))))

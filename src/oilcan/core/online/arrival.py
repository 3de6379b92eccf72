"""What becomes of a reading that arrives: new, late, there already, or too late."""

from typing import Final

import numpy as np

NEW: Final = 0              # newer than all of its machine
LATE: Final = 1             # older than the newest: sorted in, the machine was replayed
DUPLICATE: Final = 2        # the machine has a reading of that instant: ignored
TOO_LATE: Final = 3         # older than the lateness allows: not in the features


def judge(
    slots: np.ndarray, times: np.ndarray, newest: np.ndarray, lateness: int, held: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Status of each reading, shape (n,), uint8.

    Parameters
    ----------
    slots, times
        Of the readings, in order of arrival; of two of one machine and instant the first counts.
    newest
        Of each reading's machine before any of them arrived.
    held
        Slots and times of readings that are held and could be met again.

    Examples
    --------
    >>> none = np.empty(0, np.int64), np.empty(0, np.int64)
    >>> judge(np.array([0, 0, 0]), np.array([9, 9, 4]), np.array([8, 8, 8]), 3, none).tolist()
    [0, 2, 3]
    """
    status = np.full(len(slots), NEW, np.uint8)
    status[times <= newest] = LATE
    slot, time = np.concatenate([held[0], slots]), np.concatenate([held[1], times])
    order = np.lexsort((time, slot))                        # stable: what is held comes first
    again = np.zeros(len(slot), dtype=bool)
    again[order[1:]] = (np.diff(slot[order]) == 0) & (np.diff(time[order]) == 0)
    status[again[len(held[0]):]] = DUPLICATE
    status[times <= newest - lateness] = TOO_LATE
    return status

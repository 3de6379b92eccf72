"""Does a sensor stand still, and for how long may it by nature?

A stuck sensor stands still. So do whole numbers that are read once a day, counts of rare events and setpoints: the
reference shows how long such a sensor rests while nothing is wrong with it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from oilcan.monitoring.statistics.cells import Cells

LONGEST: Final = 8                      # windows: as far back as the rules of events look, so the counts are there
_FEW_A_SLOT: Final = 4                  # readings in a slot below which only the whole window can show a rest
_FEWEST: Final = 6                      # readings that are the same, to call it a rest
_WHOLE_NUMBERS: Final = 0.01            # of neighbouring readings that are equal; real numbers hardly ever are


def resting_share(cells: Cells, slots: slice) -> np.ndarray:
    """Share of the slots with readings in which a column never moved, shape (m, c).

    With fewer than four readings a slot, the window as a whole: 1 if it never moved, else 0.
    """
    there = _there(cells, slots)
    if not _is_dense(there):
        return rested(cells, slots, least=0.0).astype(float)
    rests = (there >= _FEWEST) & (cells.low[:, slots] == cells.high[:, slots])
    return np.asarray(rests.sum(axis=1) / np.maximum((there >= _FEWEST).sum(axis=1), 1), dtype=float)


def rested(cells: Cells, slots: slice, *, least: float = 0.5) -> np.ndarray:
    """Whether a column rested from one end of the slots to the other, shape (m, c).

    Parameters
    ----------
    least
        Share of the slots that must have readings.
    """
    there = _there(cells, slots)
    low, high = cells.low[:, slots], cells.high[:, slots]
    if not there.shape[1]:
        return np.zeros((there.shape[0], there.shape[2]), dtype=bool)
    if _is_dense(there):
        known = (there >= _FEWEST).sum(axis=1)
        moved = ((there >= _FEWEST) & (low != high)).any(axis=1)
    else:
        known = (there > 0).sum(axis=1)
        moved = (there.sum(axis=1) < _FEWEST) | (low.min(axis=1) != high.max(axis=1))
    return np.asarray(~moved & (known > 0) & (known >= least * there.shape[1]))


def stood_still(cells: Cells) -> np.ndarray:
    """Columns of machines that never moved in all of the cells, shape (m, c)."""
    there = cells.readings.sum(axis=1)[:, None] - cells.missing.sum(axis=1)
    if not cells.slots:
        return np.zeros(there.shape, dtype=bool)
    return np.asarray((there >= 2 * _FEWEST) & (cells.low.min(axis=1) == cells.high.max(axis=1)))


def rest_windows(cells: Cells, windows: Sequence[slice], slow_share: float) -> np.ndarray:
    """After how many windows at rest a column is stuck, shape (c,); 0 where resting is its nature.

    Real numbers hardly ever repeat: one window is enough. Other columns must rest longer than any machine of the
    reference that moved at all: by one window, and by two if some rested for a whole window.

    Parameters
    ----------
    cells
        Of the reference.
    windows
        Slots of its whole windows, in order and without gaps.
    slow_share
        Of slots at rest, or of machines that never move, from which resting is nature.
    """
    still = stood_still(cells)
    moves = ~still & (cells.readings.sum(axis=1) > 0)[:, None]
    repeats = _repeats(cells, moves)
    out = np.where(repeats > _WHOLE_NUMBERS, _beyond_rests(cells, windows, moves), 1)
    out[~moves.any(axis=0) | (still.mean(axis=0) > slow_share)] = 0
    if _is_dense(_there(cells, slice(None))):
        out[repeats > slow_share] = 0
    return out


def _beyond_rests(cells: Cells, windows: Sequence[slice], moves: np.ndarray) -> np.ndarray:
    """Windows beyond the longest rest of a machine that moves, shape (c,); 0 where the reference is too short."""
    out = np.zeros(cells.columns, dtype=np.int64)
    is_open = np.ones(cells.columns, dtype=bool)
    for length in range(1, min(LONGEST, len(windows)) + 1):
        rests = np.zeros(cells.columns, dtype=bool)
        for first, last in zip(windows, windows[length - 1:], strict=False):
            rests |= (rested(cells, slice(first.start, last.stop)) & moves).any(axis=0)
        out[is_open & ~rests] = length if length == 1 else length + 1
        is_open &= rests
    return np.where(out <= LONGEST, out, 0)


def _repeats(cells: Cells, moves: np.ndarray) -> np.ndarray:
    """Share of slots at rest, or with few readings of neighbouring slots that are equal, shape (c,)."""
    there = _there(cells, slice(None))
    if _is_dense(there):
        known = there >= _FEWEST
        same = known & (cells.low == cells.high)
    else:
        known = (there[:, 1:] > 0) & (there[:, :-1] > 0)
        same = known & (cells.low[:, 1:] == cells.high[:, :-1]) & (cells.high[:, 1:] == cells.low[:, :-1])
    known, same = known & moves[:, None], same & moves[:, None]
    return np.asarray(same.sum(axis=(0, 1)) / np.maximum(known.sum(axis=(0, 1)), 1))


def _there(cells: Cells, slots: slice) -> np.ndarray:
    return np.asarray(cells.readings[:, slots, None] - cells.missing[:, slots])


def _is_dense(there: np.ndarray) -> bool:
    """Whether a slot has enough readings to show a rest by itself."""
    seen = there > 0
    return not seen.any() or float(np.median(there[seen])) >= _FEW_A_SLOT

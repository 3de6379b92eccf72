"""Trailing windows, one reading at a time: the newest readings, and moments that slide over them.

A window is three stretches: what is left of its oldest page, the pages after it up to a *turn*, and the
readings since the turn. The middle is noted on every page at the turn, the last grows by one join per
reading, the first is at most a page. When a window has slid past its turn, the next one is made: at most
once per window's length, so each reading is joined a fixed number of times. This is the queue of two
stacks, with pages for elements; nothing is ever subtracted.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from oilcan.core.features.online.block import Block
from oilcan.core.features.online.pages import NEVER, Log
from oilcan.core.features.online.rows import NONE, Rows
from oilcan.core.features.online.stretches import Layout

AT_ONCE: Final = 256        # machines that turn together: what they need stays in the processor's cache


class Windows:
    """Several windows over the same sensors.

    Parameters
    ----------
    columns
        Of the sensors among the processed readings.
    lengths
        Whole units, ascending, shape (windows,).
    layout
        What is kept of a stretch.
    per_tick
        Whole units in a tick.

    Attributes
    ----------
    state
        Per machine and window: `oldest` page, time of the last reading of the `turn`, moments `since` then.
    """

    def __init__(self, columns: Sequence[int], lengths: np.ndarray, layout: Layout, per_tick: int) -> None:
        self.columns, self.lengths, self.layout, self.per_tick = list(columns), lengths, layout, per_tick
        n = len(lengths)
        self.log = Log(layout.sensors, (n, *layout.shape))
        self.state = Rows(oldest=np.full(n, -1), turn=np.full(n, NONE), since=np.tile(layout.empty(), (n, 1, 1)))

    def grow(self, n: int) -> None:
        """Make room for machines up to number `n`."""
        self.state.grow(n)
        self.log.machines.grow(n)

    def push(self, block: Block, processed: np.ndarray, first: np.ndarray) -> None:
        """Slide the windows to the newest of these readings, all newer than what is held.

        Parameters
        ----------
        processed
            Of all sensors, shape (n, sensors).
        first
            First reading of each machine, shape (m,): where ticks begin.
        """
        values, slots = processed[:, self.columns], block.slots
        self.log.push(block.with_values(values))
        ticks = (block.time - first[block.machine]) / self.per_tick
        since, oldest = self.state["since"][slots], self.state["oldest"][slots]
        added = np.broadcast_to(self.layout.of_block(block, values, ticks)[:, None], since.shape)
        oldest = np.where(oldest < 0, self.log.machines["first"][slots][:, None], oldest)
        cut = block.newest[:, None] - self.lengths
        oldest = self.log.skip(oldest.ravel(), cut.ravel()).reshape(oldest.shape)
        self.state.put(slots, {"since": self.layout.join(since, added), "oldest": oldest})
        self._turn(slots, cut, block.newest, first)
        self.log.drop(slots, oldest[:, -1])

    def forget(self, slots: np.ndarray, after: np.ndarray) -> None:
        """Drop the readings of machines after `after`, shape (m,)."""
        self.replace(slots, self.log.readings(slots, np.full(len(slots), NONE), after))

    def replace(self, slots: np.ndarray, block: Block) -> None:
        """Hold these readings of machines and no others."""
        self.log.clear(slots)
        self.log.push(block)
        self.state.put(slots, {"oldest": self.log.machines["first"][slots][:, None], "turn": np.array(NONE),
                               "since": self.state.empty["since"]})

    def moments(self, slots: np.ndarray, now: np.ndarray, newest: np.ndarray, first: np.ndarray) -> np.ndarray:
        """Packed moments at an instant not before the newest reading, shape (m, windows, fields, sensors)."""
        cut = now[:, None] - self.lengths
        self._turn(slots, np.minimum(cut, newest[:, None] - 1), newest, first)
        oldest = self.log.skip(self.state["oldest"][slots].ravel(), cut.ravel()).reshape(cut.shape)
        turn, out = self.state["turn"][slots], self.state["since"][slots]
        for at in range(len(self.lengths)):
            page = oldest[:, at]
            time = self.log.time[page]                                          # (m, rows)
            inside = (time > cut[:, [at]]) & (time <= turn[:, [at]])
            values = np.where(inside[:, :, None], self.log.values[page], np.nan)
            part = self.layout.of_pages(values, (time - first[:, None]) / self.per_tick)
            part = self.layout.join(part, self.log.notes[page, at])
            out[:, at] = self.layout.join(part, out[:, at])
        out[cut >= newest[:, None]] = self.layout.empty()                       # all has slid out, or nothing came
        return out

    def _turn(self, slots: np.ndarray, cut: np.ndarray, newest: np.ndarray, first: np.ndarray) -> None:
        """Turn the windows that have slid past their last turn."""
        at, window = np.nonzero((cut >= self.state["turn"][slots]) & (newest > NONE)[:, None])
        for few in np.array_split(np.arange(len(at)), -(-len(at) // AT_ONCE)) if len(at) else ():
            self._note(slots[at[few]], window[few], newest[at[few]], first[at[few]])

    def _note(self, slots: np.ndarray, window: np.ndarray, newest: np.ndarray, first: np.ndarray) -> None:
        """Note on every page of a window what comes after it, from the newest page back."""
        chain = self.log.chain(self.state["oldest"][slots, window])
        after = np.tile(self.layout.empty(), (len(slots), 1, 1))
        for step in reversed(range(chain.shape[1])):
            there = np.flatnonzero(chain[:, step] >= 0)
            page = chain[there, step]
            self.log.notes[page, window[there]] = after[there]
            time = self.log.time[page]
            used = time < NEVER
            values = np.where(used[:, :, None], self.log.values[page], np.nan)
            ticks = np.where(used, time - first[there, None], 0) / self.per_tick
            after[there] = self.layout.join(self.layout.of_pages(values, ticks), after[there])
        self.state["turn"][slots, window] = newest
        self.state["since"][slots, window] = self.layout.empty()

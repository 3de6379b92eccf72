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

from oilcan.core.features.moments import Moments
from oilcan.core.features.scan import pieces
from oilcan.core.online.state.machine_arrays import NONE, MachineRows, Taken
from oilcan.core.online.state.reading_block import ReadingBlock
from oilcan.core.online.state.reading_pages import Log
from oilcan.core.online.state.signal_state import ProcessedReadings, weights_of
from oilcan.core.online.state.stretches import Stretch, empty, join, of_rows, some_of

AT_ONCE: Final = 256        # machines looked at together: what they need stays in the processor's cache


class Windows:
    """Several windows over the same sensors.

    Parameters
    ----------
    columns
        Of the sensors among the processed readings.
    lengths
        Whole units, ascending, shape (windows,).
    kept
        Fields of moments that statistics need.
    per_tick
        Whole units in a tick.
    weighted
        Which of the columns is a health index whose readings count by their precision, held behind the sensors.

    Attributes
    ----------
    state
        Per machine and window: `oldest` page, time of the last reading of the `turn`.
    since
        Moments of the readings since the turn, by field.
    """

    def __init__(self, columns: Sequence[int], lengths: np.ndarray, kept: tuple[str, ...], per_tick: int,
                 weighted: int | None = None) -> None:  # fmt: skip
        self.columns, self.lengths, self.kept, self.per_tick = list(columns), lengths, kept, per_tick
        self.weighted, n, sensors = weighted, len(lengths), len(columns)
        self.log = Log(sensors + (weighted is not None), dict.fromkeys(kept, (n, sensors)))
        self.state = MachineRows(oldest=np.full(n, -1), turn=np.full(n, NONE))
        self.since = MachineRows(**empty(kept, n, sensors))

    def grow(self, n: int) -> None:
        """Make room for machines up to number `n`."""
        for rows in (self.state, self.since, self.log.machines):
            rows.grow(n)

    def push(self, block: ReadingBlock, processed: ProcessedReadings, first: np.ndarray) -> None:
        """Slide the windows to the newest of these readings, all newer than what is held.

        Parameters
        ----------
        processed
            Of all sensors.
        first
            First reading of each machine, shape (m,): where ticks begin.
        """
        values, weights, slots = processed.values[:, self.columns], processed.weights(self.columns), block.slots
        cut = block.newest[:, None] - self.lengths
        self._take_up(slots, cut, first)
        self._hold(block, values, weights)
        if (cut < self.state["turn"][slots]).any():         # else all turn, and begin anew
            ticks = self._ticks(block.time, first[block.machine])
            added = some_of(pieces(values, ticks, block.starts, weights, kind=Moments), self.kept)
            self.since.put(slots, join(self.since.take(slots), {name: each[:, None] for name, each in added.items()}))
        oldest = self._slide(slots, cut)
        self._turn(slots, cut >= self.state["turn"][slots], block.newest, first)
        self.log.drop(slots, oldest[:, -1])

    def marks(self) -> MachineRows:
        """Rows of no machines for what `marked` says."""
        return MachineRows(turn=np.full(len(self.lengths), NONE), **self.since.empty)

    def marked(self, slots: np.ndarray) -> Taken:
        """What `rewind` wants to go back to the present of machines."""
        return {"turn": self.state["turn"][slots], **self.since.take(slots)}

    def rewind(self, slots: np.ndarray, after: np.ndarray, marked: Taken | None = None) -> None:
        """Go back to an instant of each machine, shape (m,), and forget the readings after it.

        Parameters
        ----------
        marked
            State that `marked` recorded at that instant. Windows that have turned since, or all where not given, are
            made anew by the next `push`: they turn at that instant, and need not be made again when one goes back there
            once more.
        """
        self.log.truncate(slots, after)
        turn, since = np.full((len(slots), len(self.lengths)), NONE), self.since.empty
        if marked is not None:
            now = self.state["turn"][slots]
            is_same = marked["turn"] == now
            turn = np.where(is_same | (now == after[:, None]), now, NONE)
            since = {name: np.where(is_same[..., None], marked[name], none) for name, none in since.items()}
        self._go_on_from(slots, turn, since)

    def restore(self, slots: np.ndarray, held: ReadingBlock, newer: ReadingBlock, processed: ProcessedReadings) -> None:
        """Hold these readings of machines and no others; what slides is made when it is first asked for.

        Parameters
        ----------
        held, newer
            Readings as `log` holds them, and those since, processed.
        """
        self.log.truncate(slots, np.full(len(slots), NONE))
        self.log.push(held)
        self._hold(newer, processed.values[:, self.columns], processed.weights(self.columns))
        self._go_on_from(slots, np.array(NONE), self.since.empty)

    def _go_on_from(self, slots: np.ndarray, turn: np.ndarray, since: Taken) -> None:
        self.state.put(slots, {"oldest": self.log.machines["first"][slots][:, None], "turn": turn})
        self.since.put(slots, since)

    def _hold(self, block: ReadingBlock, values: np.ndarray, weights: np.ndarray | None) -> None:
        held = values if weights is None else np.column_stack([values, weights[:, self.weighted]])
        self.log.push(block.with_values(held))

    def moments(self, slots: np.ndarray, now: np.ndarray, newest: np.ndarray, first: np.ndarray) -> Stretch:
        """Moments at an instant not before the newest reading, by field, shape (m, windows, sensors)."""
        cut = now[:, None] - self.lengths
        self._turn(slots, np.minimum(cut, newest[:, None] - 1) >= self.state["turn"][slots], newest, first)
        oldest = self.log.skip(self.state["oldest"][slots].ravel(), cut.ravel()).reshape(cut.shape)
        turn, since = self.state["turn"][slots], self.since.take(slots)
        for at in range(len(self.lengths)):
            page = oldest[:, at]
            part = self._of_pages(page, cut[:, at], turn[:, at], first)
            part = join(part, {name: notes[page, at] for name, notes in self.log.notes.items()})
            for name, joined in join(part, {name: each[:, at] for name, each in since.items()}).items():
                since[name][:, at] = joined
        gone = cut >= newest[:, None]                               # all has slid out
        for name, each in empty(self.kept, len(self.columns)).items():
            since[name][gone] = each
        return since

    def _of_pages(self, page: np.ndarray, after: np.ndarray, until: np.ndarray, first: np.ndarray) -> Stretch:
        """Moments of the readings of one page each, after an instant and up to another."""
        time = self.log.time.take(page, axis=1)
        inside = (time > after) & (time <= until)
        values = self.log.values.take(page, axis=1)        # takes half the time of an index
        values[~inside] = np.nan
        time = np.where(inside, time, np.where(inside, time, NONE).max(axis=0))     # others count for nothing
        if self.weighted is None:
            return of_rows(values, self._ticks(time, first), self.kept)
        is_health = [at == self.weighted for at in range(len(self.columns))]
        weights = weights_of(np.where(inside, values[:, :, -1], 1.0), is_health)
        return of_rows(values[:, :, :-1], self._ticks(time, first), self.kept, weights)

    def _take_up(self, slots: np.ndarray, cut: np.ndarray, first: np.ndarray) -> None:
        """Turn windows that were not made yet at the newest reading held, if they hold it for a while."""
        anew = np.flatnonzero((self.state["turn"][slots] == NONE).any(axis=1))
        if len(anew):
            some, until = slots[anew], cut[anew]
            newest = self.log.newest(some)
            self._slide(some, until)
            self._turn(some, (self.state["turn"][some] == NONE) & (until < newest[:, None]), newest, first[anew])

    def _slide(self, slots: np.ndarray, cut: np.ndarray) -> np.ndarray:
        """The oldest page that each window needs, shape (m, windows)."""
        oldest = self.state["oldest"][slots]
        oldest = np.where(oldest < 0, self.log.machines["first"][slots][:, None], oldest)
        oldest = self.log.skip(oldest.ravel(), cut.ravel()).reshape(oldest.shape)
        self.state.put(slots, {"oldest": oldest})
        return oldest

    def _turn(self, slots: np.ndarray, is_due: np.ndarray, newest: np.ndarray, first: np.ndarray) -> None:
        """Turn windows of machines at their newest reading; which, shape (m, windows)."""
        at, window = np.nonzero(is_due)
        for begin in range(0, len(at), AT_ONCE):
            few = slice(begin, begin + AT_ONCE)
            self._note(slots[at[few]], window[few], newest[at[few]], first[at[few]])

    def _note(self, slots: np.ndarray, window: np.ndarray, newest: np.ndarray, first: np.ndarray) -> None:
        """Note on every page of a window what comes after it, from the newest page back."""
        chain = self.log.chain(self.state["oldest"][slots, window])
        after = empty(self.kept, len(slots), len(self.columns))
        for step in reversed(range(chain.shape[1])):
            there = np.flatnonzero(chain[:, step] >= 0)
            page, beyond = chain[there, step], {name: each[there] for name, each in after.items()}
            for name, each in beyond.items():
                self.log.notes[name][page, window[there]] = each
            part = self._of_pages(page, np.full(len(page), NONE), newest[there], first[there])
            for name, each in join(part, beyond).items():
                after[name][there] = each
        self.state["turn"][slots, window] = newest
        for name, each in empty(self.kept, len(self.columns)).items():
            self.since[name][slots, window] = each

    def _ticks(self, time: np.ndarray, first: np.ndarray) -> np.ndarray:
        return (time - first) / self.per_tick

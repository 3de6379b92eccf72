"""The online engine: the feature plan, one reading at a time, for all machines at once.

For every machine it holds the *present* state, a *base* state that lags behind, and the raw readings
since the base. A reading that comes late is sorted in, and the machine is replayed from a mark of a short
while ago or, where that is not far back enough, from its base.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from oilcan.contract import Contract
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.online.arrival import LATE, NEW, TOO_LATE, judge
from oilcan.core.online.compiled_plan import Parts
from oilcan.core.online.feature_columns import ONLINE
from oilcan.core.online.instant_view import InstantView
from oilcan.core.online.restart import dump, in_parts, load_many
from oilcan.core.online.state.checkpoints import Checkpoint, Checkpoints
from oilcan.core.online.state.codec import Codec
from oilcan.core.online.state.machine_arrays import NONE, MachineRows, Taken
from oilcan.core.online.state.reading_block import ReadingBlock
from oilcan.core.online.state.reading_pages import NEVER, Log
from oilcan.core.online.state.remembered import Recursion
from oilcan.core.online.state.static_values import Columns
from oilcan.core.timeline.lookup import window_units
from oilcan.ground.columns import MACHINE
from oilcan.ground.errors import IntegrityError

VIEWED: Final = 1024        # machines whose features are computed together: bounds what is needed meanwhile
LAGS: Final = 4             # the base moves once it is this part of the lateness behind what it may be
MARKS: Final = 32           # marks are this part of the lateness apart


class OnlineFeatures:
    """Features of every machine at its newest reading.

    Time is in whole units, int64: microseconds since 1970-01-01 UTC, cycles, or 0 for independent rows.

    Parameters
    ----------
    plan, contract
        From the bundle.
    fill_periods
        A missing reading repeats the last one for at most this many periods (`prepare.fill_gap_periods`).
    lateness
        Ticks by which a reading may be older than the newest of its machine and still count; where not
        given, the longest window of the contract.

    Attributes
    ----------
    columns
        Telemetry columns that `apply` wants, in order.
    machine_ids
        In order of the slots.
    """

    def __init__(
        self, plan: FeaturePlan, contract: Contract, *, fill_periods: int, lateness: float | None = None
    ) -> None:
        self.plan, self.parts = plan, Parts.of(plan, contract, fill_periods=fill_periods)
        self.fill_periods, self.columns = fill_periods, self.parts.inputs.columns
        self.lateness = max(1, window_units(plan.reference if lateness is None else lateness, self.parts.per_tick))
        self.recursion = Recursion(self.parts)
        self.now, self.base = self.recursion.rows(), self.recursion.rows()
        self.raw, self.moved = Log(len(self.columns)), MachineRows(until=np.array(NONE))
        self.rows = {"now": self.now, "base": self.base, "moved": self.moved, "static": self.parts.statics.rows}
        older, newer = (Checkpoint(self.recursion.rows(), self.parts.sliding) for _ in range(2))
        self.marks = Checkpoints(older, newer, max(1, self.lateness // MARKS))
        self.codec = Codec(f"{plan.hash} {fill_periods} {self.lateness} {self.columns}", self.rows,
                           [log.width for log in (self.raw, *self.parts.sliding.logs)])
        self._slots: dict[str, int] = {}
        self.machine_ids: list[str] = []
        at = {kind: [i for i, f in enumerate(plan.features) if f.kind == kind] for kind in ONLINE}
        self._families = [(at[kind], make(self.parts, [plan.features[i] for i in at[kind]]))
                          for kind, make in ONLINE.items() if at[kind]]  # fmt: skip

    def __len__(self) -> int:
        """Machines registered."""
        return len(self._slots)

    def encode(self, column: str, texts: Sequence[str | None]) -> np.ndarray:
        """Numbers that `apply` wants for a text column; see `Inputs.encode`."""
        return self.parts.inputs.encode(column, texts)

    def register(self, machine_ids: Sequence[str], machines: Columns | None = None) -> np.ndarray:
        """Slots of machines, shape (n,); one not seen before gets a new slot.

        Parameters
        ----------
        machines
            Rows of the canonical machines table by column, of any machines and with any of its static columns.
        """
        for name in machine_ids:
            if name not in self._slots:
                self._slots[name] = len(self._slots)
                self.machine_ids.append(name)
        n = len(self._slots)
        if n > len(self.now["newest"]):
            for rows in (*self.rows.values(), self.raw.machines):
                rows.grow(n)
            self.parts.sliding.grow(n)
            self.marks.grow(n)
        slots = np.array([self._slots[name] for name in machine_ids], dtype=np.int64)
        if machines is not None:
            asked = set(machine_ids)
            row = {self._slots[name]: at for at, name in enumerate(machines[MACHINE]) if name in asked}
            self.parts.statics.register(np.array(list(row), np.int64), list(row.values()), machines)
        return slots

    def apply(self, slots: np.ndarray, times: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Take in readings, in any order; each is looked at once.

        Parameters
        ----------
        slots, times
            Shape (n,).
        values
            Shape (n, columns), NaN where missing; impossible readings count as missing.

        Returns
        -------
        `NEW`, `LATE`, `DUPLICATE` or `TOO_LATE` per reading, shape (n,), uint8.
        """
        newest = self.now["newest"][slots]
        earlier = np.unique(slots[(times <= newest) & (times > newest - self.lateness)])
        held = self.raw.times(earlier, np.maximum(self.base["newest"][earlier], times.min(initial=NEVER) - 1))
        status = judge(slots, times, newest, self.lateness, held)
        taken = np.flatnonzero(status <= LATE)
        taken = taken[np.lexsort((times[taken], slots[taken]))]
        block = ReadingBlock.of(slots[taken], times[taken], self.parts.inputs.possible(values[taken]))
        late = np.zeros(len(self), dtype=bool)
        late[slots[status == LATE]] = True
        if late.any():
            self._replay(block.only(late[block.slots[block.machine]]))
            block = block.only(~late[block.slots[block.machine]])
        if len(block.slots):
            self._absorb(block, self.now.take(block.slots))
        touched = np.unique(slots[taken])
        self._move_bases(touched)
        self.marks.note(touched, self.now, self.parts.sliding)
        return status

    def record(self, table: str, slots: np.ndarray, times: np.ndarray, kinds: Sequence[str]) -> np.ndarray:
        """Take in records of one table, in any order; a record that is there already changes nothing.

        Parameters
        ----------
        table
            `errors`, `maintenance` or `failures`.
        kinds
            Codes, components or modes, one per record.

        Returns
        -------
        Per record, shape (n,), uint8: `NEW`, `LATE` (older than the machine's newest reading), or `TOO_LATE`:
        a maintenance or failure that counts, but is too old for readings since then to begin a new life.
        """
        records, newest = self.parts.records, self.now["newest"][slots]
        status = np.where(times <= newest, LATE, NEW).astype(np.uint8)
        restarts = records.restarts(table)
        if restarts:
            status[times <= newest - self.lateness] = TOO_LATE
        records.add(table, slots, times, kinds, begins_life=status != TOO_LATE)
        if restarts and (status == LATE).any():
            again = np.unique(slots[status == LATE])
            held = self.raw.readings(again, self.base["newest"][again])
            self.now.put(held.slots, self.recursion.absorb(self.base.take(held.slots), held)[0])
            self.marks.forget(again)
        records.trim(self.records_needed)
        return status

    def newest(self, slots: np.ndarray) -> np.ndarray:
        """Time of the newest reading of machines, shape (m,); `NONE` before the first."""
        return self.now["newest"][slots]

    def features(self, slots: np.ndarray, times: np.ndarray | None = None) -> np.ndarray:
        """The features of some machines, shape (m, features of the plan), float32; NaN where not known.

        Parameters
        ----------
        times
            At which they are wanted; not before the newest reading, which stands where not given.
        """
        out = self.exact(slots, times).astype(np.float32, order="C")
        out[np.isnan(out)] = np.nan         # one pattern of bits for missing, as in batch
        return out

    def exact(self, slots: np.ndarray, times: np.ndarray | None = None) -> np.ndarray:
        """`features` before they are rounded, float64."""
        now = self.newest(slots) if times is None else times
        if (now < self.newest(slots)).any():
            raise ValueError("features are wanted at a time before the machine's newest reading")
        out = np.empty((len(slots), len(self.plan.features)), order="F")      # written by column
        for begin in range(0, len(slots), VIEWED):
            few = slice(begin, begin + VIEWED)
            view = InstantView(self.parts, slots[few], now[few], self.now.take(slots[few]))
            for at, columns in self._families:
                out[few, at] = columns(view)
        return out

    def dump(self, slot: int) -> bytes:
        """All that is known of a machine, as bytes."""
        return dump(self, slot)

    def load_many(self, slots: np.ndarray, dumps: Sequence[bytes]) -> None:
        """Take up machines where `dump` left them, in place of what is known of them here.

        Raises
        ------
        IntegrityError
            If one of them is cut, changed, or of another version, machine, plan or setting; then nothing is changed.
        """
        load_many(self, slots, dumps)

    def accepts(self, machine_id: str, state: bytes) -> bool:
        """Whether `load` would take up this state of a machine."""
        try:
            self.codec.check(machine_id, state)
        except IntegrityError:
            return False
        return True

    def _replay(self, late: ReadingBlock) -> None:
        """Take in readings of machines with a late one: again from a mark, or else from the base."""
        far = late
        for mark in self.marks:
            is_near = mark.reaches(far, self.base["newest"][far.slots])[far.machine]
            if is_near.any():
                near, far = far.only(is_near), far.only(~is_near)
                self._again(near, *mark.take(near.slots))
        for at in in_parts(np.arange(len(far.slots))):
            some = far.only((far.machine >= at[0]) & (far.machine <= at[-1]))
            self._again(some, self.base.take(some.slots))
        self.marks.replayed(late)

    def _again(self, late: ReadingBlock, start: Taken, marked: list[Taken] | None = None) -> None:
        slots, since = late.slots, start["newest"]
        block = self.raw.readings(slots, since).followed_by(late)
        self.parts.sliding.rewind(slots, since, marked)
        self.raw.truncate(slots, since)
        self._absorb(block, start)

    def _absorb(self, block: ReadingBlock, start: Taken) -> None:
        """Readings newer than all of their machine, from a state that is at the last one before them."""
        state, processed = self.recursion.absorb(start, block)
        self.now.put(block.slots, state)
        self.parts.sliding.push(block, processed, state["first"])
        self.raw.push(block)

    def _move_bases(self, slots: np.ndarray) -> None:
        """Let the bases absorb what no late reading can come before; not at every reading, that would cost."""
        until = self.now["newest"][slots] - self.lateness
        due = until - self.moved["until"][slots] >= max(1, self.lateness // LAGS)
        self.moved.put(slots[due], {"until": until[due]})
        for some in in_parts(np.flatnonzero(due)):
            gone = self.raw.readings(slots[some], self.base["newest"][slots[some]], until[some])
            if len(gone.slots):
                self.base.put(gone.slots, self.recursion.absorb(self.base.take(gone.slots), gone)[0])
                first = self.raw.machines["first"][gone.slots]
                self.raw.drop(gone.slots, self.raw.skip(first, gone.newest))

    def records_needed(self, slots: np.ndarray) -> np.ndarray:
        """Instants that no feature looks back behind, except for the last record before."""
        counted = max((f.window or 0.0 for f in self.plan.features if f.kind == "events"), default=0.0)
        longest = window_units(counted, self.parts.per_tick)
        return np.minimum(self.base["newest"][slots], self.now["newest"][slots] - longest)

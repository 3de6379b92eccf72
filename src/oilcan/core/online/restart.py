"""Machines of an engine as bytes, and back; what the bytes look like stands in `codec`."""

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import numpy as np

from oilcan.core.online.compiled_plan import Parts
from oilcan.core.online.state.checkpoints import Checkpoints
from oilcan.core.online.state.codec import Codec, Decoded, Snapshot
from oilcan.core.online.state.machine_arrays import NONE, MachineRows
from oilcan.core.online.state.reading_pages import ROWS, Log
from oilcan.core.online.state.remembered import Recursion

AT_ONCE: Final = 256        # machines taken up, or whose base moves, together


class Restartable(Protocol):
    """The parts of an engine that a snapshot holds or that follow from it; see `engine.OnlineFeatures`."""

    parts: Parts
    codec: Codec
    recursion: Recursion
    now: MachineRows
    base: MachineRows
    raw: Log
    rows: dict[str, MachineRows]
    marks: Checkpoints
    machine_ids: list[str]

    def records_needed(self, slots: np.ndarray) -> np.ndarray:
        """Instants that no feature looks back behind."""


def dump(engine: Restartable, slot: int) -> bytes:
    """All that is known of a machine."""
    one = np.array([slot])
    since = engine.base["newest"][one]
    readings = [engine.raw.readings(one, since), *engine.parts.sliding.readings(one, since)]
    rows = {part: each.take(one) for part, each in engine.rows.items()}
    records = engine.parts.records.one(slot, int(engine.records_needed(one)[0]))
    return engine.codec.encode(Snapshot(engine.machine_ids[slot], rows, readings, *records))


def load_many(engine: Restartable, slots: np.ndarray, dumps: Sequence[bytes]) -> None:
    """Take up machines; all bytes are checked before anything is changed."""
    for slot, each in zip(slots.tolist(), dumps, strict=True):
        engine.codec.check(engine.machine_ids[slot], each)
    _reserve(engine, engine.codec.counts(dumps))
    for few in in_parts(np.argsort(slots)):
        _restore(engine, slots[few], engine.codec.decode([dumps[at] for at in few]))


def in_parts(at: np.ndarray) -> Iterator[np.ndarray]:
    """Positions, `AT_ONCE` at a time."""
    return (at[begin : begin + AT_ONCE] for begin in range(0, len(at), AT_ONCE))


def _reserve(engine: Restartable, counts: np.ndarray) -> None:
    """Room for readings by machine and list; those since the base are in the windows too."""
    since, *older = counts[:, :-1].T
    held = [since, *(since + each for each in older)]
    for log, n in zip((engine.raw, *engine.parts.sliding.logs), held, strict=True):
        log.reserve(int((-(-n // ROWS)).sum()))


def _restore(engine: Restartable, slots: np.ndarray, found: Decoded) -> None:
    for part, rows in engine.rows.items():
        rows.put(slots, found.rows[part])
    raw, *older = found.blocks(slots)
    engine.parts.records.replace(np.repeat(slots, found.counts[:, -1]), found.keys, found.times, slots)
    processed, _ = engine.recursion.process(engine.base.take(raw.slots), raw)
    engine.parts.sliding.restore(slots, older, raw, processed)
    engine.marks.forget(slots)
    engine.raw.truncate(slots, np.full(len(slots), NONE))
    engine.raw.push(raw)
    engine.marks.note(slots, engine.now, engine.parts.sliding)

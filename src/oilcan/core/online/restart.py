"""Machines of an engine as bytes, and back; what the bytes look like stands in `codec`."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from oilcan.core.online.state.codec import Decoded, Snapshot
from oilcan.core.online.state.machine_arrays import NONE
from oilcan.core.online.state.reading_pages import ROWS

if TYPE_CHECKING:
    from oilcan.core.online.engine import OnlineFeatures

AT_ONCE: Final = 256        # machines taken up, or whose base moves, together


def dump(engine: "OnlineFeatures", slot: int) -> bytes:
    """All that is known of a machine."""
    one = np.array([slot])
    since = engine.base["newest"][one]
    readings = [engine.raw.readings(one, since), *engine.parts.sliding.readings(one, since)]
    rows = {part: each.take(one) for part, each in engine.rows.items()}
    records = engine.parts.records.one(slot, int(engine.records_needed(one)[0]))
    return engine.codec.encode(Snapshot(rows, readings, *records))


def load_many(engine: "OnlineFeatures", slots: np.ndarray, dumps: Sequence[bytes]) -> None:
    """Take up machines; all bytes are checked before anything is changed."""
    for each in dumps:
        engine.codec.check(each)
    _reserve(engine, engine.codec.counts(dumps))
    for few in in_parts(np.argsort(slots)):
        _restore(engine, slots[few], engine.codec.decode([dumps[at] for at in few]))


def in_parts(at: np.ndarray) -> Iterator[np.ndarray]:
    """Positions, `AT_ONCE` at a time."""
    return (at[begin : begin + AT_ONCE] for begin in range(0, len(at), AT_ONCE))


def _reserve(engine: "OnlineFeatures", counts: np.ndarray) -> None:
    """Room for readings by machine and list; those since the base are in the windows too."""
    since, *older = counts[:, :-1].T
    held = [since, *(since + each for each in older)]
    for log, n in zip((engine.raw, *engine.parts.sliding.logs), held, strict=True):
        log.reserve(int((-(-n // ROWS)).sum()))


def _restore(engine: "OnlineFeatures", slots: np.ndarray, found: Decoded) -> None:
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

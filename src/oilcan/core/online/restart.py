"""Machines of an engine as bytes, and back; what the bytes look like stands in `codec`."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from oilcan.core.online.block import Block
from oilcan.core.online.codec import Snapshot

if TYPE_CHECKING:
    from oilcan.core.online.engine import OnlineFeatures

AT_ONCE: Final = 256        # machines taken up, or whose base moves, together


def dump(engine: "OnlineFeatures", slot: int) -> bytes:
    """All that is known of a machine."""
    one = np.array([slot])
    since = engine.base["newest"][one]
    readings = [engine.raw.readings(one, since), *engine.parts.sliding.readings(one, since)]
    base = engine.base.take(one) | engine.moved.take(one) | engine.parts.statics.rows.take(one)
    records = engine.parts.records.one(slot, int(engine.records_needed(one)[0]))
    return engine.codec.encode(Snapshot(base, readings, *records))


def load_many(engine: "OnlineFeatures", slots: np.ndarray, dumps: Sequence[bytes]) -> None:
    """Take up machines; all bytes are checked before anything is changed."""
    found = [engine.codec.decode(each) for each in dumps]
    for few in in_parts(np.argsort(slots)):
        _restore(engine, slots[few], [found[at] for at in few])


def in_parts(at: np.ndarray) -> Iterator[np.ndarray]:
    """Positions, `AT_ONCE` at a time."""
    return (at[begin : begin + AT_ONCE] for begin in range(0, len(at), AT_ONCE))


def _restore(engine: "OnlineFeatures", slots: np.ndarray, found: list[Snapshot]) -> None:
    base = {name: np.concatenate([each.base[name] for each in found]) for name in found[0].base}
    for rows in (engine.base, engine.moved, engine.parts.statics.rows):
        rows.put(slots, {name: base[name] for name in rows.empty})
    engine.now.put(slots, engine.base.take(slots))
    raw, *older = (Block.stacked(slots, blocks) for blocks in zip(*(s.readings for s in found), strict=True))
    n = [len(each.keys) for each in found]
    engine.parts.records.replace(np.repeat(slots, n), np.concatenate([each.keys for each in found]),
                               np.concatenate([each.times for each in found]), slots)
    engine.parts.sliding.restore(slots, older)
    engine.raw.clear(slots)
    if len(raw.slots):
        state, processed = engine.recursion.absorb(engine.base.take(raw.slots), raw)
        engine.now.put(raw.slots, state)
        engine.parts.sliding.push(raw, processed, state["first"])
        engine.raw.push(raw)

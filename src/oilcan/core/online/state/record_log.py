"""Errors, maintenance and failures of all machines, as far back as features look.

One flat table sorted by machine, key and time; each instant of a key once. A key is a table, a value of
it, all renewals (maintenance and failures), the lives they begin, or the replaced parts that begin a reference.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from oilcan.core.features.plan import Feature
from oilcan.core.online.state.machine_arrays import NONE

Key = tuple[str, str | None]

TABLES: Final = ("errors", "maintenance", "failures")
RENEWALS: Final[Key] = ("renewals", None)
LIVES: Final[Key] = ("lives", None)         # renewals that came in time to begin a life
REPLACED: Final[Key] = ("replaced", None)   # replaced parts that came in time to begin a reference
TOTAL: Final[Key] = ("failures", None)
SLACK: Final = 4096                         # records that may be out of date before they are looked for


class Records:
    """The records that some features need.

    Parameters
    ----------
    features
        Those of family `events`.
    restarts
        Whether a life begins anew after maintenance and failures.
    replaced
        Components whose maintenance begins a new reference.
    """

    def __init__(self, features: Iterable[Feature], *, restarts: bool, replaced: Sequence[str] = ()) -> None:
        features = [f for f in features if f.statistic != "elapsed"]
        keys = {(f.sensor, f.value): None for f in features}
        keys |= ({LIVES: None} if restarts else {}) | ({REPLACED: None} if replaced else {})
        self._replaced = frozenset(replaced)
        self.keys: dict[Key, int] = {key: at for at, key in enumerate(keys)}
        self.inclusive = np.array([table == "errors" for table, _ in keys], dtype=bool)
        self._all_kept = [self.keys[TOTAL]] if any(f.statistic == "total" for f in features) else []
        self._slot, self._key, self._time = (np.empty(0, np.int64) for _ in range(3))
        self._new: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._settled_at = 0

    def add(self, table: str, slots: np.ndarray, times: np.ndarray, kinds: Sequence[str], *,
            begins_life: np.ndarray) -> None:  # fmt: skip
        """Remember records of one table; those that are there already stay once.

        Parameters
        ----------
        begins_life
            Which of them, should they be renewals, begin a life.
        """
        texts, always = np.asarray(kinds, dtype=object), np.ones(len(slots), dtype=bool)
        filed: list[tuple[Key, np.ndarray]] = [((table, None), always)]
        filed += [((table, kind), texts == kind) for kind in dict.fromkeys(kinds)]
        if table != "errors":
            filed += [(RENEWALS, always), (LIVES, begins_life)]
        if table == "maintenance":
            filed.append((REPLACED, begins_life & np.array([kind in self._replaced for kind in kinds], dtype=bool)))
        for key, which in filed:
            if key in self.keys:
                self.put(slots[which], np.full(int(which.sum()), self.keys[key]), times[which])

    def put(self, slot: np.ndarray, key: np.ndarray, time: np.ndarray) -> None:
        """Remember records by key."""
        self._new.append((slot, key, time))

    def replace(self, slot: np.ndarray, key: np.ndarray, time: np.ndarray, slots: np.ndarray) -> None:
        """Remember these records of `slots` and no others."""
        self._settle()
        kept = ~np.isin(self._slot, slots)
        self._slot, self._key, self._time = self._slot[kept], self._key[kept], self._time[kept]
        self.put(slot, key, time)

    def of(self, slots: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Position among `slots`, key and time of every record of these machines, sorted within a machine."""
        self._settle()
        start, end = (np.searchsorted(self._slot, slots, side=side) for side in ("left", "right"))
        n = end - start
        at = np.repeat(start - (np.cumsum(n) - n), n) + np.arange(n.sum())
        return np.repeat(np.arange(len(slots)), n), self._key[at], self._time[at]

    def table(self, slots: np.ndarray, now: np.ndarray) -> "Known":
        """What is known at an instant of each machine, shape (m,)."""
        machine, key, time = self.of(slots)
        known = time < now[machine] + self.inclusive[key]
        return Known(len(slots), len(self.keys), machine[known], key[known], time[known])

    def restarts(self, table: str) -> bool:
        """Whether a record of a table can begin a life or a reference, so that readings since then count anew."""
        return (table != "errors" and LIVES in self.keys) or (table == "maintenance" and REPLACED in self.keys)

    def began(self, key: Key, slots: np.ndarray, now: np.ndarray) -> np.ndarray:
        """The last record of `LIVES` or `REPLACED` before an instant of each machine, shape (m,); NONE without one."""
        if key not in self.keys or not (len(self._slot) or self._new):
            return np.full(len(slots), NONE)
        return self.table(slots, now).last()[:, self.keys[key]]

    def trim(self, needed: Callable[[np.ndarray], np.ndarray]) -> None:
        """Forget records that no feature can ask for any more, once there may be many of them.

        Parameters
        ----------
        needed
            Slots -> instants; of older records only the last of each key is still needed.
        """
        if len(self._slot) + sum(len(new[0]) for new in self._new) < 2 * self._settled_at + SLACK:
            return
        self._settle()
        kept = self._needed(self._slot, self._key, self._time, needed(self._slot))
        self._slot, self._key, self._time = self._slot[kept], self._key[kept], self._time[kept]
        self._settled_at = len(self._slot)

    def one(self, slot: int, needed: int) -> tuple[np.ndarray, np.ndarray]:
        """Keys and times of the records of one machine, without those that are no longer needed; see `trim`."""
        machine, key, time = self.of(np.array([slot]))
        kept = self._needed(machine, key, time, np.full(len(time), needed))
        return key[kept], time[kept]

    def _needed(self, slot: np.ndarray, key: np.ndarray, time: np.ndarray, since: np.ndarray) -> np.ndarray:
        """Which records features can still ask for: those after `since`, and the last before it."""
        superseded = np.zeros(len(time), dtype=bool)
        superseded[:-1] = (time <= since)[1:] & (slot[1:] == slot[:-1]) & (key[1:] == key[:-1])
        return ~superseded | np.isin(key, self._all_kept)

    def _settle(self) -> None:
        if not self._new:
            return
        slot, key, time = (np.concatenate([old, *new]) for old, new in
                           zip((self._slot, self._key, self._time), zip(*self._new, strict=True), strict=True))
        order = np.lexsort((time, key, slot))
        slot, key, time = slot[order], key[order], time[order]
        fresh = np.ones(len(slot), dtype=bool)
        fresh[1:] = (np.diff(slot) != 0) | (np.diff(key) != 0) | (np.diff(time) != 0)
        self._slot, self._key, self._time, self._new = slot[fresh], key[fresh], time[fresh], []


class Known:
    """Records known at one instant of each machine.

    Parameters
    ----------
    machines, keys
        How many.
    machine, key, time
        Of the records, shape (r,), sorted.
    """

    def __init__(self, machines: int, keys: int, machine: np.ndarray, key: np.ndarray, time: np.ndarray) -> None:
        self._shape, self._cell, self._machine, self._time = (machines, keys), machine * keys + key, machine, time

    def last(self) -> np.ndarray:
        """Time of the last record, shape (machines, keys); NONE without one."""
        out = np.full(self._shape[0] * self._shape[1], NONE)
        np.maximum.at(out, self._cell, self._time)
        return out.reshape(self._shape)

    def count(self, after: np.ndarray) -> np.ndarray:
        """Records after an instant of each machine, shape (machines, keys)."""
        recent = self._cell[self._time > after[self._machine]]
        return np.bincount(recent, minlength=self._shape[0] * self._shape[1]).reshape(self._shape)



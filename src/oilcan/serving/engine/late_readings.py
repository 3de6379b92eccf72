"""Which readings of the newest entries came too late for the features: an answer says how many."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import numpy as np

from oilcan.io.stores.log_entries import Entry
from oilcan.serving.engine.following import too_late

_ENTRIES: Final = 4_096         # newest entries that are remembered


class LateReadings:
    """Machine and time of readings that came too late, by the number of their entry; owned by the engine's thread."""

    def __init__(self) -> None:
        self._by_entry: OrderedDict[int, set[tuple[str, int]]] = OrderedDict()

    def note(self, entry: Entry, status: np.ndarray) -> None:
        """Remember those of an entry; what is known of it already stays, because it may be taken in again.

        Parameters
        ----------
        status
            What became of each reading, shape (n,).
        """
        ids, times = entry.readings.machine_ids, entry.readings.times
        late = {(ids[at], int(times[at])) for at in np.flatnonzero(too_late(status)).tolist()}
        self._by_entry.setdefault(entry.cursor.number, late)
        if len(self._by_entry) > _ENTRIES:
            self._by_entry.popitem(last=False)

    def among(self, number: int, keys: Iterable[tuple[str, int]]) -> int:
        """How many readings with these machines and times came too late in an entry; 0 for one that is forgotten."""
        late = self._by_entry.get(number)
        return sum(key in late for key in keys) if late else 0

"""The log of forecasts, written behind the answers: an id is given at once, the row follows within a moment."""

import queue
import threading
from collections.abc import Callable
from typing import Final, Protocol

import numpy as np

from oilcan.errors import StoreError
from oilcan.io.stores.forecasts import Forecasts

_BLOCK: Final = 10_000          # ids reserved at a time
_WAITING: Final = 2_000         # batches that may wait; beyond it the caller waits
_GATHER_S: Final = 0.5          # rows of this long share a transaction: a thread that wakes for each would slow answers


class ForecastStore(Protocol):
    """The part of the store that is needed here."""

    def forecast_ids(self, n: int) -> range:
        """Ids that nobody else gets."""

    def log_forecasts(self, batch: Forecasts, now: int) -> None:
        """Add forecasts to the log."""


class ForecastLog:
    """Gives ids out and writes the rows behind, one thread, in the order given.

    After a kill, forecasts of the last moments may lack their row; readings never do.
    """

    def __init__(self, store: ForecastStore, clock: Callable[[], int], lost: Callable[[int], None]) -> None:
        self._store, self._clock, self._lost = store, clock, lost
        self._ids: range = range(0)
        self._lock, self._hurry = threading.Lock(), threading.Event()
        self._queue: queue.Queue[Forecasts | threading.Event] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._write, name="forecast-log", daemon=True)
        self._thread.start()

    def ids(self, n: int) -> np.ndarray:
        """`n` fresh ids, int64."""
        with self._lock:
            if len(self._ids) < n:
                self._ids = self._store.forecast_ids(max(n, _BLOCK))
            taken, self._ids = self._ids[:n], self._ids[n:]
        return np.arange(taken.start, taken.stop, dtype=np.int64)

    def add(self, batch: Forecasts) -> None:
        """Hand over a batch to be written."""
        self._queue.put(batch)

    def flush(self) -> None:
        """Wait until everything handed over is written."""
        done = threading.Event()
        self._queue.put(done)
        self._hurry.set()
        done.wait()
        self._hurry.clear()

    def _write(self) -> None:
        while True:
            batches = [self._queue.get()]
            self._hurry.wait(_GATHER_S)
            while not self._queue.empty():
                batches.append(self._queue.get_nowait())
            events = [entry for entry in batches if isinstance(entry, threading.Event)]
            for batch in together([entry for entry in batches if isinstance(entry, Forecasts)]):
                try:
                    self._store.log_forecasts(batch, self._clock())
                except StoreError:
                    self._lost(len(batch.ids))
            for event in events:
                event.set()


def together(batches: list[Forecasts]) -> list[Forecasts]:
    """Batches of one bundle, role and set of columns as one, so that they share a transaction."""
    kinds: dict[tuple[str, int, str, tuple[str, ...]], list[Forecasts]] = {}
    for batch in batches:
        kinds.setdefault((batch.bundle, batch.contract_version, batch.role, batch.columns), []).append(batch)
    return [
        same[0] if len(same) == 1 else Forecasts(
            *kind, np.concatenate([batch.ids for batch in same]),
            [machine for batch in same for machine in batch.machine_ids],
            np.concatenate([batch.times for batch in same]), np.concatenate([batch.values for batch in same]))
        for kind, same in kinds.items()
    ]

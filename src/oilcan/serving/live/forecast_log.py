"""The log of forecasts, written behind the answers: an id is given at once, the row follows within a moment."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np

from oilcan.ground.errors import StoreError
from oilcan.io.stores.tables.forecast_table import Forecasts

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
        self._queue: queue.Queue[Said | threading.Event] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._write, name="forecast-log", daemon=True)
        self._thread.start()

    def add(self, bundle: str, version: int, role: str, columns: dict[str, np.ndarray],
            machines: Sequence[str] | None, times: np.ndarray | int) -> range:
        """Hand forecasts over to be written; their ids.

        Parameters
        ----------
        bundle, version
            Digest of the bundle and version of its contract.
        columns
            Each of shape (n,), one at least.
        machines, times
            Of each row; None and one time for rows of no machine.
        """
        n = len(next(iter(columns.values())))
        with self._lock:
            if len(self._ids) < n:
                self._ids = self._store.forecast_ids(max(n, _BLOCK))
            ids, self._ids = self._ids[:n], self._ids[n:]
        self._queue.put(Said((bundle, version, role, tuple(columns)), ids, machines, times, list(columns.values())))
        return ids

    def flush(self) -> None:
        """Wait until everything handed over is written."""
        done = threading.Event()
        self._queue.put(done)
        self._hurry.set()
        done.wait()
        self._hurry.clear()

    def _write(self) -> None:
        while True:
            batches: list[Said | threading.Event] = [self._queue.get()]
            self._hurry.wait(_GATHER_S)
            while not self._queue.empty():
                batches.append(self._queue.get_nowait())
            events = [entry for entry in batches if isinstance(entry, threading.Event)]
            for batch in together([entry for entry in batches if isinstance(entry, Said)]):
                try:
                    self._store.log_forecasts(batch, self._clock())
                except StoreError:
                    self._lost(len(batch.ids))
            for event in events:
                event.set()


class Said(NamedTuple):
    """Forecasts as they were handed over; made ready for the store on the thread that writes."""

    kind: tuple[str, int, str, tuple[str, ...]]
    ids: range
    machines: Sequence[str] | None
    times: np.ndarray | int
    columns: list[np.ndarray]

    def names(self) -> Sequence[str | None]:
        """Machine of each row."""
        return [None] * len(self.ids) if self.machines is None else self.machines


def together(batches: list[Said]) -> list[Forecasts]:
    """Batches of one bundle, role and set of columns as one, so that they share a transaction."""
    kinds: dict[tuple[str, int, str, tuple[str, ...]], list[Said]] = {}
    for batch in batches:
        kinds.setdefault(batch.kind, []).append(batch)
    return [
        Forecasts(*kind, np.concatenate([np.arange(said.ids.start, said.ids.stop) for said in same]),
                  [name for said in same for name in said.names()],
                  np.concatenate([np.broadcast_to(said.times, len(said.ids)) for said in same]),
                  np.concatenate([np.column_stack(said.columns) for said in same]))
        for kind, same in kinds.items()
    ]

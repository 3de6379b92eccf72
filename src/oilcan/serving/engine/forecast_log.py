"""The log of forecasts, written behind the answers: an id is given at once, the row follows within a moment."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from oilcan.io.stores.tables.forecast_table import Forecasts
from oilcan.serving.ground.watched_threads import WatchedThread
from oilcan.serving.model.loaded_bundle import LoadedBundle

_LOG: Final = logging.getLogger("oilcan")
_BLOCK: Final = 10_000          # ids reserved at a time
_WAITING: Final = 1_000_000     # rows that may wait while the store is away; older ones are lost beyond it
_GATHER_S: Final = 0.5          # rows of this long share a transaction: a thread that wakes for each would slow answers
_AT_ONCE: Final = 20_000        # rows of one transaction, about


class ForecastStore(Protocol):
    """The part of the store that is needed here."""

    def forecast_ids(self, n: int) -> range:
        """Ids that are given to no other process."""

    def log_forecasts(self, batch: Forecasts, now: int) -> None:
        """Add forecasts to the log."""


@dataclass(frozen=True)
class ForecastRows:
    """Forecasts to be logged, all of one bundle, role and set of columns.

    Attributes
    ----------
    kind
        Digest of the bundle, version of its contract, role, names of the columns.
    machines
        Of each row; None for rows of no machine.
    values
        Shape (n, columns).
    """

    kind: tuple[str, int, str, tuple[str, ...]]
    ids: np.ndarray
    machines: Sequence[str | None]
    times: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, served: LoadedBundle, role: str, columns: dict[str, np.ndarray], machines: Sequence[str | None] | None,
           times: np.ndarray | int, ids: np.ndarray) -> "ForecastRows":
        """Forecasts of a bundle; None and one time for rows of no machine."""
        kind = served.digest, served.bundle.contract.version, role, tuple(columns)
        return cls(kind, ids, [None] * len(ids) if machines is None else machines,
                   times if isinstance(times, np.ndarray) else np.full(len(ids), times),
                   np.array(list(columns.values()), dtype=np.float64).T)

    def only(self, keep: np.ndarray) -> "ForecastRows":
        """Some of the rows."""
        if keep.all():
            return self
        return ForecastRows(self.kind, self.ids[keep], [self.machines[at] for at in np.flatnonzero(keep).tolist()],
                            self.times[keep], self.values[keep])


class ForecastLog:
    """Gives ids out and writes the rows behind, one thread, in the order given.

    While the store is away the rows wait and are tried again. After a kill, forecasts of the last moments may lack
    their row; readings never do.
    """

    def __init__(self, store: ForecastStore, clock: Callable[[], int], lost: Callable[[int], None]) -> None:
        self._store, self._clock, self._lost = store, clock, lost
        self._ids: range = range(0)
        self._lock, self._changed, self._stop, self._hurry = threading.Lock(), threading.Condition(), False, 0
        self._waiting: deque[ForecastRows] = deque()
        self._n_waiting, self._n_put = 0, 0
        self.thread = WatchedThread("forecast-log", self._round)
        self.thread.start()

    def has(self, n: int) -> bool:
        """Whether `reserve` would answer at once."""
        return len(self._ids) >= n

    def reserve(self, n: int, above: int = 0) -> range:
        """Ids for some forecasts, higher than one that the store gave; asks the store now and then."""
        with self._lock:
            if len(self._ids) < n or self._ids.start <= above:
                self._ids = self._store.forecast_ids(max(n, _BLOCK))
            ids, self._ids = self._ids[:n], self._ids[n:]
        return ids

    def put(self, rows: ForecastRows) -> None:
        """Hand forecasts over to be written; never waits."""
        if not len(rows.ids):
            return
        with self._changed:
            self._waiting.append(rows)
            self._n_waiting += len(rows.ids)
            self._n_put += len(rows.ids)
            is_news = len(self._waiting) == 1       # else the thread knows: to wake it for each would slow answers
            while self._n_waiting > _WAITING:
                oldest = self._waiting.popleft()
                self._n_waiting -= len(oldest.ids)
                self._lost(len(oldest.ids))
                is_news = True
            if is_news:
                self._changed.notify_all()

    def flush(self, wait_s: float = 5.0) -> bool:
        """Wait until everything that was handed over before is written, or for so long; whether it is."""
        with self._changed:
            self._hurry += 1
            self._changed.notify_all()
            upto = self._n_put          # what others hand over meanwhile is not waited for
            done = self._changed.wait_for(lambda: self._n_put - self._n_waiting >= upto, wait_s)
            self._hurry -= 1
        return done

    def stop(self, wait_s: float = 5.0) -> None:
        """Write what waits, as far as that is possible in the time given, and end the thread."""
        if not self.flush(wait_s):
            _LOG.warning("forecast log: %d forecasts could not be written", self._n_waiting)
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        self.thread.end(wait_s)

    def _round(self) -> bool:
        """Gather rows for a moment and write them; whether to go on. An error leaves them waiting."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stop)
            if self._stop:
                return False
            self._changed.wait_for(lambda: self._hurry or self._stop, _GATHER_S)
            batches, n = [], 0
            for rows in self._waiting:
                if n and n + len(rows.ids) > _AT_ONCE:
                    break
                batches.append(rows)
                n += len(rows.ids)
        for batch in together(batches):
            self._store.log_forecasts(batch, self._clock())
        with self._changed:
            for rows in batches:
                if self._waiting and self._waiting[0] is rows:          # it may have been lost meanwhile
                    self._waiting.popleft()
                    self._n_waiting -= len(rows.ids)
            self._changed.notify_all()
        return True


def together(batches: Sequence[ForecastRows]) -> list[Forecasts]:
    """Batches of one bundle, role and set of columns as one, so that they share a transaction."""
    kinds: dict[tuple[str, int, str, tuple[str, ...]], list[ForecastRows]] = {}
    for batch in batches:
        kinds.setdefault(batch.kind, []).append(batch)
    return [Forecasts(*kind, np.concatenate([rows.ids for rows in same]),
                      [name for rows in same for name in rows.machines],
                      np.concatenate([rows.times for rows in same]), np.concatenate([rows.values for rows in same]))
            for kind, same in kinds.items()]

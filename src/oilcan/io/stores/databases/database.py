"""What the parts of a store ask of a database, and the pool of connections both kinds use."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Generic, Protocol, TypeVar

import numpy as np

from oilcan.ground.errors import StoreDamaged, StoreUnavailable

Row = tuple[Any, ...]
_WAIT_S: Final = 20.0           # for a connection that somebody else has
T = TypeVar("T")
C = TypeVar("C")


class Transaction(Protocol):
    """Statements that take effect together or not at all. Parameters are `?`, always sent apart from the SQL."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement and fetch what it returns."""

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one statement; the number of rows it changed."""

    def insert(self, into: str, rows: Iterable[Sequence[Any]], conflict: str = "") -> int:
        """Insert rows, in the quickest way; the number of rows inserted or changed.

        Parameters
        ----------
        into
            Table and columns: `machines (machine_id, static)`.
        conflict
            What to do with a row that is there: `ON CONFLICT DO NOTHING`.
        """


def marks(into: str) -> str:
    """A parameter for each column.

    Examples
    --------
    >>> marks("machines (machine_id, static)")
    '(?, ?)'
    """
    return "(" + ", ".join("?" * (into.count(",") + 1)) + ")"


class Health:
    """Whether the database answers, as its last calls found it.

    Attributes
    ----------
    trouble
        What is wrong; None if nothing is. Damage stays until the process ends, other trouble until a write succeeds.
    """

    def __init__(self) -> None:
        self.trouble: str | None = None
        self._is_damaged = False

    def failed(self, err: StoreUnavailable) -> StoreUnavailable:
        """Note an error; the same error."""
        if not self._is_damaged:
            self.trouble, self._is_damaged = str(err), isinstance(err, StoreDamaged)
        return err

    def wrote(self) -> None:
        """Note that a write succeeded."""
        if not self._is_damaged:
            self.trouble = None


class Database(Protocol):
    """A database that is up to date with `schema.MIGRATIONS`.

    Attributes
    ----------
    name
        The address without a password, for messages.
    health
        Whether it answers.
    is_shared
        Whether several processes may serve from it.
    last_seq
        SQL: at least the greatest `seq` of the readings, and less than any that is given later.
    """

    name: str
    health: Health
    is_shared: bool
    last_seq: str

    def read(self, work: Callable[[Transaction], T]) -> T:
        """Do some reading of one consistent state."""

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Do some writing; what it wrote is durable when this returns. `work` may be run again after a collision."""

    def claim(self) -> None:
        """Be the one process that serves from this database, where there may be one only.

        Raises
        ------
        StoreError
            If another process is.
        """

    def lock_log(self, tx: Transaction) -> None:
        """Wait until no other transaction adds to the log, and keep others from it until this one ends."""

    def insert_readings(self, tx: Transaction, keys: np.ndarray, values: np.ndarray, layout: int,
                        received_at: int) -> np.ndarray:
        """Insert rows whose key is not there yet; bool, shape (n,): was it inserted?

        Parameters
        ----------
        keys
            Bucket, machine and time of each row, distinct and sorted; int64, shape (n, 3).
        values
            Little-endian float64, shape (n, number of columns), C order.
        """

    def drop_readings(self, old: int, covered: str) -> tuple[int, list[str]]:
        """Drop tables of readings that may go as a whole; rows dropped, and the tables whose old rows go one by one.

        Parameters
        ----------
        old
            Readings received from then on stay; microseconds UTC.
        covered
            SQL that says whether every engine has the rows of `{table}`; others stay.
        """

    def reclaim(self) -> None:
        """Give space of deleted rows back, as far as that is cheap."""

    def close(self) -> None:
        """Close every connection."""


class Pool(Generic[C]):
    """At most `limit` connections, opened when first needed, each in the hands of one thread at a time."""

    def __init__(self, connect: Callable[[], C], close: Callable[[C], None], limit: int) -> None:
        self._connect, self._close, self._limit = connect, close, limit
        self._free: list[C] = []
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(limit)

    @contextmanager
    def take(self) -> Iterator[C]:
        """A connection; put back after use, thrown away after an error, which may have left it broken."""
        if not self._places.acquire(timeout=_WAIT_S):
            raise StoreUnavailable(f"store: all {self._limit} connections are in use. Try again.")
        try:
            with self._lock:
                connection = self._free.pop() if self._free else None
            connection = self._connect() if connection is None else connection
            try:
                yield connection
            except BaseException:
                self._close(connection)
                raise
            with self._lock:
                self._free.append(connection)
        finally:
            self._places.release()

    def clear(self) -> None:
        """Close the connections nobody holds."""
        with self._lock:
            free, self._free = self._free, []
        for connection in free:
            self._close(connection)

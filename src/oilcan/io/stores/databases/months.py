"""When partitions of readings are made and dropped: ahead of need, and never while somebody would wait for it."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import psycopg

from oilcan.io.stores.databases.database import Transaction
from oilcan.io.stores.databases.readings_by_month import (
    BEFORE,
    Part,
    drop,
    first_bucket,
    is_as_seen,
    make,
    month_of,
    month_part,
    parts,
    width_of_months,
)

_BACK: Final = 120                      # months for which a late reading may still make a partition
_LOCKED_MS: Final = 300                 # wait for those who read, and hold up a change of the partitions
_PAUSE_S: Final = 30.0                  # after a wait that was in vain


class Months:
    """The partitions of a store, as far as this process knows them.

    What it does not know costs a look into the table `readings_months`. What it believes wrongly sends rows into the
    partition of the others, where they are found and trimmed as anywhere.
    """

    def __init__(self) -> None:
        self._width: int | None = None
        self._made: set[int] = set()            # months since 1970 for which nothing is to be made
        self._next = 0.0

    def see_to(self, tx: Transaction, buckets: np.ndarray, now: int) -> None:
        """Make partitions for the months of some rows and the months after them, where there are none.

        A month that cannot be made in a moment, because somebody reads, is tried again later.

        Parameters
        ----------
        tx
            One that holds the lock of the log.
        buckets
            Of the rows, int64, shape (n,), ascending.
        now
            Microseconds UTC: months long before and after it are not made.
        """
        width = self._known_width(tx)
        if not width:
            return
        low, high = (first_bucket(month_of(now) + months, width) for months in (-_BACK, 2))
        inside = np.unique(buckets[slice(*np.searchsorted(buckets, (low, high)))])
        months = np.unique((inside * width).astype("datetime64[us]").astype("datetime64[M]").astype(np.int64))
        wanted = {*months.tolist(), *(months + 1).tolist()} - self._made
        if wanted and time.monotonic() >= self._next:
            self._make(tx, sorted(wanted), width)

    def ended(self, tx: Transaction, instant: int) -> list[Part]:
        """Partitions of months that ended before an instant, and that of all rows from before there were months."""
        self._made.clear()                      # others may have dropped some
        width = self._known_width(tx) or 0
        return [part for part in parts(tx) if part.name == BEFORE or part.high * width <= instant]

    def is_long_over(self, part: Part, instant: int) -> bool:
        """Whether a month that cannot go as a whole is trimmed row by row: from a month after it could have gone."""
        return part.name == BEFORE or month_of(instant) > month_of(part.high * (self._width or 0))

    def _make(self, tx: Transaction, wanted: list[int], width: int) -> None:
        there = parts(tx)
        for month in wanted:
            part = month_part(month, width)
            if any(part.low < other.high and other.low < part.high for other in there):
                self._made.add(month)           # not one that is made now: the transaction may end otherwise
            elif not briefly(tx, partial(make, tx, part)):
                self._next = time.monotonic() + _PAUSE_S
                return

    def _known_width(self, tx: Transaction) -> int | None:
        if self._width is None:
            self._width = width_of_months(tx)
        return self._width


def drop_as_seen(tx: Transaction, part: Part, newest: int) -> bool:
    """Drop a partition, unless another process has, a row came into it (`seq` above `newest`), or somebody reads.

    `tx` holds the lock of the log.
    """
    return is_as_seen(tx, part, newest) and briefly(tx, partial(drop, tx, part))


def briefly(tx: Transaction, work: Callable[[], None]) -> bool:
    """Do some work, unless it would wait long for others; whether it was done."""
    tx.run("SAVEPOINT briefly")
    tx.run(f"SET LOCAL lock_timeout = {_LOCKED_MS}")
    try:
        work()
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
        tx.run("ROLLBACK TO SAVEPOINT briefly")
        return False
    tx.run("SET LOCAL lock_timeout TO DEFAULT")
    tx.run("RELEASE SAVEPOINT briefly")
    return True

"""Requests on their way into the store, what became of them, and the entries of the log that they leave."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from oilcan.ground.errors import StoreError
from oilcan.io.stores.values import Readings, Record, RecordTable, Refused, StoredReadings, StoredRecord


@dataclass(frozen=True)
class Appended:
    """What became of each row of a batch, bool, shape (n,): stored now, or there before with other values.

    A row that is neither is a plain duplicate: there before with the same values.
    """

    is_new: np.ndarray
    is_conflict: np.ndarray

    @property
    def duplicates(self) -> int:
        """Rows that were there before, the same."""
        return int(len(self.is_new) - self.is_new.sum() - self.is_conflict.sum())


@dataclass(frozen=True)
class ReadingsBatch:
    """The readings of one request, and the rows of it that are kept aside."""

    readings: Readings
    kept_aside: Sequence[Refused] = ()


@dataclass(frozen=True)
class RecordsBatch:
    """The records of one request, all of one table."""

    table: RecordTable
    records: Sequence[Record]


@dataclass(frozen=True)
class Admission:
    """Which machines a batch may make known.

    Attributes
    ----------
    most
        How many machines the store may know in all; None for no limit. 0 lets no new machine in.
    """

    most: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one request of a write.

    Attributes
    ----------
    appended
        Of each row; rows of strangers are neither new nor a conflict, and `is_stranger` is true for them.
    is_stranger
        Rows of machines that were not let in, bool, shape (n,).
    unnumbered
        (row, column, text) of texts that got no number, because their column has too many; stored as missing.
    """

    appended: Appended
    is_stranger: np.ndarray
    unnumbered: Sequence[tuple[int, str, str]] = ()


class Cursor(NamedTuple):
    """How far a reader of the log has come: the number of an entry, and its token.

    Numbers are dense and begin at 1; (0, 0) is before the first. The token is random, so that a log that was put in the
    place of another one is noticed.
    """

    number: int = 0
    token: int = 0

    def as_text(self) -> str:
        """Both numbers, to be written down.

        Examples
        --------
        >>> Cursor(7, 12).as_text()
        '7.12'
        """
        return f"{self.number}.{self.token}"

    @classmethod
    def from_text(cls, text: Any) -> "Cursor":
        """The cursor that wrote the text.

        Raises
        ------
        StoreError
            If it is not a cursor.

        Examples
        --------
        >>> Cursor.from_text("7.12").number
        7
        """
        number, _, token = str(text).partition(".")
        if not all(part.isascii() and part.isdigit() and len(part) < 20 for part in (number, token)):
            raise StoreError(f"cursor: {str(text)[:40]!r} is not valid (wanted two numbers with a dot between). "
                             f"The features are rebuilt from the readings.")
        return cls(int(number), int(token))


@dataclass(frozen=True)
class Entry:
    """One entry of the log: what one transaction stored.

    Attributes
    ----------
    cursor
        Its number and token.
    before
        Those of the entry before it.
    machines
        Machines that became known or got other static columns, with these columns.
    records, readings
        What is new of them; readings with the store's numbers for texts.
    received_at
        Microseconds UTC.
    forecasts
        First id of those set apart for its forecasts; 0 if there are none.
    is_written_here
        Whether this process wrote it, and so knows all machines that it described. Of an entry that is read later those
        are missing which a later entry described again.
    """

    cursor: Cursor
    before: Cursor
    machines: Mapping[str, Mapping[str, Any]]
    records: Sequence[Record]
    readings: Readings
    received_at: int
    forecasts: int = 0
    is_written_here: bool = False

    @cached_property
    def reported(self) -> list[str]:
        """Machines of its readings and records, in the order of their names."""
        return sorted({*self.readings.machine_ids, *(record.machine_id for record in self.records)})

    @cached_property
    def described(self) -> list[str]:
        """Machines that it describes and says nothing else about, in the order of their names."""
        return sorted(self.machines.keys() - set(self.reported))

    @property
    def n_forecasts(self) -> int:
        """How many ids its forecasts may need: of the bundle in service, and of its challenger."""
        return 2 * (len(self.reported) + len(self.described))

    def forecast_ids(self, *, of_challenger: bool = False) -> dict[str, int]:
        """Id of the forecast of each machine with readings or records: the same for whoever reads the entry.

        Machines that are described alone have one for the process that wrote the entry; others reserve one.
        """
        if not self.forecasts:
            return {}
        start, more = self.forecasts, self.forecasts + 2 * len(self.reported)
        ids = dict(zip(self.reported, range(start + of_challenger * len(self.reported), more), strict=False))
        if self.is_written_here:
            ids |= {name: at for at, name in enumerate(self.described, more + of_challenger * len(self.described))}
        return ids


@dataclass(frozen=True)
class Write:
    """What a write did.

    Attributes
    ----------
    outcomes
        Of each request, in order.
    entry
        The log's new entry; None if nothing was new.
    upto
        The log's last entry when the write ended: all that the requests name is in the log up to there.
    """

    outcomes: list[Outcome]
    entry: Entry | None
    upto: Cursor


@dataclass(frozen=True)
class Changes:
    """Entries of the log after a cursor, in order; `more` if there are others behind them.

    Attributes
    ----------
    readings, records, machines
        Of all entries together.
    cursor
        The last entry, or where the reader stood if there is none.
    """

    entries: list[Entry]
    readings: StoredReadings
    records: list[StoredRecord]
    machines: Mapping[str, Mapping[str, Any]]
    cursor: Cursor
    more: bool

"""What goes into a store and comes out of it: plain rows and batches, the same for every database.

Times of readings and records are whole units as everywhere in the service: microseconds since 1970-01-01 UTC, or
cycles. Moments at which the service did something (`received_at`, `opened_at`, ...) are always microseconds UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np

from oilcan.contract import Column, Contract
from oilcan.ground.errors import StoreError
from oilcan.ground.time_units import UNITS_PER_TICK

RecordTable = Literal["errors", "maintenance", "failures"]
RECORD_TABLES: Final[tuple[RecordTable, ...]] = get_args(RecordTable)
Scope = Literal["read", "write", "admin", "alerts"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
_INCLUDES: Final[Mapping[Scope, frozenset[Scope]]] = {
    "read": frozenset({"read"}), "write": frozenset({"read", "write"}), "admin": frozenset(SCOPES),
    "alerts": frozenset({"alerts"}),            # Alertmanager may send alerts, and see nothing
}


def includes(scope: str, wanted: str) -> bool:
    """Whether a key of one scope may do what another one is for.

    Examples
    --------
    >>> includes("write", "read"), includes("write", "alerts"), includes("admin", "alerts")
    (True, False, True)
    """
    return wanted in _INCLUDES.get(scope, frozenset())  # type: ignore[call-overload]


@dataclass(frozen=True)
class Layout:
    """What the numbers of a reading mean: the columns in order, their units, and whose data they are.

    Attributes
    ----------
    dataset, contract_version, time
        Name, version and kind of time (`instant`, `cycle`) of the contract.
    columns, units
        Telemetry columns in the order of `Readings.values`, and the unit of each.
    period
        Usual step between readings of a machine, in units of time; 0 if nobody knows. Only for speed.
    """

    dataset: str
    contract_version: int
    time: str
    columns: tuple[str, ...]
    units: tuple[str, ...]
    period: int = 0


def layout_of(contract: Contract, columns: Sequence[str]) -> Layout:
    """The layout of some telemetry columns of a contract, in the order given."""
    known = contract.tables["telemetry"].columns
    units = tuple(known[name].unit if name in known else contract.derived[name].unit for name in columns)
    period = contract.time.period
    return Layout(contract.name, contract.version, contract.time.kind, tuple(columns), units,
                  0 if period is None else max(1, round(period.ticks * UNITS_PER_TICK[contract.time.kind])))


def stored_columns(contract: Contract) -> dict[str, Column]:
    """Telemetry columns that a service stores, as numbers: all that a feature may read."""
    listed = contract.tables["telemetry"].columns
    return {name: listed[name] for name in contract.telemetry_columns("sensor", "condition", "static")
            if name in listed and listed[name].type != "instant"}


@dataclass(frozen=True)
class Readings:
    """A batch of readings, one row each.

    Attributes
    ----------
    machine_ids
        Length n.
    times
        int64, shape (n,).
    values
        float64, shape (n, number of columns of the layout); NaN where there is none.
    texts
        Text column -> texts; the column's values are places in this list until the store gives each text its number.
    """

    machine_ids: Sequence[str]
    times: np.ndarray
    values: np.ndarray
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict, kw_only=True)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.times)


@dataclass(frozen=True)
class StoredReadings(Readings):
    """Readings as the store has them: `seqs` and `received_at`, int64, shape (n,), besides."""

    seqs: np.ndarray
    received_at: np.ndarray


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
class Record:
    """A row of errors, maintenance or failures; `kind` is the code, the component or the mode."""

    machine_id: str
    time: int
    kind: str
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredRecord(Record):
    """A record as the store has it."""

    table: RecordTable = "errors"
    seq: int = 0
    received_at: int = 0


@dataclass(frozen=True)
class Machine:
    """A machine the store knows.

    Attributes
    ----------
    newest
        Time of its newest reading; None before the first.
    changed
        Number of the log's entry in which it became known or got these static columns.
    """

    machine_id: str
    static: dict[str, Any]
    first_seen: int
    newest: int | None
    changed: int = 0


@dataclass(frozen=True)
class Refused:
    """A row kept aside: where it came in, why it was refused, and what it said."""

    source: str
    machine_id: str
    time: int | None
    reason: str
    content: str


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
    """

    cursor: Cursor
    before: Cursor
    machines: Mapping[str, Mapping[str, Any]]
    records: Sequence[Record]
    readings: Readings
    received_at: int


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

"""What goes into a store and comes out of it: plain rows and batches, the same for every database.

Times of readings and records are whole units as everywhere in the service: microseconds since 1970-01-01 UTC, or
cycles. Moments at which the service did something (`received_at`, `opened_at`, ...) are always microseconds UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np

from oilcan.contract import Contract
from oilcan.ground.errors import StoreError
from oilcan.ground.time_units import UNITS_PER_TICK

RecordTable = Literal["errors", "maintenance", "failures"]
RECORD_TABLES: Final[tuple[RecordTable, ...]] = get_args(RecordTable)
Scope = Literal["read", "write", "admin"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)     # each may do what the ones before it may


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
    """

    machine_ids: Sequence[str]
    times: np.ndarray
    values: np.ndarray

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
    """A machine the store knows; `newest` is the time of its newest reading, None before the first."""

    machine_id: str
    static: dict[str, Any]
    first_seen: int
    newest: int | None


@dataclass(frozen=True)
class Refused:
    """A row kept aside: where it came in, why it was refused, and what it said."""

    source: str
    machine_id: str
    time: int | None
    reason: str
    content: str


class Position(NamedTuple):
    """How far a reader of one table has come: transaction, then row. SQLite has one writer and needs the row only."""

    transaction: int = 0
    seq: int = 0


class Cursor(NamedTuple):
    """How far a reader of `changes` has come."""

    readings: Position = Position()
    records: Position = Position()

    def as_text(self) -> str:
        """Four numbers, to be written down.

        Examples
        --------
        >>> Cursor(Position(0, 7)).as_text()
        '0.7.0.0'
        """
        return ".".join(str(number) for number in (*self.readings, *self.records))

    @classmethod
    def from_text(cls, text: str) -> "Cursor":
        """The cursor that wrote the text.

        Raises
        ------
        StoreError
            If it is no such text.

        Examples
        --------
        >>> Cursor.from_text("0.7.0.3").records.seq
        3
        """
        parts = text.split(".")
        if len(parts) != 4 or not all(part.isascii() and part.isdigit() for part in parts):
            raise StoreError(f"cursor: {text[:40]!r} is none (wanted four numbers with dots between).")
        first, second, third, fourth = map(int, parts)
        return cls(Position(first, second), Position(third, fourth))


@dataclass(frozen=True)
class Changes:
    """What was committed after a cursor, in an order that never skips a row; `more` if the page was full."""

    readings: StoredReadings
    records: list[StoredRecord]
    cursor: Cursor
    more: bool

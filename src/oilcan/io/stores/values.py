"""Rows that go into a store and come out of it: readings, records, machines, rows kept aside.

Times of readings and records are whole units as everywhere in the service: microseconds since 1970-01-01 UTC, or
cycles. Moments at which the service did something (`received_at`, `opened_at`, ...) are always microseconds UTC.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

import numpy as np

RecordTable = Literal["errors", "maintenance", "failures"]
RECORD_TABLES: Final[tuple[RecordTable, ...]] = get_args(RecordTable)


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
    """A row kept aside: where it came in, why it was refused, and its content."""

    source: str
    machine_id: str
    time: int | None
    reason: str
    content: str

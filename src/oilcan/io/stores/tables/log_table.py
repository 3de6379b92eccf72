"""The log: one entry for each transaction that stored something of the machines, numbered from 1 without gaps.

A write takes the lock of the log first, in every process, so entries are numbered in the order of their commits. The
entry says up to which `seq` readings and records belong to it. See docs/decisions/0035-the-log-is-the-one-source.md.
"""

import itertools
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from oilcan.ground.errors import StoreReplaced
from oilcan.io.stores.databases.database import Database, Transaction
from oilcan.io.stores.log_entries import Admission, Cursor, Entry, Outcome, Write
from oilcan.io.stores.tables.machine_slots import MachinesPart
from oilcan.io.stores.tables.text_table import Texts
from oilcan.io.stores.values import Readings, Record


@dataclass
class Writing:
    """A write under way, inside its transaction.

    Attributes
    ----------
    before
        The entry before the one that this write may add.
    last_seq
        As in `Database`.
    met, numbered
        Machines and texts that it looked up or gave numbers to; remembered once it is committed.
    machines, records, readings
        What is new, for the entry.
    """

    tx: Transaction
    before: Cursor
    now: int
    last_seq: str
    met: dict[str, int] = field(default_factory=dict)
    numbered: dict[tuple[str, str], int] = field(default_factory=dict)
    machines: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    readings: Readings = field(default_factory=lambda: Readings([], np.zeros(0, np.int64), np.zeros((0, 0))))

    @property
    def number(self) -> int:
        """Of the entry, if there will be one."""
        return self.before.number + 1

    def end(self, outcomes: list[Outcome]) -> Write:
        """Add the entry, if anything is new."""
        if not (self.machines or self.records or len(self.readings)):
            return Write(outcomes, None, self.before)
        cursor = Cursor(self.number, secrets.randbits(62))
        entry = Entry(cursor, self.before, self.machines, self.records, self.readings, self.now)
        ids = reserved_ids(self.tx, entry.n_forecasts)
        self.tx.run("INSERT INTO log (number, token, written_at, readings, records, forecasts) SELECT ?, ?, ?, "  # noqa: S608
                    f"({self.last_seq}), (SELECT coalesce(max(seq), 0) FROM records), ?",
                    (*cursor, self.now, ids.start))
        return Write(outcomes, replace(entry, forecasts=ids.start, is_written_here=True), cursor)


class LogPart(MachinesPart):
    """The part of a store about the log's entries.

    Attributes
    ----------
    texts
        Numbers of the texts of telemetry columns.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.texts = Texts(database)

    def end(self) -> Cursor:
        """The log's last entry."""
        return self.database.read(last_entry)

    def last_reading(self, cursor: Cursor) -> int:
        """The last `seq` of the readings up to an entry.

        Raises
        ------
        StoreReplaced
            If the cursor is of another log.
        """
        def work(tx: Transaction) -> int:
            check_cursor(tx, cursor, self.database.name)
            return ends_at(tx, cursor.number)[0]

        return self.database.read(work)

    def extent(self) -> tuple[Cursor, int, int]:
        """The log's last entry, and the last `seq` of the readings and records in the log up to there."""
        def work(tx: Transaction) -> tuple[Cursor, int, int]:
            cursor = last_entry(tx)
            return cursor, *ends_at(tx, cursor.number)

        return self.database.read(work)

    def let_in(self, writing: Writing, names: Iterable[str], admission: Admission, *, all_or_none: bool = False
               ) -> set[str]:
        """Make unknown machines known as far as that is allowed; those that are not let in."""
        strangers, new = self.meet(writing.tx, names, admission, writing.met, writing.now, all_or_none=all_or_none,
                                   changed=writing.number)
        writing.machines.update({name: {} for name in new})
        return strangers

    def _write(self, now: int, work: Callable[[Writing], list[Outcome]]) -> Write:
        """Do some writing as one transaction and one entry of the log."""
        def run(tx: Transaction) -> tuple[Writing, Write]:
            self.database.lock_log(tx)
            writing = Writing(tx, last_entry(tx), now, self.database.last_seq)
            return writing, writing.end(work(writing))

        writing, write = self.database.write(run)
        self.publish(writing.met)
        self.texts.learn(writing.numbered)
        return write


def reserved_ids(tx: Transaction, n: int) -> range:
    """Ids of forecasts that nobody else gets."""
    last = tx.rows("UPDATE counters SET value = value + ? WHERE name = 'forecasts' RETURNING value", (n,))[0][0]
    return range(last - n + 1, last + 1)


def last_entry(tx: Transaction) -> Cursor:
    """The last entry; the cursor before the first while the log is empty."""
    found = tx.rows("SELECT number, token FROM log ORDER BY number DESC LIMIT 1")
    return Cursor(*found[0]) if found else Cursor()


def ends_at(tx: Transaction, number: int) -> tuple[int, int]:
    """The last `seq` of readings and of records that belong to an entry or to one before it."""
    found = tx.rows("SELECT readings, records FROM log WHERE number <= ? ORDER BY number DESC LIMIT 1", (number,))
    return (int(found[0][0]), int(found[0][1])) if found else (0, 0)


def check_cursor(tx: Transaction, cursor: Cursor, where: str) -> None:
    """Refuse a cursor of another log.

    Raises
    ------
    StoreReplaced
        If the log ends before it, or has another entry of this number.
    """
    end = last_entry(tx)
    found = tx.rows("SELECT token FROM log WHERE number = ?", (cursor.number,))
    if end.number < cursor.number or (found and found[0][0] != cursor.token):
        raise StoreReplaced(f"{where}: its log is not the one that was read before (entry {cursor.number} is missing "
                            f"or another one, the last is {end.number}). The state of the machines is made again.")


def where_in(ends: Sequence[int], seqs: np.ndarray) -> list[slice]:
    """Rows of each entry, by the last `seq` of each."""
    at = [0, *np.searchsorted(seqs, np.asarray(ends), side="right").tolist()]
    return [slice(begin, end) for begin, end in itertools.pairwise(at)]

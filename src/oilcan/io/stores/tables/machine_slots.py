"""Machines: their ids, the numbers that stand for them in other tables, and their static columns."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from oilcan.io.stores.databases.database import Database, Row, Transaction
from oilcan.io.stores.databases.text_limits import check_name, is_name
from oilcan.io.stores.log_entries import Admission

_PAGE: Final = 400                      # ids in one statement; databases limit the number of parameters


class MachinesPart:
    """The part of a store about machines.

    Numbers of machines are remembered once they are committed: a number is never changed or given again.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._numbers: dict[str, int] = {}      # machine id -> number
        self._names: dict[int, str] = {}

    def names_of(self, tx: Transaction, numbers: Iterable[int]) -> list[str]:
        """Ids of machines by their numbers."""
        numbers = list(numbers)
        if not self._names.keys() >= set(numbers):
            self._names.update(tx.rows("SELECT machine, machine_id FROM machines"))
        return [self._names[number] for number in numbers]

    def known(self, machine_ids: Sequence[str]) -> dict[str, int]:
        """Numbers of those machines that the store knows."""
        missing = sorted(name for name in set(machine_ids) - self._numbers.keys() if is_name(name))
        if missing:
            self._numbers.update(self.database.read(lambda tx: _listed(tx, missing)))
        return {name: self._numbers[name] for name in machine_ids if name in self._numbers}

    def numbers_of(self, machine_ids: Sequence[str], now: int) -> np.ndarray:
        """Numbers of machines, int64, shape (n,); unknown ones are made known, in a transaction of their own."""
        known = self.known(machine_ids)
        if len(known) < len(set(machine_ids)):
            def work(tx: Transaction) -> None:
                self.database.lock_log(tx)
                self.meet(tx, machine_ids, Admission(), {}, now)

            self.database.write(work)
            known |= self.known(machine_ids)
        return np.array([known[name] for name in machine_ids], dtype=np.int64)

    def meet(self, tx: Transaction, names: Iterable[str], admission: Admission, met: dict[str, int], now: int, *,
             all_or_none: bool = False, changed: int = 0) -> tuple[set[str], list[str]]:
        """Look machines up and make unknown ones known as far as that is allowed; who is not let in, and who is new.

        Parameters
        ----------
        tx
            One that holds the lock of the log.
        met
            Machine id -> number, of those looked up or made known in this transaction; added to here. Publish it once
            the transaction is committed.
        all_or_none
            Make none known if one may not be.
        changed
            Number of the log's entry in which they become known.
        """
        missing = sorted(set(names) - self._numbers.keys() - met.keys())
        for name in missing:
            check_name("machine_id", name)
        met.update(_listed(tx, missing))
        new = [name for name in missing if name not in met]
        if not new:
            return set(), []
        room = len(new)
        if admission.most is not None:
            room = max(0, admission.most - tx.rows("SELECT count(*) FROM machines")[0][0])
        strangers, new = set(new[room:]), [] if all_or_none and room < len(new) else new[:room]
        tx.insert("machines (machine_id, static, first_seen, changed)", [(name, "{}", now, changed) for name in new])
        met.update(_listed(tx, new))
        return strangers, new

    def publish(self, met: Mapping[str, int]) -> None:
        """Remember the numbers of a transaction that was committed."""
        self._numbers.update(met)

    def number(self, name: str, met: Mapping[str, int]) -> int:
        """The number of a machine that `meet` let in."""
        found = self._numbers.get(name)
        return met[name] if found is None else found


def _listed(tx: Transaction, names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for page in map(partial(_page, names), range(0, len(names), _PAGE)):
        marks = ", ".join("?" * len(page))
        rows: list[Row] = tx.rows(f"SELECT machine_id, machine FROM machines WHERE machine_id IN ({marks})", page)  # noqa: S608
        found.update(rows)
    return found


def _page(names: Sequence[str], begin: int) -> Sequence[str]:
    return names[begin : begin + _PAGE]

"""Machines: their ids, the numbers that stand for them in other tables, and their static columns."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from oilcan.io.stores.databases.database import Database, Row, Transaction
from oilcan.io.stores.databases.text_limits import check_name, is_name

_PAGE: Final = 400                      # ids in one statement; databases limit the number of parameters


class MachinesPart:
    """The part of a store about machines."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._numbers: dict[str, int] = {}      # machine id -> number; a number is never changed or given again
        self._names: dict[int, str] = {}

    def put_machines(self, static: Mapping[str, Mapping[str, Any]], now: int) -> None:
        """Store the static columns of machines, known before or not; what was stored of them is replaced."""
        for name in static:
            check_name("machine_id", name)
        rows = [(name, json.dumps(columns, allow_nan=False), now) for name, columns in sorted(static.items())]
        self.database.write(lambda tx: tx.insert("machines (machine_id, static, first_seen)", rows,
                                                 "ON CONFLICT (machine_id) DO UPDATE SET static = excluded.static"))

    def numbers_of(self, machine_ids: Sequence[str], now: int) -> np.ndarray:
        """Numbers of machines, int64, shape (n,); unknown ones are made known, in a transaction of their own."""
        try:
            return np.array([self._numbers[name] for name in machine_ids], dtype=np.int64)
        except KeyError:
            known = self.known(machine_ids)
        missing = sorted(set(machine_ids) - set(known))     # one order in every process: no deadlock
        for name in missing:
            check_name("machine_id", name)
        if missing:
            self.database.write(lambda tx: tx.insert(
                "machines (machine_id, static, first_seen)", [(name, "{}", now) for name in missing],
                "ON CONFLICT DO NOTHING"))
            known |= self.known(missing)
        return np.array([known[name] for name in machine_ids], dtype=np.int64)

    def names_of(self, tx: Transaction, numbers: Iterable[int]) -> list[str]:
        """Ids of machines by their numbers."""
        numbers = list(numbers)
        if not self._names.keys() >= set(numbers):
            self._names.update(tx.rows("SELECT machine, machine_id FROM machines"))
        return [self._names[number] for number in numbers]

    def known(self, machine_ids: Sequence[str]) -> dict[str, int]:
        """Numbers of those machines that the store knows."""
        missing = sorted(name for name in set(machine_ids) - self._numbers.keys() if is_name(name))
        for at in range(0, len(missing), _PAGE):
            self._numbers.update(self.database.read(partial(_numbers, page=missing[at : at + _PAGE])))
        return {name: self._numbers[name] for name in machine_ids if name in self._numbers}


def _numbers(tx: Transaction, page: Sequence[str]) -> list[Row]:
    marks = ", ".join("?" * len(page))
    return tx.rows(f"SELECT machine_id, machine FROM machines WHERE machine_id IN ({marks})", page)  # noqa: S608

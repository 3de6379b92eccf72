"""The telemetry, a part of its machines at a time, with the tables that have as many rows; then what all parts say.

Rows of different machines never meet in `ingest`. So telemetry and truth may come in parts that hold whole machines
each, in the order of their identifiers: a part is cleaned, written and forgotten. Only its account stays.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import pandas as pd

from oilcan.contract import Contract
from oilcan.core.ingest.cleaned import Cleaned
from oilcan.core.ingest.failure_sources import draw_failures
from oilcan.core.ingest.fleet_rows import copy_to_all
from oilcan.core.ingest.frames import RawPiece
from oilcan.core.ingest.machine_table import machine_rows, part_unknown
from oilcan.core.ingest.rows.accounts import Account, account_of, join_parts
from oilcan.core.ingest.rows.stops import INSIDE, inside_stops
from oilcan.core.ingest.tables import table_key
from oilcan.ground.columns import MACHINE
from oilcan.ground.errors import DataError

TELEMETRY: Final = "telemetry"


class FleetParts:
    """What the parts of the telemetry said so far.

    Parameters
    ----------
    contract
        The whole adapter.
    small
        Cleaned tables of the whole fleet.
    test_rul
        True remaining lives of test machines; they need all machines in one part.
    """

    def __init__(self, contract: Contract, small: Mapping[str, Cleaned], test_rul: Sequence[RawPiece]) -> None:
        self._contract, self._small, self._test_rul = contract, small, test_rul
        listed = small["machines"].frame[MACHINE].unique() if "machines" in small else []
        self._listed = pd.Index(listed, dtype="str")
        self._seen: list[pd.Index] = []
        self._named: list[pd.Index] = []
        self._machines: list[pd.DataFrame] = []
        self._failures: list[pd.DataFrame] = []
        self._accounts: dict[str, list[Account]] = {}
        self.problems: list[str] = []
        self.no_rows = pd.DataFrame()

    def add(self, part: Mapping[str, Cleaned]) -> None:
        """Decide the last rows of a part, and remember what is needed of it."""
        telemetry = part[TELEMETRY]
        seen = pd.Index(telemetry.frame[MACHINE].unique())
        known = telemetry.named.union(self._listed)
        telemetry.decide(inside_stops(telemetry.frame, *self._stops(seen)), "excluded", INSIDE)
        for table in part.values():
            if table is not telemetry:
                part_unknown(table, seen, known)
        for name, table in part.items():
            self._accounts.setdefault(name, []).append(account_of(table, self._contract))
        self._seen.append(seen)
        self._named.append(telemetry.named)
        if len(telemetry.frame):
            self._machines.append(machine_rows(telemetry))
            self._draw(telemetry)
            self.no_rows = telemetry.frame.iloc[:0]

    def _stops(self, machines: pd.Index) -> list[pd.DataFrame | None]:
        """Failures and maintenance jobs, those of all machines copied to the machines of a part."""
        return [self._of_machines(self._small[name], machines).frame if name in self._small else None
                for name in ("failures", "maintenance")]

    def _of_machines(self, table: Cleaned, machines: pd.Index) -> Cleaned:
        copied = replace(table)
        copy_to_all(copied, sorted(machines), table_key(table.name, self._contract))
        return copied

    def _draw(self, telemetry: Cleaned) -> None:
        if self._contract.failures.source != "table":
            try:
                self._failures.append(draw_failures(telemetry, self._contract, self._test_rul))
            except DataError as err:
                self.problems.append(str(err))

    def finish_small(self) -> None:
        """Complete the tables of the whole fleet: rows about all machines, and rows of machines without telemetry."""
        seen, named = _union(self._seen), _union(self._named)
        for table in self._small.values():
            copy_to_all(table, sorted(seen), table_key(table.name, self._contract))
            part_unknown(table, seen, named.union(self._listed))

    def accounts(self) -> dict[str, Account]:
        """Of every table, in the order of the contract."""
        done = {name: join_parts(parts) for name, parts in self._accounts.items()}
        done |= {name: account_of(table, self._contract) for name, table in self._small.items()}
        return {name: done[name] for name in self._contract.tables}

    def machines(self) -> pd.DataFrame:
        """The rows of `machine_rows` of all parts."""
        return _whole(self._machines)

    def failures(self) -> pd.DataFrame | None:
        """What the telemetry says of failures; None if they have a table."""
        return _whole(self._failures).reset_index(drop=True) if self._failures else None


def _union(parts: Sequence[pd.Index]) -> pd.Index:
    return parts[0] if len(parts) == 1 else pd.Index([name for part in parts for name in part], dtype="str").unique()


def _whole(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return parts[0] if len(parts) == 1 else pd.concat(parts) if parts else pd.DataFrame()

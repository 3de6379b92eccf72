"""What does not change while a machine works, from the machines table or from its newest reading."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np

from oilcan.core.features.plan import FeaturePlan
from oilcan.core.online.inputs import categories_of, is_missing, places
from oilcan.core.online.state.machine_arrays import MachineRows

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)


class Columns(Protocol):
    """Rows of the machines table by column: a table of pandas, or a mapping of lists."""

    def __contains__(self, name: object, /) -> bool: ...
    def __getitem__(self, name: str, /) -> Sequence[Any]: ...


class Statics:
    """Static columns as numbers: place of a text among the training values, instants in whole units.

    Parameters
    ----------
    from_readings
        Static columns of telemetry -> position among the raw columns; all others stand in the machines table.
    """

    def __init__(self, plan: FeaturePlan, from_readings: Mapping[str, int]) -> None:
        wanted = {f.sensor: f.statistic for f in plan.features if f.kind == "static"}
        wanted |= {reference.column: "code" for reference in plan.fleet}
        self._categories = categories_of(plan)
        self._from_readings = from_readings
        self._kinds = {name: statistic for name, statistic in wanted.items() if name not in from_readings}
        self._place = {name: at for at, name in enumerate(self._kinds)}
        self.rows = MachineRows(machine=np.full(len(self._kinds), np.nan))

    def register(self, slots: np.ndarray, at: Sequence[int], machines: Columns) -> None:
        """Take static columns from rows of the machines table; columns it lacks stay as they are.

        Parameters
        ----------
        slots, at
            Machines, and the row of each, shape (m,).
        machines
            Instants are datetimes or ISO 8601, without an offset in UTC.
        """
        for name, place in self._place.items():
            if name in machines:
                cells = list(machines[name])
                self.rows["machine"][slots, place] = self._numbers(name, [cells[row] for row in at])

    def _numbers(self, name: str, cells: Iterable[Any]) -> np.ndarray:
        if self._kinds[name] == "code":
            return places(cells, self._categories[name])
        number = _microseconds if self._kinds[name] == "age" else float
        return np.array([np.nan if is_missing(cell) else number(cell) for cell in cells], dtype=np.float64)

    def column(self, name: str, slots: np.ndarray, raw: np.ndarray) -> np.ndarray:
        """One static column of machines, shape (m,), NaN where unknown.

        Parameters
        ----------
        raw
            Their newest raw readings, shape (m, columns).
        """
        if name in self._from_readings:
            return raw[:, self._from_readings[name]]
        return self.rows["machine"][slots, self._place[name]]


def _microseconds(moment: datetime.datetime | str) -> int:
    """Since 1970; exact as float64 too, for 2^53 of them are 285 years."""
    instant = datetime.datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return ((instant if instant.tzinfo else instant.replace(tzinfo=datetime.UTC)) - _EPOCH) // _MICROSECOND

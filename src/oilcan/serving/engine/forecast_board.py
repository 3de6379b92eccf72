"""The newest forecast of every machine: arrays by slot, read by many, written by the engine's thread alone."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from oilcan.io.stores.tables.forecast_table import Forecast
from oilcan.serving.bodies.instants_json import NO_TIME


class ForecastBoard:
    """The newest forecast of each machine, by slot.

    Attributes
    ----------
    lock
        Held while the board is changed, which takes microseconds, and while several arrays are read together.
    machine_ids
        In order of the slots.
    time
        Whole units of the newest reading that a forecast was made for; `NO_TIME` before the first.
    newest
        The same of the newest reading of all, with a forecast or without one yet.
    forecast
        Id of the forecast; 0 before the first.
    alarm
        Id of the open alarm; 0 for none, -1 for one that the store does not have yet.
    received
        Microseconds UTC of the newest reading's receipt.
    values
        Columns of forecasts, float64, NaN before the first.
    whole
        Whether all columns are of the newest forecast, or those of the headline alone.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.lock = threading.RLock()
        self.machine_ids: list[str] = []
        self.slot: dict[str, int] = {}
        self._plain = {"time": NO_TIME, "newest": NO_TIME, "forecast": 0, "alarm": 0, "received": 0}
        self.time, self.newest, self.forecast, self.alarm, self.received = (np.zeros(0, np.int64) for _ in self._plain)
        self.whole = np.zeros(0, dtype=bool)
        self.values = {name: np.zeros(0) for name in columns}
        self.static: list[dict[str, Any]] = []

    def __len__(self) -> int:
        """Number of machines."""
        return len(self.machine_ids)

    def add(self, machine_ids: Iterable[str]) -> None:
        """Make room for machines that are new."""
        for name in machine_ids:
            if name not in self.slot:
                self.slot[name] = len(self.machine_ids)
                self.machine_ids.append(name)
                self.static.append({})
        more = len(self.machine_ids) - len(self.time)
        if more > 0:
            room = max(more, len(self.time) // 2)
            for name, empty in self._plain.items():
                setattr(self, name, np.concatenate([getattr(self, name), np.full(room, empty, dtype=np.int64)]))
            self.whole = np.concatenate([self.whole, np.zeros(room, dtype=bool)])
            self.values = {name: np.concatenate([values, np.full(room, np.nan)])
                           for name, values in self.values.items()}

    def meet(self, machines: Mapping[str, Mapping[str, Any]]) -> None:
        """Know machines with their static columns, which replace older ones."""
        self.add(machines)
        for name, static in machines.items():
            self.static[self.slot[name]] = dict(static)

    def publish(self, slots: np.ndarray, times: np.ndarray, ids: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        """Note new forecasts; columns that are not given are of older ones from now on."""
        self.time[slots], self.forecast[slots] = times, ids
        self.whole[slots] = False
        self.fill(slots, columns)

    def fill(self, slots: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        """Write columns of the newest forecasts."""
        for name, values in columns.items():
            self.values[name][slots] = values
        if columns.keys() == self.values.keys():
            self.whole[slots] = True

    def recall(self, logged: Mapping[str, Forecast]) -> None:
        """Put forecasts of the store's log back, by machine; those with the same columns go together."""
        same = defaultdict[tuple[str, ...], list[str]](list)
        for name, each in logged.items():
            same[tuple(column for column in each.values if column in self.values)].append(name)
        for columns, names in same.items():
            slots, ids = np.array([self.slot[name] for name in names]), np.array([logged[name].id for name in names])
            self.publish(slots, np.array([logged[name].time for name in names]), ids,
                         {column: np.array([logged[name].values[column] for name in names]) for column in columns})

    def clear(self, columns: tuple[str, ...]) -> None:
        """Forget all forecasts and alarms; the machines stay."""
        for name, empty in self._plain.items():
            getattr(self, name)[:] = empty
        self.values = {name: np.full(len(self.time), np.nan) for name in columns}
        self.whole[:] = False

"""Ids of forecasts; a forecast that is made again after a start gets the id that the store's log has of it."""

from collections.abc import Mapping, Sequence

import numpy as np

from oilcan.io.stores.tables.forecast_table import Forecast
from oilcan.serving.engine.forecast_log import ForecastLog


class ForecastIds:
    """Gives ids to the engine's forecasts.

    The ids of one machine's forecasts rise: after a start the service shows the newest forecast by time and id.

    Attributes
    ----------
    logged
        The newest forecasts of the store's log by machine, while entries are met again; empty otherwise.
    """

    def __init__(self, log: ForecastLog) -> None:
        self._log = log
        self.logged: Mapping[str, Forecast] = {}
        self._reserved: dict[str, int] = {}         # by machine, until an entry brings a higher id for it
        self._highest_given = 0

    def begin_again(self) -> None:
        """Forget what was reserved: entries are read again from an earlier one, and keep the ids that they brought."""
        self._reserved = {}

    def of(self, names: Sequence[str], times: np.ndarray, columns: Mapping[str, np.ndarray], given: Mapping[str, int]
           ) -> tuple[np.ndarray, np.ndarray]:
        """Ids of forecasts, and which of them are new: those that the log does not have from before a start.

        Parameters
        ----------
        times, columns
            Of each machine: its newest reading, and its forecasts. Shape (n,) each.
        given
            Ids that the entry of the store's log brought for its machines; others are reserved.
        """
        ids = np.array([given.get(name, 0) for name in names], dtype=np.int64)
        is_new = np.ones(len(names), dtype=bool)
        for at, name in enumerate(names) if self.logged else ():
            logged = self.logged.get(name)
            if logged is None or times[at] > logged.time or name in self._reserved:
                continue
            if times[at] == logged.time:
                if not _is_same({column: values[at] for column, values in columns.items()}, logged):
                    continue            # what the machine sent after it changed its forecast
                ids[at] = logged.id
            is_new[at] = False
        for at, name in enumerate(names) if self._reserved else ():
            if ids[at] > self._reserved.get(name, 0):
                self._reserved.pop(name, None)
            elif is_new[at]:
                ids[at] = 0
        self._highest_given = max(self._highest_given, int(ids.max(initial=0)))
        without = is_new & (ids == 0)
        if without.any():
            reserved = self._log.reserve(int(without.sum()), above=self._highest_given)
            ids[without] = np.arange(reserved.start, reserved.stop)
            self._reserved.update((names[at], int(ids[at])) for at in np.flatnonzero(without).tolist())
        return ids, is_new


def _is_same(values: Mapping[str, float], logged: Forecast) -> bool:
    """Whether a forecast equals the logged one in all columns that both have."""
    both = values.keys() & logged.values.keys()
    return bool(both) and np.allclose([values[name] for name in both], [logged.values[name] for name in both],
                                      rtol=1e-5, atol=1e-7, equal_nan=True)

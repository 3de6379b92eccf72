"""Ids of forecasts; a forecast that is made again after a start gets the id that the store's log has of it."""

from collections.abc import Mapping, Sequence

import numpy as np

from oilcan.io.stores.tables.forecast_table import Forecast
from oilcan.serving.engine.forecast_log import ForecastLog


class ForecastIds:
    """Gives ids to the engine's forecasts.

    Attributes
    ----------
    logged
        The newest forecasts of the store's log by machine, while entries are met again; empty otherwise.
    """

    def __init__(self, log: ForecastLog) -> None:
        self._log = log
        self.logged: Mapping[str, Forecast] = {}

    def of(self, names: Sequence[str], times: np.ndarray, headline: str, values: np.ndarray, given: Mapping[str, int]
           ) -> tuple[np.ndarray, np.ndarray]:
        """Ids of forecasts, and which of them are new: those that the log does not have from before a start.

        Parameters
        ----------
        times, values
            Of each machine: its newest reading, and the forecast's column `headline`. Shape (n,).
        given
            Ids that the entry of the store's log brought for its machines; others are reserved.
        """
        ids = np.array([given.get(name, 0) for name in names], dtype=np.int64)
        is_new = np.ones(len(names), dtype=bool)
        for at, name in enumerate(names) if self.logged else ():
            logged = self.logged.get(name)
            if logged is None or times[at] > logged.time:
                continue
            if times[at] == logged.time:
                if not np.isclose(values[at], logged.values.get(headline, np.nan), rtol=1e-5, atol=1e-7):
                    continue            # what the machine sent after it changed its forecast
                ids[at] = logged.id
            is_new[at] = False
        without = is_new & (ids == 0)
        if without.any():
            reserved = self._log.reserve(int(without.sum()))
            ids[without] = np.arange(reserved.start, reserved.stop)
        return ids, is_new

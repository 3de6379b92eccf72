"""What does not change while a machine works, from the machines table or from its newest reading."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from oilcan.core.features.arrays import codes
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.groups import exact
from oilcan.core.online.inputs import categories_of
from oilcan.core.online.rows import Rows


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
        self.rows = Rows(machine=np.full(len(self._kinds), np.nan))

    def register(self, slots: np.ndarray, machines: pd.DataFrame) -> None:
        """Take static columns from rows of the machines table, one per slot; columns it lacks stay as they are.

        Instants may be written as ISO 8601.
        """
        for name, at in self._place.items():
            if name in machines:
                self.rows["machine"][slots, at] = self._numbers(name, machines[name])

    def _numbers(self, name: str, column: pd.Series) -> np.ndarray:
        if self._kinds[name] == "code":
            return codes(column, self._categories[name])
        if self._kinds[name] == "age":
            instants = pd.to_datetime(column, utc=True, format="ISO8601")
            return np.where(column.isna(), np.nan, exact(instants))    # exact: 2^53 microseconds are 285 years
        return column.to_numpy(np.float64, na_value=np.nan)

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

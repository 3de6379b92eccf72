"""When a month of a service's readings is over, and what its parts are called."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from oilcan.ground.time_units import moment


@dataclass(frozen=True)
class Schedule:
    """When a month is over.

    Attributes
    ----------
    now
        Microseconds UTC.
    grace_days
        How long after its end a month waits for what is late.
    running
        Whether to take what has come of months that are not over, too.
    """

    now: int
    grace_days: float = 3.0
    running: bool = False

    @property
    def today(self) -> str:
        """The day of `now`."""
        return f"{moment(self.now):%Y-%m-%d}"

    def is_over(self, month: str) -> bool:
        """Whether a month ended at least `grace_days` ago.

        Examples
        --------
        >>> [Schedule(1_772_323_200_000_000, grace).is_over("2026-02") for grace in (0.0, 3.0)]     # 1 March
        [True, False]
        """
        end = (pd.Period(month, "M") + 1).start_time.tz_localize("UTC") + pd.Timedelta(days=self.grace_days)
        return bool(end <= moment(self.now))

    def part_name(self, month: str, folder: Path) -> str:
        """Name of the next part of a month."""
        if self.is_over(month):
            taken = any((folder / f"{month}{ending}").exists() for ending in ("", ".dvc"))
            name = f"{month}.late-{self.today}" if taken else month
        else:
            name = f"{month}.to-{self.today}"
        others = [name, *(f"{name}-{number}" for number in range(2, 1000))]
        return next(each for each in others if not (folder / each).exists())

"""A challenger on live traffic: it forecasts the same readings, is logged and compared, never answered from."""

from collections.abc import Sequence

import numpy as np

from oilcan.io.stores.log_entries import Entry
from oilcan.serving.ground.service_metrics import Metrics
from oilcan.serving.live.bundle_track import Track
from oilcan.serving.live.following import take_in
from oilcan.serving.live.forecast_log import ForecastLog, ForecastRows


class Shadow:
    """The challenger, if there is one; owned by the engine's thread.

    Attributes
    ----------
    track
        Its bundle and features; None for no challenger.
    """

    def __init__(self, track: Track | None, log: ForecastLog, metrics: Metrics) -> None:
        self.track, self._log, self._metrics = track, log, metrics

    def take_in(self, entry: Entry, active: Track) -> None:
        """Take an entry into its features, if it has its own."""
        if self.track is not None and self.track.features is not active.features:
            take_in(self.track, entry)

    def forecast(self, names: Sequence[str], times: np.ndarray, matrix: np.ndarray, answered: dict[str, np.ndarray],
                 active: Track) -> tuple[ForecastRows, np.ndarray, np.ndarray] | None:
        """What it forecasts of machines, with its headline and the active bundle's; nothing is logged yet.

        Parameters
        ----------
        times, matrix, answered
            Of the active bundle's forecasts: times, features and columns.
        """
        if self.track is None or not names:
            return None
        served = self.track.served
        own = matrix if self.track.features is active.features else self.track.matrix(names)
        columns = served.score(own, (served.headline.name,))
        reserved = self._log.reserve(len(names))
        rows = ForecastRows.of(served, "shadow", columns, names, times, np.arange(reserved.start, reserved.stop))
        mine, other = answered[active.served.headline_column], columns[served.headline_column]
        return rows, np.abs(other - mine), active.served.would_alarm(mine) != served.would_alarm(other)

    def log(self, challenged: tuple[ForecastRows, np.ndarray, np.ndarray] | None) -> None:
        """Log and count what `forecast` made."""
        if challenged is None:
            return
        rows, gaps, disagrees = challenged
        self._log.put(rows)
        self._metrics.forecasts.labels("shadow").inc(len(rows.ids))
        for gap in gaps.tolist():
            self._metrics.shadow_gap.observe(gap)
        self._metrics.shadow_disagrees.inc(int(disagrees.sum()))

"""A challenger on live traffic: it forecasts the same readings, is logged and compared.

As a shadow nothing is answered from it. As a canary it answers for a share of the machines, chosen by the hash of their
names; see docs/decisions/0130-a-canary-answers-for-some-machines.md.
"""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from oilcan.io.stores.log_entries import Entry
from oilcan.serving.engine.bundle_track import BundleTrack
from oilcan.serving.engine.following import take_in
from oilcan.serving.engine.forecast_log import ForecastLog, ForecastRows
from oilcan.serving.ground.service_metrics import Metrics


def answers_for(machine_id: str, share: float) -> bool:
    """Whether a canary with this share answers for a machine: the same in every replica and after every start.

    A machine that a small share has chosen stays chosen when the share grows.

    Examples
    --------
    >>> names = [f"M{number:03}" for number in range(1000)]
    >>> sum(answers_for(name, 0.1) for name in names), sum(answers_for(name, 1.0) for name in names)
    (91, 1000)
    """
    number = int.from_bytes(hashlib.sha256(machine_id.encode()).digest()[:8], "big")
    return number < share * 2**64


class Shadow:
    """The challenger, if there is one; owned by the engine's thread.

    Attributes
    ----------
    track
        Its bundle and features; None for no challenger.
    share
        Of the machines that it answers for; 0 for a shadow.
    """

    def __init__(self, track: BundleTrack | None, log: ForecastLog, metrics: Metrics) -> None:
        self.track, self._log, self._metrics = track, log, metrics
        self.share = 0.0

    def answers_for(self, machine_id: str) -> bool:
        """Whether it answers for a machine, and not the bundle in service."""
        return self.share > 0 and self.track is not None and answers_for(machine_id, self.share)

    def take_in(self, entry: Entry, active: BundleTrack) -> None:
        """Take an entry into its features, if it has its own."""
        if self.track is not None and self.track.features is not active.features:
            take_in(self.track, entry)

    def forecast(self, names: Sequence[str], times: np.ndarray, matrix: np.ndarray, answered: dict[str, np.ndarray],
                 active: BundleTrack, given: Mapping[str, int]) -> tuple[ForecastRows, np.ndarray, np.ndarray] | None:
        """What it forecasts of machines, with its headline and the active bundle's; nothing is logged yet.

        Parameters
        ----------
        times, matrix, answered
            Of the active bundle's forecasts: times, features and columns.
        given
            Ids that the entry of the log brought for it.
        """
        if self.track is None or not names:
            return None
        served = self.track.served
        own = matrix if self.track.features is active.features else self.track.matrix(names)
        columns = served.score(own, (served.headline.name,))
        ids = [given[name] for name in names] if given.keys() >= set(names) else self._log.reserve(len(names))
        rows = ForecastRows.of(served, "shadow", columns, names, times, np.array(ids, dtype=np.int64))
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

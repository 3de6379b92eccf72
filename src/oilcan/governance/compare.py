"""How much better is the challenger than the champion on the very same rows?

Both forecasts of each row go through the same resampled machines, so what makes a month hard for
one makes it hard for the other and cancels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oilcan.core import bootstrap
from oilcan.governance.gate import Comparison


@dataclass(frozen=True)
class Rival:
    """Forecasts of both models for the same rows of a test part, each array of shape (n,)."""

    machine_id: np.ndarray
    target: np.ndarray          # 0 or 1; or remaining life in ticks
    challenger: np.ndarray
    champion: np.ndarray
    is_event: bool              # average precision; else RMSE

    @property
    def metric(self) -> str:
        """Name of the metric compared."""
        return "pr_auc" if self.is_event else "rmse"

    def of_rows(self, kept: np.ndarray) -> "Rival":
        """The same for some of the rows."""
        return Rival(self.machine_id[kept], self.target[kept], self.challenger[kept], self.champion[kept],
                     self.is_event)


def compare(rival: Rival, where: str, *, draws: int, seed: int) -> Comparison | None:
    """Gain of the challenger as a share of the champion's value, with a 95 % interval.

    Returns
    -------
    None where the metric is not defined on these rows (no failure among them).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> target = (rng.random(400) < 0.2).astype(float)
    >>> good, poor = target + rng.normal(0, 0.3, 400), target + rng.normal(0, 3.0, 400)
    >>> machines = np.repeat(np.arange(40), 10)
    >>> compare(Rival(machines, target, good, poor, True), "test part", draws=50, seed=1).gain_low > 0
    True
    """
    known = ~np.isnan(rival.target)
    rival = rival.of_rows(known)
    if not known.any() or (rival.is_event and not (rival.target == 1).any()):
        return None
    machines, code = np.unique(rival.machine_id, return_inverse=True)
    weights = np.vstack([np.ones(len(machines)), bootstrap.multiplicities(len(machines), draws, seed)])
    new, old = (_values(rival, forecast, code, weights) for forecast in (rival.challenger, rival.champion))
    sign = 1.0 if rival.is_event else -1.0
    gains = sign * (new - old) / np.where(old == 0, np.nan, np.abs(old))
    low, high = bootstrap.interval(gains[1:]) or (gains[0], gains[0])
    return Comparison(rival.metric, where, float(old[0]), float(new[0]), float(gains[0]), float(low), float(high))


def _values(rival: Rival, forecast: np.ndarray, code: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if rival.is_event:
        ranking = bootstrap.Ranking.of(code, rival.target, forecast)
        return np.array([ranking.auc_ap(draw)[1] for draw in weights])
    return np.sqrt(bootstrap.mean(code, (forecast - rival.target) ** 2, weights))


def compare_by(rival: Rival, groups: dict[str, np.ndarray], *, fewest_machines: int, draws: int,
               seed: int) -> Sequence[Comparison]:
    """The same for each slice that holds enough machines and a failure; `groups` maps its name to its rows."""
    compared = []
    for name, rows in sorted(groups.items()):
        part = rival.of_rows(rows)
        if len(np.unique(part.machine_id)) >= fewest_machines:
            found = compare(part, name, draws=draws, seed=seed)
            if found is not None:
                compared.append(found)
    return compared

"""Policies of retraining compared over seeds: means, intervals, and what each saves over never retraining."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from scipy import stats

from oilcan.core.judging import bootstrap

COMPARED: Final = ("failures", "caught", "missed", "false_alarms", "median_lead_time_h", "retrainings", "promotions",
                   "withheld", "rollbacks", "alerts", "cost_eur", "saved_eur", "cpu_s")
_DRAWS: Final = 1000


def over_seeds(values: Sequence[float]) -> dict[str, float | None]:
    """Mean with its 95 % interval by Student's t; no interval from one seed.

    Examples
    --------
    >>> over_seeds([1.0, 2.0, 3.0])
    {'mean': 2.0, 'low': -0.484, 'high': 4.484}
    >>> over_seeds([5.0])
    {'mean': 5.0, 'low': None, 'high': None}
    """
    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return {"mean": round(mean, 3), "low": None, "high": None}
    half = float(stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return {"mean": round(mean, 3), "low": round(mean - half, 3), "high": round(mean + half, 3)}


def over_machines(cost: np.ndarray, rival: np.ndarray, seed: int) -> list[float] | None:
    """95 % interval of what is saved over a rival on the same machines, machines drawn again together [EUR].

    Parameters
    ----------
    cost, rival
        EUR by machine, shape (n_machines,).

    Examples
    --------
    >>> over_machines(np.array([1.0, 1.0]), np.array([3.0, 3.0]), seed=1)
    [4.0, 4.0]
    """
    weights = bootstrap.multiplicities(len(cost), _DRAWS, seed)
    return bootstrap.interval(weights @ (rival - cost))


def summarise(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Policy -> figure -> mean and interval; and the share that it recovers of what retraining every month saves.

    A policy without the gate is compared with `monthly-ungated`, every other with `monthly`; no share where that
    saves nothing.

    Parameters
    ----------
    runs
        One for each policy and seed, with `policy`, `seed` and the figures of `COMPARED`.
    """
    names = list(dict.fromkeys(run["policy"] for run in runs))
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        mine = [run for run in runs if run["policy"] == name]
        found[name] = {"seeds": len(mine)} | {
            figure: over_seeds(values) for figure in COMPARED
            if (values := [float(run[figure]) for run in mine if run.get(figure) is not None])}
    for name in names:
        rival = "monthly-ungated" if name.endswith("-ungated") else "monthly"
        monthly = found.get(rival, {}).get("saved_eur", {}).get("mean", 0.0)
        if monthly > 0:
            found[name]["share_of_monthly_saving"] = round(found[name]["saved_eur"]["mean"] / monthly, 3)
    return found

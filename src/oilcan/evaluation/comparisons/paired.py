"""How far apart are two models' events, costs and rows on the same test rows, machine by machine?

Both models are judged on the same resampled machines, so what is hard for one is hard for the other and cancels. An
interval of the difference that leaves out 0 is more than noise among machines; noise among training runs is not in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.core.judging import bootstrap, costs
from oilcan.core.judging.event_matching import Tally
from oilcan.evaluation.event_rows import EventRows
from oilcan.evaluation.fleet_and_forecasts import Fleet, Forecasts, identity
from oilcan.evaluation.results import false_alarm_rate
from oilcan.ground.errors import DataError

_EVENT: Final = ("failure_within", "label")


@dataclass(frozen=True)
class Difference:
    """One figure of two models on the same rows; `low` and `high` bound its change at 95 %."""

    name: str                       # as in metrics/evaluate.json
    base: float
    head: float
    low: float | None
    high: float | None

    @property
    def is_beyond_noise(self) -> bool:
        """Whether the interval of the change leaves out 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def differences(fleet: Fleet, base: Forecasts, head: Forecasts, *, draws: int, seed: int) -> list[Difference]:
    """Events, costs and rows of the first task that forecasts an event, and errors of the first remaining life.

    Raises
    ------
    DataError
        If the test rows of both are not the same.
    """
    old, new = base.part("test"), head.part("test")
    key = identity(new)
    if not (set(key) <= set(old) and old[key].equals(new[key])):
        raise DataError(f"predictions: the test rows differ (found {len(old):,} and {len(new):,}).")
    compared: list[Difference] = []
    for name in fleet.tasks(*_EVENT)[:1]:
        if f"p_{name}" not in old:
            raise DataError(f"predictions: one of both does not forecast task {name!r}.")
        rows, earlier = EventRows.of(fleet, name, new), EventRows.of(fleet, name, old)
        weights = bootstrap.multiplicities(rows.n_machines, draws, seed)
        sides = [(each, frame[f"p_{name}"].to_numpy(dtype=np.float64), forecasts.policy(name))
                 for each, frame, forecasts in ((earlier, old, base), (rows, new, head))]
        figures = [dict(_event_figures(rows_, p, rows_.tally(p, policy), fleet.unit, weights))
                   for rows_, p, policy in sides]
        compared += _pairs(*figures)
    for name in fleet.tasks("rul")[:1]:
        target = new[f"target_{name}"].to_numpy(dtype=np.float64)
        known = ~np.isnan(target)
        code = np.unique(new.loc[known, key[0]], return_inverse=True)[1]
        weights = np.vstack([np.ones(int(code.max()) + 1), bootstrap.multiplicities(int(code.max()) + 1, draws, seed)])
        errors = [np.sqrt(bootstrap.mean(code, (frame.loc[known, f"rul_{name}"].to_numpy() - target[known]) ** 2,
                                         weights)) for frame in (old, new)]
        compared += _pairs(*({"test.rmse": each} for each in errors))
    return compared


def _event_figures(rows: EventRows, p: np.ndarray, tally: Tally, unit: str, draws: np.ndarray
                   ) -> Iterator[tuple[str, np.ndarray]]:
    """Name and value of each figure, of the whole sample first and then in each draw."""
    weights = np.vstack([np.ones(rows.n_machines), draws])
    rate, scale = false_alarm_rate(unit)
    if rows.windows is not None:
        yield "events.detected_share", bootstrap.ratio(weights @ tally.detected, weights @ tally.n_failures)
        yield f"events.{rate}", bootstrap.ratio(weights @ tally.false_alarms, weights @ tally.exposure / scale)
    yield "costs.model", weights @ costs.cost_by_machine(tally, rows.costs)
    known = rows.known
    if (rows.target[known] == 1).any():
        ranking = bootstrap.Ranking.of(rows.code[known], rows.target[known], p[known])
        yield "test.pr_auc", np.array([ranking.auc_ap(draw)[1] for draw in weights])
        yield "test.brier", bootstrap.mean(rows.code[known], (p[known] - rows.target[known]) ** 2, weights)



def _pairs(old: dict[str, np.ndarray], new: dict[str, np.ndarray]) -> list[Difference]:
    found = []
    for name in new:
        low, high = bootstrap.interval(new[name][1:] - old[name][1:]) or (None, None)
        found.append(Difference(name, float(old[name][0]), float(new[name][0]), low, high))
    return found

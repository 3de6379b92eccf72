"""Does the drift of the hidden state belong to the plan? It is learned, judged, and left out where it does not pay."""

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.features.drift.drift_learning import FEWEST
from oilcan.core.features.drift.drift_model import DriftModel
from oilcan.core.features.drift.lives import LifeReadings, learn_drift, lives_that_ended, pays
from oilcan.core.features.families.early_life import Lives
from oilcan.core.features.learning import LIFE_LEFT, TICKS, Learned
from oilcan.core.features.planning.compound import cap_of, mostly_there
from oilcan.core.features.scan import decayed_sums
from oilcan.core.features.signals.health_index import Health, regime_of
from oilcan.core.features.signals.hidden_state import HiddenState, learn_hidden_state
from oilcan.core.features.signals.regimes import Clusters
from oilcan.core.features.signals.surface import Surface
from oilcan.ground.columns import MACHINE
from oilcan.ground.time_units import UNITS_PER_TICK
from oilcan.params.stages.featurize import FeaturizeParams

Wear = tuple[HiddenState | None, DriftModel | None, str]


def learn_wear(
    contract: Contract, params: FeaturizeParams, learned: Learned, fleet: dict[str, pd.DataFrame],
    values: dict[str, np.ndarray], conditions: np.ndarray, regimes: Clusters | Surface | None, health: Health | None,
) -> Wear:  # fmt: skip
    """Hidden state and drift model; or None, None and why not.

    Parameters
    ----------
    fleet
        Maintenance and failures, which begin lives.
    values, conditions
        Of the sample, as in `compound.learn_index`.
    """
    values, sample = mostly_there(values), learned.sample
    if "drift" not in params.families:
        return None, None, "`drift` is not among featurize.families"
    if health is None or not values or contract.time.kind == "none":
        return None, None, "no task forecasts remaining life"
    regime = regime_of(regimes, conditions)
    life, began, machine = _lives(contract, learned, fleet)
    begins = np.flatnonzero(np.diff(life, prepend=-1))
    ticks = sample[TICKS].to_numpy()
    windows = sorted(window.ticks for window in contract.rows.windows)
    matrix = np.column_stack(list(values.values()))
    state = learn_hidden_state(matrix, regime, ticks, begins, sensors=list(values), half_life=windows[0])
    if state is None:
        return None, None, "no direction of the sensors carries more signal than noise"
    readings = LifeReadings(state.of(matrix, regime), np.array(state.precision)[regime], ticks, ticks - began, life,
                            sample[LIFE_LEFT].to_numpy(), machine)
    cap = cap_of(contract)
    if lives_that_ended(readings) < FEWEST:
        return None, None, f"fewer than {FEWEST} lives of training machines ended in a failure"
    index = health.index(matrix[:, [list(values).index(name) for name in health.sensors]], regime)
    if not pays(readings, _averaged(index, ticks, begins, windows[len(windows) // 2] / 2), cap):
        return None, None, "it forecasts no better than the health index on training machines held out"
    model, rotation = learn_drift(readings, cap)
    return state.rotated(rotation), model, ""


def _lives(contract: Contract, learned: Learned, fleet: dict[str, pd.DataFrame]
           ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Number of the life of each reading of the sample, the tick at which it began, and the machine's number."""
    per_tick = UNITS_PER_TICK[contract.time.kind]
    machine, ids = pd.factorize(learned.sample[MACHINE])
    lives = Lives(pd.Index(ids), learned.since.reindex(ids).to_numpy(), fleet["maintenance"], fleet["failures"])
    life, began = lives.at(machine, np.rint(learned.sample[TICKS].to_numpy() * per_tick).astype(np.int64))
    return life, began / per_tick, machine


def _averaged(index: np.ndarray, ticks: np.ndarray, begins: np.ndarray, half_life: float) -> np.ndarray:
    """Exponential average of the health index within each life; NaN before its first value."""
    first = np.zeros(len(index), dtype=bool)
    first[begins] = True
    decay = np.where(first, 0.0, np.exp2(-np.where(first, 0.0, np.diff(ticks, prepend=0.0)) / half_life))
    there = ~np.isnan(index)
    sums = decayed_sums(np.column_stack([np.where(there, index, 0.0), there]), decay)
    return np.where(sums[:, 1] > 0, sums[:, 0] / np.maximum(sums[:, 1], 1e-300), np.nan)

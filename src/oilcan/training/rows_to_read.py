"""Which rows does training look at? Told from labels alone, so that the features of no other row are read.

Training learns from a sample by rule (`thinning.choose_rows`: positives, thinned negatives, at most `train.max_rows` a
forecast). Memory therefore depends on that limit and on the number of forecasts, and no longer on the fleet.
"""

import hashlib
from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.ground.thinned import every_kth
from oilcan.params.stages.train import TrainParams
from oilcan.training.hazard_training import AtRisk, Horizons, Waits, horizons_of
from oilcan.training.recipe import choice_of
from oilcan.training.targets import Target, targets_of
from oilcan.training.thinning import Thinning, choose_rows
from oilcan.training.training_data import TrainingData

_TIMES_MAX_ROWS: Final = 20
_GAP_ROWS: Final = 10_000       # training rows on which the overfit gap is measured


def rows_to_read(contract: Contract, data: TrainingData, params: TrainParams) -> np.ndarray:
    """Rows of the training part whose features `fit.train` uses, shape (n_train,), bool.

    All of them for a task whose family is compared (`auto`), or that forecasts training rows out of fold.

    Parameters
    ----------
    data
        Its matrices are not looked at.
    """
    targets, _ = targets_of(contract, data.train.rows, data.validation.rows, params.min_mode_failures)
    used = np.zeros(len(data.train.rows), dtype=bool)
    for target in targets:
        if choice_of(target, params) == "auto" or (target.is_number and data.validates_on_few):
            used[:] = True
            return used
        used[gap_rows(target.seen(data.train.rows))] = True
    for rows, is_refit in ((data.train.rows, False), (data.rows, True)):
        if is_refit and not params.refit:
            break
        for target in targets:
            if not (is_refit and target.is_number):
                _mark(used, _of_target(target, rows, params))
        for each in horizons_of(contract, data, params.outlook):
            _mark(used, _of_outlook(each, rows, params))
    return used


def machines_to_learn_from(contract: Contract, rows: pd.Series, params: TrainParams) -> pd.Index | None:
    """Machines whose rows training sees at all: None for all, or of a large fleet so many as are rows enough.

    Labels and validation features of all rows would grow with the fleet. Twenty times `train.max_rows` of both parts
    are far more than a forecast learns from. Machines are drawn by a hash of their names, with all of their rows, so
    positives stay as frequent as they are. A budget of alarms is one of the whole fleet: with it nothing is left out.

    Parameters
    ----------
    rows
        Rows of both parts by machine.
    """
    most = _TIMES_MAX_ROWS * params.max_rows
    if not params.max_rows or rows.sum() <= most or contract.alarms is not None:
        return None
    order = sorted(rows.index, key=lambda name: hashlib.sha256(f"{params.seed}:{name}".encode()).digest())
    return pd.Index(order[: max(1, int((rows.loc[order].cumsum() <= most).sum()))])


def gap_rows(is_seen: np.ndarray) -> np.ndarray:
    """Positions of about 10,000 rows whose outcome was seen, evenly spread.

    Examples
    --------
    >>> gap_rows(np.array([True, False, True])).tolist()
    [0, 2]
    """
    seen = np.flatnonzero(is_seen)
    return every_kth(seen, _GAP_ROWS)


def _mark(used: np.ndarray, at: np.ndarray) -> None:
    used[at[at < len(used)]] = True             # rows of the validation part follow, and are read anyway


def _of_target(target: Target, rows: pd.DataFrame, params: TrainParams) -> np.ndarray:
    return choose_rows(target.values(rows), target, Thinning.of(params), boosted=True, seed=params.seed).at


def _of_outlook(horizons: Horizons, rows: pd.DataFrame, params: TrainParams) -> np.ndarray:
    thinning = Thinning.of(params).of_hazards(params.outlook.negatives_per_positive)
    return AtRisk.chosen(Waits.of(rows, horizons.task), horizons, thinning, boosted=True, seed=params.seed).row

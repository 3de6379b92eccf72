"""The sums that the posterior of the drift needs, along the readings of many lives at once."""

import numpy as np

from oilcan.core.features.drift.drift_model import DriftSums
from oilcan.core.features.scan import decayed_sums


def life_sums(states: np.ndarray, precision: np.ndarray, ticks: np.ndarray, begins: np.ndarray,
              time_constants: np.ndarray, wanted: np.ndarray) -> DriftSums:
    """At some readings, the sums over all readings of the same life up to them.

    Parameters
    ----------
    states, precision
        Shapes (n, k), (n,), in order of life and time; a reading whose state is NaN does not count.
    ticks, begins
        Time of the readings, and whether each is the first of its life; shape (n,).
    wanted
        Positions of the readings asked for.

    Examples
    --------
    >>> sums = life_sums(np.array([[2.0], [4.0], [1.0]]), np.ones(3), np.arange(3.0), np.array([True, False, True]),
    ...                  np.array([1 / np.log(2)]), np.array([1, 2]))
    >>> sums.level.ravel(), sums.near.ravel()       # of the first reading half is left
    (array([6., 1.]), array([1.5, 1. ]))
    """
    there = ~np.isnan(states).any(axis=1)
    weight = np.where(there, precision, 0.0)
    terms = np.hstack([weight[:, None], np.where(there[:, None], states, 0.0) * weight[:, None]])
    step = np.where(begins, 0.0, np.diff(ticks, prepend=0.0))
    whole = decayed_sums(terms, np.where(begins, 0.0, 1.0))[wanted]
    near, square, level = [], [], []
    for tau in time_constants:
        fade = np.where(begins, 0.0, np.exp(-step / tau))
        faded = decayed_sums(terms, fade)[wanted]
        near.append(faded[:, 0])
        level.append(faded[:, 1:])
        square.append(decayed_sums(terms[:, :1], fade * fade)[wanted, 0])
    return DriftSums(whole[:, 0], whole[:, 1:], np.stack(near, axis=1), np.stack(square, axis=1),
                     np.stack(level, axis=1))

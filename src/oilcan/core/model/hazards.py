"""When will it fail? Hazards of successive intervals, and the probability of a failure by the end of each.

Discrete-time survival: each row is looked at once for every interval that it enters alive and that was watched to
its end (person-period data: Singer and Willett, *It's about time*, Journal of Educational Statistics 18(2), 1993).
A censored life counts for the intervals that it survived and for no other.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

PREFIX: Final = "by_"       # of the columns of a forecast of when: `by_failure_24h`
_EDGE = 1e-12       # no hazard is certain, so that its logarithm exists


def at_risk(wait: np.ndarray, seen: np.ndarray, horizons: Sequence[float],
            ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, interval and outcome of every interval at risk, interval by interval.

    Parameters
    ----------
    wait
        Ticks to the failure, NaN where none was seen, shape (n,).
    seen
        Ticks watched, shape (n,).
    horizons
        Ends of the intervals, ascending; the first begins at 0.

    Returns
    -------
    Row and interval numbers, and whether the row failed in the interval; each of shape (m,).

    Examples
    --------
    >>> at_risk(np.array([15.0, np.nan]), np.array([40.0, 20.0]), (10.0, 20.0, 40.0))
    (array([0, 1, 0, 1]), array([0, 0, 1, 1]), array([False, False,  True, False]))
    """
    waits = np.where(np.isnan(wait), np.inf, wait)
    rows = [np.flatnonzero((waits > low) & (seen >= high))
            for low, high in zip((0.0, *horizons[:-1]), horizons, strict=True)]
    fails = [waits[at] <= high for at, high in zip(rows, horizons, strict=True)]
    return (np.concatenate(rows), np.repeat(np.arange(len(horizons)), [len(at) for at in rows]),
            np.concatenate(fails))


def outcome(wait: np.ndarray, seen: np.ndarray, horizon: float) -> np.ndarray:
    """Whether a failure came by `horizon`: 1, 0, or NaN where it was not watched for so long, shape (n,).

    Examples
    --------
    >>> outcome(np.array([15.0, np.nan, 3.0]), np.array([40.0, 40.0, 5.0]), 20.0).tolist()
    [1.0, 0.0, nan]
    """
    return np.where(seen >= horizon, (wait <= horizon).astype(np.float64), np.nan)


def by_horizon(hazards: np.ndarray, own: int, p: np.ndarray) -> np.ndarray:
    """Probability of a failure by the end of each interval; that of interval `own` is `p` itself.

    The cumulative hazard up to `own` is scaled, row by row, so that the probability there is `p` (proportional
    hazards); what lies beyond is added as it is, being conditional on having survived so far.

    Parameters
    ----------
    hazards
        Probability of failing in an interval by those who enter it alive, shape (n, k).
    own
        The interval at whose end `p` holds.
    p
        Shape (n,).

    Returns
    -------
    Shape (n, k), never falling along a row.

    Examples
    --------
    >>> by_horizon(np.array([[0.5, 0.5, 0.2]]), 1, np.array([0.36])).round(3).tolist()
    [[0.2, 0.36, 0.488]]
    """
    passed = np.cumsum(-np.log1p(-np.clip(hazards, _EDGE, 1 - _EDGE)), axis=1)
    wanted = -np.log1p(-np.clip(p, 0.0, 1 - _EDGE))[:, None]
    there = passed[:, [own]]
    moved = np.where(np.arange(hazards.shape[1]) <= own, passed * (wanted / there), wanted + (passed - there))
    by_end = -np.expm1(-moved)
    by_end[:, own] = p                    # to the last bit: the crew never sees two numbers for one question
    by_end[:, :own] = np.minimum(by_end[:, :own], p[:, None])
    by_end[:, own + 1:] = np.maximum(by_end[:, own + 1:], p[:, None])
    return by_end

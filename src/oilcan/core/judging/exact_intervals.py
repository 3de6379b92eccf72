"""Exact binomial intervals for shares of few events.

If three machines fail and all three failures are announced, resampling gives 100 % to 100 %. The exact interval is
29 % to 100 %. Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of the
binomial", Biometrika 26(4).
"""

from collections.abc import Sequence
from typing import Final

from scipy.stats import beta

FEW: Final = 30         # events; with fewer, the exact interval counts as well as the resampled one


def clopper_pearson(hits: int, events: int, level: float = 0.95) -> list[float]:
    """Interval of a share that holds the true one with at least `level`, for independent events.

    Examples
    --------
    >>> [round(end, 3) for end in clopper_pearson(3, 3)], [round(end, 3) for end in clopper_pearson(0, 10)]
    ([0.292, 1.0], [0.0, 0.308])
    >>> clopper_pearson(0, 0)
    [0.0, 1.0]
    """
    tail = (1.0 - level) / 2.0
    low = float(beta.ppf(tail, hits, events - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1.0 - tail, hits + 1, events - hits)) if hits < events else 1.0
    return [low, high]


def share_of_events(drawn: Sequence[float] | None, hits: int, events: int) -> list[float] | None:
    """The resampled interval of a share of events; with few events, the hull of it and the exact interval.

    Parameters
    ----------
    drawn
        Interval from resampling machines; None where there is none.
    hits, events
        The share is hits / events. Events should be as independent as possible: failures or machines.

    Examples
    --------
    >>> share_of_events([0.6, 0.7], 65, 100)
    [0.6, 0.7]
    >>> [round(end, 2) for end in share_of_events([1.0, 1.0], 3, 3)]
    [0.29, 1.0]
    """
    if events == 0:
        return None
    if events >= FEW and 0 < hits < events:
        return list(drawn) if drawn is not None else None
    exact = clopper_pearson(hits, events)
    return exact if drawn is None else [min(exact[0], drawn[0]), max(exact[1], drawn[1])]


def share_of_rows(drawn: Sequence[float] | None, share: float | None, machines: int) -> list[float] | None:
    """The resampled interval of a share of rows; the exact one if the share is 0 or 1.

    Resampling gives an interval of width 0 there. Rows of one machine resemble each other, so each machine then counts
    as one event.

    Examples
    --------
    >>> share_of_rows([0.8, 0.9], 0.85, 5), [round(end, 2) for end in share_of_rows([1.0, 1.0], 1.0, 5)]
    ([0.8, 0.9], [0.48, 1.0])
    """
    if share in (0.0, 1.0) and machines:
        return clopper_pearson(machines if share else 0, machines)
    return list(drawn) if drawn is not None else None

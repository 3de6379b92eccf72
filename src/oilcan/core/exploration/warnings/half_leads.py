"""At what lead before a failure does a sensor reach half of its deviation, and how sure is that?"""

import numpy as np
from scipy import optimize, stats


def bias_corrected(drawn: np.ndarray, value: float) -> tuple[float, float]:
    """95 % interval from resampled values, which may lie to one side of the value (Efron, JASA 82(397), 1987)."""
    below = np.clip(((drawn < value).mean() + (drawn <= value).mean()) / 2, 0.01, 0.99)
    shift = 2 * stats.norm.ppf(below)
    low, high = (float(np.quantile(drawn, stats.norm.cdf(shift + z))) for z in stats.norm.ppf([0.025, 0.975]))
    return low, high


def half_lead(curve: np.ndarray, edges: np.ndarray) -> float | None:
    """Lead at which a deviation reaches half of what it is at the failure; None where it is not known there.

    The curve is first made monotone (isotonic regression): the first of many noisy bins below one half lies too near to
    the failure.

    Parameters
    ----------
    curve
        Mean deviation per bin of lead, nearest first, shape (bins,).
    edges
        Of the bins [ticks], ascending from 0, shape (bins + 1,).

    Examples
    --------
    >>> half_lead(np.array([4.0, 3.0, 1.0, 0.0]), np.array([0.0, 10.0, 20.0, 30.0, 40.0]))
    20.0
    """
    final = np.nanmean(curve[: max(1, len(curve) // 30)]) if not np.isnan(curve[:1]).all() else np.nan
    if not np.isfinite(final) or final == 0:
        return None
    middle = (edges[1:] + edges[:-1]) / 2
    share = optimize.isotonic_regression(np.where(np.isnan(curve), 0.0, curve) / final, increasing=False).x
    below = np.flatnonzero(share < 0.5)
    if not len(below):
        return float(middle[-1])
    at = below[0]
    if at == 0:
        return float(middle[0])
    rise = (share[at - 1] - 0.5) / (share[at - 1] - share[at])
    return float(middle[at - 1] + rise * (middle[at] - middle[at - 1]))

"""Champion and challenger on the same rows: how often would they decide differently, and how far are they apart?"""

from typing import Any

import numpy as np

from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import MACHINE, TIME
from oilcan.monitoring.statistics.forecast_history import ForecastRows
from oilcan.monitoring.window_axis import WindowAxis


def shadow_figures(axis: WindowAxis, window: int, active: ForecastRows, shadow: ForecastRows) -> dict[str, Any]:
    """Both forecasts of the rows of a window that both made.

    Returns
    -------
    `rows`; `disagreement`, the share of rows on which one reaches its threshold and the other does not; `difference`,
    the mean absolute difference of the probabilities. The last two are None without a row.
    """
    columns = [MACHINE, TIME, f"p_{active.task}"]
    mine, other = active.frame[columns], shadow.frame[[MACHINE, TIME, f"p_{shadow.task}"]]
    both = mine.merge(other.rename(columns={f"p_{shadow.task}": "shadow"}), on=[MACHINE, TIME])
    both = both[axis.window_of(axis.slot_of(exact(both[TIME]))) == window]
    if both.empty:
        return {"rows": 0, "disagreement": None, "difference": None}
    p, q = both[columns[2]].to_numpy(np.float64), both["shadow"].to_numpy(np.float64)
    differs = (p >= active.policy.threshold) != (q >= shadow.policy.threshold)
    return {"rows": len(both), "disagreement": float(differs.mean()), "difference": float(np.abs(p - q).mean())}

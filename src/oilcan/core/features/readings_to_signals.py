"""From raw sensors to the signals that families read, for both engines; without pandas, so the service starts fast."""

import numpy as np

from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.signals.health_index import regime_of


def processed(plan: FeaturePlan, raw: np.ndarray, conditions: np.ndarray) -> np.ndarray:
    """Readings as the families use them: normalised, with residuals, hidden state and health index; row by row.

    Parameters
    ----------
    raw
        Sensors of the plan, shape (n, sensors), NaN where missing.
    conditions
        Those of the regimes of the plan, shape (n, conditions), without columns if there are no regimes.

    Returns
    -------
    Shape (n, columns of the plan); `raw` itself where nothing is made of it.

    Examples
    --------
    >>> from oilcan.core.features.plan import Sensor
    >>> plan = FeaturePlan("pumps", 1, "cycle", (), (Sensor("v", "bar", "Pressure", "plain"),))
    >>> processed(plan, np.array([[1.0], [2.0]]), np.zeros((2, 0)))       # nothing is normalised
    array([[1.],
           [2.]])
    """
    place = {sensor.name: at for at, sensor in enumerate(plan.sensors)}
    out = raw
    if plan.regimes is not None:
        out = raw.copy()
        at = [place[name] for name in plan.regimes.sensors]
        out[:, at] = plan.regimes.normalise(out[:, at], conditions)
    more = [out]
    if plan.residuals is not None:
        more.append(plan.residuals.of(out[:, [place[name] for name in plan.residuals.inputs]]))
    if plan.state is not None:
        more.append(plan.state.of(out[:, [place[name] for name in plan.state.sensors]],
                                  regime_of(plan.regimes, conditions)))
    if plan.health is not None:
        values = out[:, [place[name] for name in plan.health.sensors]]
        more.append(plan.health.index(values, regime_of(plan.regimes, conditions))[:, None])
    return np.hstack(more) if len(more) > 1 else out

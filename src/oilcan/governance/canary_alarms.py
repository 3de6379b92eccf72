"""Does a canary raise more alarms than the bundle in service? An exact test of two rates.

Each alarm since the canary began falls on one of its machines with their share of the fleet, if both bundles alarm
alike. So the count is binomial, and the chance of as many or more is exact (Przyborowski and Wilenski 1940). It is
asked again after every alarm; the limit allows for that.
"""

import math
from collections.abc import Sequence
from typing import Final

_CHANCE: Final = 0.001          # of as many alarms, if both alarm alike
_FEWEST: Final = 3              # alarms of the canary; fewer are never too many


def reason_to_fall_back(alarms: tuple[int, int], machines: tuple[int, int], alerts: Sequence[str]) -> str | None:
    """Why a canary should end; None if nothing speaks against it.

    Parameters
    ----------
    alarms, machines
        Of the canary, and of the bundle in service: alarms opened since the canary began, machines with a forecast.
    alerts
        Sentences of alerts of the monitoring that opened since.

    Examples
    --------
    >>> reason_to_fall_back((2, 0), (10, 90), []) is None
    True
    >>> reason_to_fall_back((9, 4), (10, 90), [])
    '9 alarms of 10 machines, where the bundle in service raised 4 of 90 (chance 5e-07, allowed 0.001)'
    >>> reason_to_fall_back((0, 0), (10, 90), ["vibration_mm_s has moved"])
    'an alert opened: vibration_mm_s has moved'
    """
    if alerts:
        return f"an alert opened: {'; '.join(alerts)}"
    mine, others = alarms
    chance = _at_least(mine, mine + others, machines[0] / max(1, sum(machines)))
    if mine < _FEWEST or chance >= _CHANCE:
        return None
    return (f"{mine} alarms of {machines[0]} machines, where the bundle in service raised {others} of {machines[1]} "
            f"(chance {chance:.0e}, allowed {_CHANCE:g})")


def _at_least(k: int, n: int, share: float) -> float:
    """Chance of k or more of n, each with the share."""
    return math.fsum(math.comb(n, i) * share**i * (1 - share) ** (n - i) for i in range(k, n + 1))

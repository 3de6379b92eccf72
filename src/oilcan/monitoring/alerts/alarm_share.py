"""How much of the alarms is due to what moved: the weight of a sensor among the reasons of the alarms since then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class AlarmReasons:
    """One alarm of the crew.

    Attributes
    ----------
    time
        Exact time of the reading that raised it.
    shares
        Sensor -> its share of what pushed the forecast up, as the alarm was explained.
    """

    time: int
    shares: Mapping[str, float]


def share_due(sensor: str, since: int, alarms: Sequence[AlarmReasons]) -> float | None:
    """Mean share of a sensor in the reasons of the alarms from an exact time on; None without an alarm.

    Examples
    --------
    >>> alarms = [AlarmReasons(1, {"flow": 1.0}), AlarmReasons(5, {"flow": 0.5, "heat": 0.5}), AlarmReasons(6, {})]
    >>> share_due("flow", 5, alarms)
    0.25
    """
    shares = [alarm.shares.get(sensor, 0.0) for alarm in alarms if alarm.time >= since]
    return sum(shares) / len(shares) if shares else None

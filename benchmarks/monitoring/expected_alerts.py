"""What an alert must be about to count as the detection of a change: its kind, its subject, and its machines.

An alert of something else in the weeks after a change is no detection; the table shows how many such alerts there were.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

_MOST: Final = 0.5                      # of the machines that an alert names must be among the changed ones


@dataclass(frozen=True)
class Change:
    """What a scenario has changed: sensors and machines; both empty where it changed the machines' life."""

    sensors: frozenset[str] = frozenset()
    machines: frozenset[str] = frozenset()

    @classmethod
    def between(cls, clean: pd.DataFrame, changed: pd.DataFrame) -> "Change":
        """From readings of the same machines and moments: where the two differ."""
        both = clean.merge(changed, on=["machine_id", "time"], suffixes=("", "_changed"))
        differs = {name: ~np.isclose(both[name], both[f"{name}_changed"], rtol=0, atol=0, equal_nan=True)
                   for name in clean if f"{name}_changed" in both}
        any_sensor = np.logical_or.reduce(list(differs.values()))
        return cls(frozenset(name for name, each in differs.items() if each.any()),
                   frozenset(both.loc[any_sensor, "machine_id"]))


def _of_sensor(change: Change, alert: Mapping[str, Any], families: Collection[str]) -> bool:
    """Of one of the changed sensors; where it names machines, most of them are changed ones."""
    family, _, rest = alert["key"].partition(":")
    named = set(alert["machines"])
    return (family in families and rest.rpartition(":")[2] in change.sensors
            and (not named or len(named & change.machines) > _MOST * len(named)))


RIGHT: Final[dict[str, Callable[[Change, Mapping[str, Any]], bool]]] = {
    "sensor_offset": lambda change, alert: _of_sensor(change, alert, {"inputs"}),
    "stuck_sensor": lambda change, alert: _of_sensor(change, alert, {"quality"}) and ":resting:" in alert["key"],
    "unit_changed": lambda change, alert: _of_sensor(change, alert, {"quality"}) and ":unit:" in alert["key"],
    "new_model": lambda _, alert: alert["key"] == "fleet:model P900",
    "sensor_drift": lambda change, alert: _of_sensor(change, alert, {"inputs"}),
    "changed_mechanism": lambda _, alert: alert["key"] in (
        "events:forecast failures: bearing", "events:failures: bearing", "events:forecast failures",
        "events:announced failures"),
    "maintenance_policy": lambda _, alert: alert["key"].startswith("events:planned work"),
}  # fmt: skip
"""Scenario -> whether an alert is about what has changed."""

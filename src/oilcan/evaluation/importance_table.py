"""The importance of sensors as a table, from what the stage `explain` has measured."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from oilcan.contract import Contract

COLUMNS: Final = ["words", "sensor", "loss", "low", "high"]


def headline_of(explained: Mapping[str, Any], contract: Contract) -> str:
    """Name of the explained forecast that people see first: of the headline task, or the first of its classes."""
    name = contract.headline()[0]
    return next((each for each in explained if each == name or each.startswith(f"{name}__")), name)


def table(explained: dict[str, Any], task: str | None) -> pd.DataFrame:
    """Sensors of one task as lines, the dearest first; empty if the task was not explained."""
    sensors = explained.get(task, {}).get("sensors", {}) if task else {}
    lines = [(entry["words"], name, entry["loss"], entry["loss"] - entry["spread"], entry["loss"] + entry["spread"])
             for name, entry in sensors.items()]
    ordered = sorted(lines, key=lambda line: (-line[2], line[1]))
    return pd.DataFrame(ordered, columns=COLUMNS).astype({"words": "object", "sensor": "object"})

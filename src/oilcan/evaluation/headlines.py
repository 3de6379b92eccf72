"""Which figures does a person compare from run to run, and across commits?

`metrics/evaluate.json` holds these few under the names that `metrics/detail/evaluate.json` uses; the detail
file holds all of them. DVC prints a row for each, so the list is kept short.
"""

from collections.abc import Mapping
from typing import Any, Final

from oilcan.ground.time_units import COUNTED

# DVC prints the names in alphabetical order, which here is the order of importance too
HEADLINES: Final = (
    "costs.model", "costs.saving", "costs.saving_captured",
    "events.detected_share", "events.false_alarms_per_machine_month",
    *(f"events.false_alarms_per_1000_{unit}" for unit in COUNTED),
    *(f"events.median_lead_time_{unit}" for unit in ("h", *COUNTED)),
    "test.brier", "test.coverage_90", "test.ece", "test.pr_auc", "test.rmse", "test.rmse_capped",
)  # fmt: skip
# of each further task
TASK_HEADLINES: Final = ("costs.saving", "test.accuracy", "test.pr_auc", "test.rmse")


def headlines(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Figures to compare, each with its interval beside it.

    Examples
    --------
    >>> headlines({"test": {"ece": 0.01, "ece_ci95": [0.0, 0.02], "n": 500}, "tasks": {"wear": {"test": {"rmse": 3}}}})
    {'test': {'ece': 0.01, 'ece_ci95': [0.0, 0.02]}, 'tasks': {'wear': {'test': {'rmse': 3}}}}
    """
    found = _chosen(metrics, HEADLINES)
    tasks = {name: _chosen(numbers, TASK_HEADLINES) for name, numbers in metrics.get("tasks", {}).items()}
    return found | ({"tasks": tasks} if tasks else {})


def _chosen(metrics: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in names:
        block, _, key = name.partition(".")
        values = metrics.get(block, {})
        for each in (key, f"{key}_ci95"):           # DVC shows no lists, so an interval adds no row
            if each in values:
                found.setdefault(block, {})[each] = values[each]
    return found

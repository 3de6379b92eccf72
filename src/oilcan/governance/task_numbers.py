"""Where in an evaluation do the numbers of each task stand?"""

from collections.abc import Iterator, Mapping
from typing import Any

from oilcan.contract import Task


def of_each_task(metrics: Mapping[str, Any], tasks: Mapping[str, Task]
                 ) -> Iterator[tuple[str, Task, Mapping[str, Any]]]:
    """Name, task, and its block of numbers: `test`, `costs`, `baselines`, ...

    The first task that forecasts an event and the first that forecasts remaining life share the top level of
    metrics/detail/evaluate.json; every other, and each `class` and `number`, has a block of its own, empty where
    it was not evaluated.

    Examples
    --------
    >>> tasks = {"rul": Task(kind="rul"), "life_b": Task(kind="rul")}
    >>> metrics = {"test": {"rmse": 3.0}, "tasks": {"life_b": {"test": {"rmse": 9.0}}}}
    >>> [(name, block["test"]["rmse"]) for name, _, block in of_each_task(metrics, tasks)]
    [('rul', 3.0), ('life_b', 9.0)]
    """
    seen: set[bool] = set()
    for name, task in tasks.items():
        if task.kind in {"class", "number"}:
            yield name, task, metrics.get("tasks", {}).get(name, {})
            continue
        is_life = task.kind == "rul"
        yield name, task, metrics.get("tasks", {}).get(name, {}) if is_life in seen else metrics
        seen.add(is_life)

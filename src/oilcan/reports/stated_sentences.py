"""What forecasts of classes and numbers are worth, as sentences."""

from collections.abc import Mapping
from typing import Any

from oilcan.contract import Contract
from oilcan.core.phrasing.quantities import between, number, percent


def stated_sentences(metrics: Mapping[str, Any], contract: Contract) -> list[str]:
    """A sentence or two for each `class` and `number` task.

    Parameters
    ----------
    metrics
        Content of metrics/detail/evaluate.json.
    """
    lines = []
    for name, task in contract.tasks.items():
        block = metrics.get("tasks", {}).get(name, {})
        if task.kind == "class" and "accuracy" in block.get("test", {}):
            lines.append(_class(name, block))
        elif task.kind == "number" and "rmse" in block.get("test", {}):
            column = contract.label_column(str(task.column))
            lines.append(_number(name, block, column.unit if column is not None else ""))
    return lines


def _class(name: str, block: Mapping[str, Any]) -> str:
    test, naive = block["test"], block["baselines"]["most_common"]
    pair = test.get("accuracy_ci95")
    interval = f" (95 % interval {between(pair, percent)})" if pair else ""
    than = f"; always naming the most common one would be right in {percent(naive['accuracy'])}" if naive else ""
    share = f"{percent(test['accuracy'])} of {number(test['n'])} rows"
    return f"Task {name}: the class was right in {share}{interval}{than}."


def _number(name: str, block: Mapping[str, Any], unit: str) -> str:
    test, naive = block["test"], block["baselines"]["mean"]
    of = "" if unit in {"none", ""} else f" {unit}"
    than = f"; the mean of training would be {number(naive['rmse'])}{of} off" if "rmse" in naive else ""
    inside = ""
    if test.get("coverage_90") is not None:
        inside = f" {percent(test['coverage_90'])} of the numbers lay inside their 90 % interval."
    return f"Task {name}: the number is typically {number(test['rmse'])}{of} off{than}.{inside}"

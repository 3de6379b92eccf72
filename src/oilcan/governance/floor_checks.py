"""What a challenger must reach by itself: floors of every task, enough evidence, its failure modes."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from oilcan.contract import Task
from oilcan.core.phrasing.policy_names import name_of
from oilcan.core.phrasing.quantities import number
from oilcan.governance.gate_findings import Check, Severity, figure_text
from oilcan.governance.task_numbers import of_each_task
from oilcan.params.operating.gate_policy import GatePolicy

Numbers = Mapping[str, Any]
_EVENTS: Final = frozenset({"failure_within", "label"})
_KINDS: Final = {"pr_auc": _EVENTS, "ece": _EVENTS, "brier": _EVENTS, "cost": _EVENTS,
                 "detected_share": frozenset({"failure_within"}), "false_alarms": frozenset({"failure_within"}),
                 "rmse": frozenset({"rul", "number"})}
_PLACES: Final = {"pr_auc": ("test", "pr_auc"), "ece": ("test", "ece"), "brier": ("test", "brier"),
                  "cost": ("costs", "model"), "detected_share": ("events", "detected_share"),
                  "false_alarms": ("events", "false_alarms_per_machine_month"), "rmse": ("test", "rmse")}
_TITLES: Final = {"ece": "calibration"}


def floor_checks(metrics: Numbers, data_quality: Numbers, policy: GatePolicy, tasks: Mapping[str, Task]
                 ) -> Iterator[Check]:
    """The quality of the data, and for each task what no champion excuses: better than chance, a line's own floor."""
    passed = data_quality.get("passed")
    yield Check("data quality", passed is True, str(passed), "True", "reject")
    for at, (name, task, block) in enumerate(of_each_task(metrics, tasks)):
        ending = "" if block is metrics and at == 0 else f", task {name}"
        find = {"rul": _life_floors, "class": _class_floors, "number": _number_floors}.get(task.kind, _event_floors)
        for check in (*find(block), *_of_lines(block, policy, task)):
            yield Check(f"{check.name}{ending}", check.passed, check.found, check.wanted,
                        "note" if task.informational else check.severity)


def _of_lines(block: Numbers, policy: GatePolicy, task: Task) -> Iterator[Check]:
    """The floors of the policy; a figure that is missing breaks its floor."""
    for line in policy.metrics:
        if line.floor is None or task.kind not in _KINDS[line.metric]:
            continue
        where, name = _PLACES[line.metric]
        value = block.get(where, {}).get(name)
        passed = value is not None and (value <= line.floor if line.better == "lower" else value >= line.floor)
        yield Check(_TITLES.get(line.metric, f"floor of {line.metric}"), passed, f"{where}.{name} {figure_text(value)}",
                    f"{'at most' if line.better == 'lower' else 'at least'} {number(line.floor)} ({line.reason})",
                    "reject")


def evidence_checks(metrics: Numbers, policy: GatePolicy, tasks: Mapping[str, Task]) -> Iterator[Check]:
    """Enough failures and machines to say anything; otherwise the answer is hold."""
    rules = policy.evidence
    machines = metrics.get("basis", {}).get("machines", 0)
    yield Check("evidence, machines", machines >= rules.machines, f"{machines:,} in the test part",
                f"at least {rules.machines:,} ({rules.reason})", "hold")
    for at, (name, task, block) in enumerate(of_each_task(metrics, tasks)):
        if task.kind not in {"failure_within", "label"}:
            continue
        test, events = block.get("test", {}), block.get("events", {})
        failures = events.get("n_failures", round((test.get("n") or 0) * (test.get("prevalence") or 0)))
        yield Check(f"evidence, failures{'' if at == 0 else f', task {name}'}", failures >= rules.failures,
                    f"{failures:,} in the test part", f"at least {rules.failures:,} ({rules.reason})",
                    "note" if task.informational else "hold")


def _event_floors(block: Numbers) -> Iterator[Check]:
    test = block.get("test", {})
    if "prevalence" not in test:
        yield Check("metrics present", False, f"{sorted(test)}", "test.pr_auc", "reject")
        return
    yield _better_than_chance("better than chance", test, "reject")
    simple = simple_costs(block)
    if simple and block["costs"].get("model") is not None:
        model, cheapest = block["costs"]["model"], min(simple, key=lambda name: simple[name])
        yield Check("worth its cost", model <= simple[cheapest], f"{number(model)} EUR",
                    f"at most {number(simple[cheapest])} EUR, the cost of the cheapest simple policy "
                    f"({name_of(cheapest)})", "hold")


def simple_costs(block: Numbers) -> dict[str, float]:
    """Cost in EUR of every simple policy that a task was judged beside.

    Examples
    --------
    >>> simple_costs({"costs": {"model": 5.0, "run_to_failure": 9.0}, "baselines": {"age": {"cost": 7.0}}})
    {'run_to_failure': 9.0, 'age': 7.0}
    """
    costs = block.get("costs", {})
    found = {name: costs[name] for name in ("run_to_failure", "periodic") if costs.get(name) is not None}
    return found | {name: rule["cost"] for name, rule in block.get("baselines", {}).items()
                    if name != "never" and "cost" in rule}


def _life_floors(block: Numbers) -> Iterator[Check]:
    test, naive = block.get("test", {}), block.get("baselines", {}).get("median_life", {})
    metric = "rmse_capped" if "rmse_capped" in test else "rmse"         # like against like
    if metric not in test:
        yield Check("metrics present", False, f"{sorted(test)}", "test.rmse", "reject")
    elif metric in naive:
        yield Check("better than the median life", test[metric] < naive[metric],
                    f"test.{metric} {figure_text(test[metric])}",
                    f"below {figure_text(naive[metric])}", "reject")


def _class_floors(block: Numbers) -> Iterator[Check]:
    test, naive = block.get("test", {}), block.get("baselines", {}).get("most_common", {})
    if "accuracy" not in test or "accuracy" not in naive:
        yield Check("metrics present", False, f"{sorted(test)}", "test.accuracy", "reject")
        return
    low = test.get("accuracy_ci95", [test["accuracy"]])[0]
    yield Check("better than the most common class", low > naive["accuracy"],
                f"lower bound of accuracy {figure_text(low)}", f"above {figure_text(naive['accuracy'])}", "reject")


def _number_floors(block: Numbers) -> Iterator[Check]:
    test, naive = block.get("test", {}), block.get("baselines", {}).get("mean", {})
    if "rmse" not in test or "rmse" not in naive:
        yield Check("metrics present", False, f"{sorted(test)}", "test.rmse", "reject")
        return
    high = test.get("rmse_ci95", [test["rmse"]])[-1]
    yield Check("better than the mean", high < naive["rmse"], f"upper bound of rmse {figure_text(high)}",
                f"below {figure_text(naive['rmse'])}", "reject")


def mode_checks(metrics: Numbers, tasks: Mapping[str, Task]) -> Iterator[tuple[str, Check]]:
    """Name of each mode's own forecast, and its check; modes that did not fail in the test part are not judged."""
    for task, spec, block in of_each_task(metrics, tasks):
        for mode, numbers in block.get("modes", {}).items() if spec.modes else ():
            if numbers.get("pr_auc") is not None and numbers.get("prevalence") is not None:
                yield f"{task}__{mode}", _better_than_chance(f"forecast of mode {mode}", numbers, "withhold")


def _better_than_chance(name: str, numbers: Numbers, severity: Severity) -> Check:
    interval = numbers.get("pr_auc_ci95")
    low = interval[0] if interval else numbers.get("pr_auc")
    return Check(name, low is not None and low > numbers["prevalence"], f"lower bound of pr_auc {figure_text(low)}",
                 f"above prevalence {figure_text(numbers['prevalence'])}", severity)

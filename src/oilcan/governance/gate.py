"""Is the challenger good enough, and at least as good as the champion on the same rows?

Three answers: *promote*, *hold* (not shown to be as good as the champion; keep the champion),
*reject* (below a floor that no champion excuses). Each carries every check with what was found
and what was wanted, so that a rejection leaves as full a record as a promotion. Every task of the contract is
checked. A failure mode whose own forecast fails is withheld: the model may go into service without it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from oilcan.contract import Task
from oilcan.core.phrasing.policy_names import name_of
from oilcan.core.phrasing.quantities import between, number
from oilcan.governance.task_numbers import of_each_task
from oilcan.params.review import ReviewParams

Decision = Literal["promote", "hold", "reject"]
Severity = Literal["reject", "hold", "withhold", "note"]
Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Check:
    """One condition: what was found, what was wanted, and what follows if it fails.

    `reject` and `hold` are decisions about the model, `withhold` leaves out one failure mode, and `note` decides
    nothing: the contract calls that task informational.
    """

    name: str
    passed: bool
    found: str
    wanted: str
    severity: Severity


@dataclass(frozen=True)
class Comparison:
    """The champion re-scored on the challenger's test rows.

    `gain` is how much better the challenger is on the metric, as a share of the champion's value,
    with the bounds of its 95 % interval from resampled machines; negative is worse.
    """

    metric: str
    where: str
    champion: float
    challenger: float
    gain: float
    gain_low: float
    gain_high: float
    task: str = ""              # of the contract
    is_slice: bool = False      # some machines of the test part, not all


@dataclass(frozen=True)
class NotCompared:
    """A task on which champion and challenger could not be compared, and why."""

    task: str
    why: str


@dataclass(frozen=True)
class Verdict:
    """A decision, the checks it rests on, and the forecasts of failure modes that are not to be served."""

    decision: Decision
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    withheld: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The verdict as plain values for metrics/detail/review.json."""
        return {"decision": self.decision, "reasons": list(self.reasons), "checks": [asdict(c) for c in self.checks],
                "withheld": list(self.withheld)}


def judge(metrics: Numbers, data_quality: Numbers, comparisons: Sequence[Comparison | NotCompared],
          params: ReviewParams, tasks: Mapping[str, Task], fairness: Sequence[Check] = ()) -> Verdict:
    """Weigh the floors of every task and, where there is a champion, every comparison with it.

    Parameters
    ----------
    metrics, data_quality
        Contents of metrics/detail/evaluate.json and metrics/detail/data_quality.json.
    comparisons
        Of every task, on the whole test part and on slices; empty if no champion is in service.
    tasks
        Of the contract.
    fairness
        Whether the champion may be compared on these rows, from `fair_comparison`.

    Examples
    --------
    >>> params = ReviewParams(seed=1, bootstrap=20, tolerance_share=0.02, slice_tolerance_share=0.1,
    ...                       min_slice_machines=5, max_ece=0.05)
    >>> metrics = {"test": {"pr_auc": 0.6, "prevalence": 0.03, "ece": 0.01, "pr_auc_ci95": [0.5, 0.7]}}
    >>> judge(metrics, {"passed": True}, [], params, {"failed": Task(kind="label", column="failed")}).decision
    'promote'
    """
    modes = dict(_modes(metrics, tasks))
    checks = (*_floors(metrics, data_quality, params, tasks), *modes.values(), *fairness,
              *_against_champion(comparisons, params, tasks))
    failed = [check for check in checks if not check.passed]
    withheld = tuple(name for name, check in modes.items() if not check.passed)
    against = [check for check in failed if check.severity in {"reject", "hold"}]
    reasons = tuple(f"{check.name}: found {check.found}, wanted {check.wanted}" for check in against)
    if any(check.severity == "reject" for check in against):
        return Verdict("reject", reasons, checks, withheld)
    if against:
        return Verdict("hold", reasons, checks, withheld)
    return Verdict("promote", tuple(_praise(checks, failed, bool(comparisons))), checks, withheld)


def _praise(checks: Sequence[Check], failed: Sequence[Check], has_champion: bool) -> Iterator[str]:
    deciding = sum(check.severity in {"reject", "hold"} for check in checks)
    further = len(checks) - deciding
    yield (f"all {deciding} checks that decide passed{f' ({further} more are reported)' if further else ''}; "
           f"{'as good as the champion on the same rows' if has_champion else 'no champion is in service'}")
    for check in failed:
        what = "is not served" if check.severity == "withhold" else "failed, and is informational"
        yield f"{check.name} {what}: found {check.found}, wanted {check.wanted}"


def _floors(metrics: Numbers, data_quality: Numbers, params: ReviewParams, tasks: Mapping[str, Task]
            ) -> Iterator[Check]:
    passed = data_quality.get("passed")
    yield Check("data quality", passed is True, str(passed), "True", "reject")
    for at, (name, task, block) in enumerate(of_each_task(metrics, tasks)):
        ending = "" if block is metrics and at == 0 else f", task {name}"
        find = {"rul": _life_floors, "class": _class_floors, "number": _number_floors}.get(task.kind, _event_floors)
        for check in find(block, params):
            yield Check(f"{check.name}{ending}", check.passed, check.found, check.wanted,
                        "note" if task.informational else check.severity)


def _event_floors(block: Numbers, params: ReviewParams) -> Iterator[Check]:
    test = block.get("test", {})
    if "prevalence" not in test:
        yield Check("metrics present", False, f"{sorted(test)}", "test.pr_auc", "reject")
        return
    yield _better_than_chance("better than chance", test, "reject")
    ece = test.get("ece")
    yield Check("calibration", ece is not None and ece <= params.max_ece, f"test.ece {_text(ece)}",
                f"at most {number(params.max_ece)}", "reject")
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


def _life_floors(block: Numbers, _params: ReviewParams) -> Iterator[Check]:
    test, naive = block.get("test", {}), block.get("baselines", {}).get("median_life", {})
    metric = "rmse_capped" if "rmse_capped" in test else "rmse"         # like against like
    if metric not in test:
        yield Check("metrics present", False, f"{sorted(test)}", "test.rmse", "reject")
    elif metric in naive:
        yield Check("better than the median life", test[metric] < naive[metric], f"test.{metric} {_text(test[metric])}",
                    f"below {_text(naive[metric])}", "reject")


def _class_floors(block: Numbers, _params: ReviewParams) -> Iterator[Check]:
    test, naive = block.get("test", {}), block.get("baselines", {}).get("most_common", {})
    if "accuracy" not in test or "accuracy" not in naive:
        yield Check("metrics present", False, f"{sorted(test)}", "test.accuracy", "reject")
        return
    low = test.get("accuracy_ci95", [test["accuracy"]])[0]
    yield Check("better than the most common class", low > naive["accuracy"], f"lower bound of accuracy {_text(low)}",
                f"above {_text(naive['accuracy'])}", "reject")


def _number_floors(block: Numbers, _params: ReviewParams) -> Iterator[Check]:
    test, naive = block.get("test", {}), block.get("baselines", {}).get("mean", {})
    if "rmse" not in test or "rmse" not in naive:
        yield Check("metrics present", False, f"{sorted(test)}", "test.rmse", "reject")
        return
    high = test.get("rmse_ci95", [test["rmse"]])[-1]
    yield Check("better than the mean", high < naive["rmse"], f"upper bound of rmse {_text(high)}",
                f"below {_text(naive['rmse'])}", "reject")


def _modes(metrics: Numbers, tasks: Mapping[str, Task]) -> Iterator[tuple[str, Check]]:
    """Name of each mode's own forecast, and its check; modes that did not fail in the test part are not judged."""
    for task, spec, block in of_each_task(metrics, tasks):
        for mode, numbers in block.get("modes", {}).items() if spec.modes else ():
            if numbers.get("pr_auc") is not None and numbers.get("prevalence") is not None:
                yield f"{task}__{mode}", _better_than_chance(f"forecast of mode {mode}", numbers, "withhold")


def _better_than_chance(name: str, numbers: Numbers, severity: Severity) -> Check:
    interval = numbers.get("pr_auc_ci95")
    low = interval[0] if interval else numbers.get("pr_auc")
    return Check(name, low is not None and low > numbers["prevalence"], f"lower bound of pr_auc {_text(low)}",
                 f"above prevalence {_text(numbers['prevalence'])}", severity)


def _against_champion(comparisons: Sequence[Comparison | NotCompared], params: ReviewParams,
                      tasks: Mapping[str, Task]) -> Iterator[Check]:
    for comparison in comparisons:
        if isinstance(comparison, NotCompared):
            yield Check(f"champion, task {comparison.task}", True, f"not compared: {comparison.why}",
                        "a forecast of both models", "note")
            continue
        share = params.slice_tolerance_share if comparison.is_slice else params.tolerance_share
        # the interval of a slice is wide; there the estimate itself must stay within the wider tolerance
        bound = comparison.gain if comparison.is_slice else comparison.gain_low
        task = tasks.get(comparison.task)
        yield Check(
            f"champion, {comparison.where}", bound >= -share,
            f"{comparison.metric} {_text(comparison.challenger)} against {_text(comparison.champion)}, gain "
            f"{_signed(comparison.gain)} ({between((comparison.gain_low, comparison.gain_high), _signed)})",
            f"{'gain' if comparison.is_slice else 'lower bound'} at least {_signed(-share)}",
            "note" if task is not None and task.informational else "hold")


def _signed(share: float) -> str:
    return f"{share:+.1%}"


def _text(value: float | None) -> str:
    return "missing" if value is None else number(value, 4)

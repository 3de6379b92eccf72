"""Is the challenger good enough, and at least as good as the champion on the same rows?

Three answers: *promote*, *hold* (not shown to be as good as the champion; keep the champion),
*reject* (below a floor that no champion excuses). Each carries every check with what was found
and what was wanted, so that a rejection leaves as full a record as a promotion. Every task of the contract is
checked. A failure mode whose own forecast fails is withheld: the model may go into service without it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from oilcan.contract import Task
from oilcan.core.phrasing.policy_names import name_of
from oilcan.core.phrasing.quantities import between, number
from oilcan.governance.task_numbers import of_each_task
from oilcan.params.operating.gate_policy import GatePolicy, MetricLine

Decision = Literal["promote", "hold", "reject"]
Severity = Literal["reject", "hold", "withhold", "note"]
Numbers = Mapping[str, Any]
_EVENTS: Final = frozenset({"failure_within", "label"})
_KINDS: Final = {"pr_auc": _EVENTS, "ece": _EVENTS, "brier": _EVENTS, "cost": _EVENTS,
                 "detected_share": frozenset({"failure_within"}), "false_alarms": frozenset({"failure_within"}),
                 "rmse": frozenset({"rul", "number"})}
_PLACES: Final = {"pr_auc": ("test", "pr_auc"), "ece": ("test", "ece"), "brier": ("test", "brier"),
                  "cost": ("costs", "model"), "detected_share": ("events", "detected_share"),
                  "false_alarms": ("events", "false_alarms_per_machine_month"), "rmse": ("test", "rmse")}
_TITLES: Final = {"ece": "calibration"}
_HEADLINES: Final = frozenset({"pr_auc", "rmse"})       # one of the two is compared for every task


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
    is_deciding: bool = False       # the headline task: without a comparison the answer is hold


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
          policy: GatePolicy, tasks: Mapping[str, Task], further: Sequence[Check] = ()) -> Verdict:
    """Weigh the floors of every task and, where there is a champion, every comparison with it.

    Parameters
    ----------
    metrics, data_quality
        Contents of metrics/detail/evaluate.json and metrics/detail/data_quality.json.
    policy
        Of gate.yaml.
    comparisons
        Of every task, on the whole test part and on slices; empty if no champion is in service.
    tasks
        Of the contract.
    further
        Whether the champion may be compared on these rows, and whether the model behaves.

    Examples
    --------
    >>> reason = "a line of an example"
    >>> policy = GatePolicy.model_validate({
    ...     "owner": "the plant", "evidence": {"failures": 8, "machines": 5, "reason": reason}, "metrics": [],
    ...     "slices": {"tolerated": 0.1, "fewest_machines": 5, "fewest_failures": 3, "modes": True, "reason": reason},
    ...     "approval": {"required": True, "not_author": False, "signed": False, "reason": reason}})
    >>> metrics = {"test": {"pr_auc": 0.6, "prevalence": 0.03, "n": 900, "pr_auc_ci95": [0.5, 0.7]},
    ...            "basis": {"machines": 9}}
    >>> judge(metrics, {"passed": True}, [], policy, {"failed": Task(kind="label", column="failed")}).decision
    'promote'
    """
    modes = dict(_modes(metrics, tasks))
    checks = (*_floors(metrics, data_quality, policy, tasks), *_evidence(metrics, policy, tasks), *modes.values(),
              *further, *_against_champion(comparisons, policy, tasks))
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


def _floors(metrics: Numbers, data_quality: Numbers, policy: GatePolicy, tasks: Mapping[str, Task]
            ) -> Iterator[Check]:
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
        yield Check(_TITLES.get(line.metric, f"floor of {line.metric}"), passed, f"{where}.{name} {_text(value)}",
                    f"{'at most' if line.better == 'lower' else 'at least'} {number(line.floor)} ({line.reason})",
                    "reject")


def _evidence(metrics: Numbers, policy: GatePolicy, tasks: Mapping[str, Task]) -> Iterator[Check]:
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
        yield Check("better than the median life", test[metric] < naive[metric], f"test.{metric} {_text(test[metric])}",
                    f"below {_text(naive[metric])}", "reject")


def _class_floors(block: Numbers) -> Iterator[Check]:
    test, naive = block.get("test", {}), block.get("baselines", {}).get("most_common", {})
    if "accuracy" not in test or "accuracy" not in naive:
        yield Check("metrics present", False, f"{sorted(test)}", "test.accuracy", "reject")
        return
    low = test.get("accuracy_ci95", [test["accuracy"]])[0]
    yield Check("better than the most common class", low > naive["accuracy"], f"lower bound of accuracy {_text(low)}",
                f"above {_text(naive['accuracy'])}", "reject")


def _number_floors(block: Numbers) -> Iterator[Check]:
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


def _against_champion(comparisons: Sequence[Comparison | NotCompared], policy: GatePolicy,
                      tasks: Mapping[str, Task]) -> Iterator[Check]:
    for comparison in comparisons:
        if isinstance(comparison, NotCompared):
            yield Check(f"champion, task {comparison.task}", not comparison.is_deciding,
                        f"not compared: {comparison.why}", "a comparison of both models",
                        "hold" if comparison.is_deciding else "note")
            continue
        line = policy.line(comparison.metric)
        assert line is not None, comparison.metric  # noqa: S101  # for mypy: only metrics of the policy are compared
        share, by_estimate, reason = _rule(comparison, line, policy)
        bound = comparison.gain if by_estimate else comparison.gain_low
        signed = _signed if line.measure == "share" else _signed_number
        task = tasks.get(comparison.task)
        figure = "" if comparison.metric in _HEADLINES else f"{comparison.metric}, "
        yield Check(
            f"champion, {figure}{comparison.where}", bound >= -share,
            f"{comparison.metric} {_text(comparison.challenger)} against {_text(comparison.champion)}, gain "
            f"{signed(comparison.gain)} ({between((comparison.gain_low, comparison.gain_high), signed)})",
            f"{'gain' if by_estimate else 'lower bound'} at least {signed(-share)} ({reason})",
            "note" if task is not None and task.informational else "hold")


def _rule(comparison: Comparison, line: MetricLine, policy: GatePolicy) -> tuple[float, bool, str]:
    """Tolerated loss, whether the estimate decides, and why: of a slice or of the whole test part."""
    if comparison.is_slice:
        return policy.slices.tolerated, True, policy.slices.reason
    return line.tolerated or 0.0, line.by == "estimate", line.reason


def _signed(share: float) -> str:
    return f"{share:+.1%}"


def _signed_number(value: float) -> str:
    return f"{value:+.3f}"


def _text(value: float | None) -> str:
    return "missing" if value is None else number(value, 4)

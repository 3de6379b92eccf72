"""Weaknesses and uncertainties of a forecast as sentences, the worst first."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from oilcan.contract import Task
from oilcan.core.phrasing.policy_names import name_of
from oilcan.core.phrasing.quantities import between, money, number, percent, span
from oilcan.governance.floor_checks import simple_costs
from oilcan.governance.task_numbers import of_each_task

Numbers = Mapping[str, Any]
Weakness = tuple[int, str]          # how bad, and the sentence
_USELESS, _HARMFUL, _DEAR, _UNSURE, _PARTLY, _MINOR, _ALWAYS = 60, 50, 40, 30, 20, 10, 0
_FEW_FAILURES: Final = 30
_CLEARLY_WORSE: Final = 0.1         # of a share: a slice this far below the whole is named
_ECE_LIMIT: Final = 0.02
_LOW_COVERAGE: Final = 0.8


def weaknesses(metrics: Numbers, slices: Numbers, tasks: Mapping[str, Task], unit: str) -> list[str]:
    """Sentences, the worst first.

    Parameters
    ----------
    metrics, slices
        Contents of metrics/detail/evaluate.json and metrics/detail/slices.json.
    """
    found: list[Weakness] = []
    for at, (name, task, block) in enumerate(of_each_task(metrics, tasks)):
        if task.kind in {"class", "number"}:
            own = [*_stated(block)]
        else:
            own = [*_life(block, unit)] if task.kind == "rul" else [*_ranking(block), *_events(block), *_cost(block)]
        ahead = "" if at == 0 or (task.kind == "rul" and block is metrics) else f"Task {name}: "
        found += [(badness - (5 if task.informational else 0), ahead + text) for badness, text in own]
    found += [*_modes(metrics), *_slices(metrics, slices), *_rows(metrics)]
    whole = "machines" if "first" in metrics["basis"] else "rows"
    found.append((_ALWAYS, f"The intervals resample {whole} and hold the model and its threshold fixed; another "
                           "training run, or another year, may differ by more."))
    return [text for _, text in sorted(found, key=lambda weakness: -weakness[0])]       # stable: ties stay in order


def _stated(block: Numbers) -> Iterator[Weakness]:
    test, baselines = block.get("test", {}), block.get("baselines", {})
    common, mean = baselines.get("most_common", {}), baselines.get("mean", {})
    if "accuracy" in common and test.get("accuracy_ci95", [test["accuracy"]])[0] <= common["accuracy"]:
        yield (_USELESS, f"It is not shown to be better than always naming the most common class: accuracy "
                         f"{percent(test['accuracy'])} where that gives {percent(common['accuracy'])}.")
    if "rmse" in mean and test.get("rmse_ci95", [test["rmse"]])[-1] >= mean["rmse"]:
        yield (_USELESS, f"It is not shown to be better than the mean of training: typical error "
                         f"{number(test['rmse'])} where that gives {number(mean['rmse'])}.")
    for name, of_one in test.get("classes", {}).items():
        if of_one.get("n") and not of_one.get("recall"):
            yield _PARTLY, f"Class {name} was never found ({of_one['n']} rows)."
    if test.get("coverage_90") is not None and test["coverage_90"] < _LOW_COVERAGE:
        yield _PARTLY, f"Only {percent(test['coverage_90'])} of the numbers lie inside their 90 % interval."


def _ranking(block: Numbers) -> Iterator[Weakness]:
    test = block.get("test", {})
    if "prevalence" in test and _is_chance(test):
        yield (_USELESS, f"It is not shown to be better than chance: average precision {_or_none(test, 'pr_auc')} "
                         f"where guessing gives {number(test['prevalence'])}.")


def _is_chance(numbers: Numbers) -> bool:
    interval = numbers.get("pr_auc_ci95")
    low = interval[0] if interval else numbers.get("pr_auc")
    return low is None or bool(low <= numbers["prevalence"])


def _or_none(numbers: Numbers, name: str) -> str:
    return "not known" if numbers.get(name) is None else number(numbers[name])


def _events(block: Numbers) -> Iterator[Weakness]:
    events = block.get("events")
    if not events:
        return
    right = events.get("alarm_precision")
    if right == 0:
        yield _USELESS, f"All {events['alarms']} alarms were false."
    elif right is not None and right < 0.5:
        yield _UNSURE, f"More alarms are false than true: {events['false_alarms']} of {events['alarms']}."
    if events["n_failures"] and not events["detected"]:
        yield _USELESS, f"None of the {events['n_failures']} failures was announced."
    elif events["missed"]:
        late = f"; {events['late_alarms']} alarms came too late to act" if events.get("late_alarms") else ""
        yield _UNSURE, f"{events['missed']} of {events['n_failures']} failures came without a timely warning{late}."
    if events.get("held_back"):
        yield _PARTLY, f"{events['held_back']} alarms were held back because the crew's weekly budget was used up."
    if events["n_failures"] < _FEW_FAILURES:
        yield _UNSURE, f"All of this rests on only {events['n_failures']} failures."


def _cost(block: Numbers) -> Iterator[Weakness]:
    costs = block.get("costs")
    if not costs:
        return
    simple = simple_costs(block)
    if costs["model"] > costs["run_to_failure"]:
        yield (_HARMFUL, f"Acting on it is worse than doing nothing: {money(costs['model'])} against "
                         f"{money(costs['run_to_failure'])}.")
    for name, cost in sorted(simple.items(), key=lambda policy: policy[1]):
        if cost < costs["model"] and name != "run_to_failure":
            yield _DEAR, f"A simple policy is cheaper: {name_of(name)}, at {money(cost)}."
    low, high = costs.get("saving_ci95") or (1.0, 1.0)
    if low <= 0 < high:
        yield _UNSURE, "It is not certain that it saves anything: the interval of the saving includes zero."


def _life(block: Numbers, unit: str) -> Iterator[Weakness]:
    test, rule = block.get("test", {}), block.get("baselines", {}).get("median_life", {})
    metric = "rmse_capped" if "rmse_capped" in test else "rmse"
    if metric in test and metric in rule and test[metric] >= rule[metric]:
        yield (_USELESS, f"The remaining life is no better than knowing the age and the median life: off by "
                         f"{span(test[metric], unit)} against {span(rule[metric], unit)}.")
    for name, which in (("coverage_90", ""), ("coverage_90_below_cap", " below the cap")):
        share = test.get(name)
        if share is not None and not 0.87 <= share <= 0.93:
            yield (_PARTLY, f"The 90 % intervals of the remaining life are too {'narrow' if share < 0.9 else 'wide'}"
                            f"{which}: they hold {percent(share)}.")
    if "rmse" in test and "rmse_capped" in test:
        yield (_MINOR, f"Lives longer than the cap are not forecast: without cutting them the error is "
                       f"{span(test['rmse'], unit)}.")


def _modes(metrics: Numbers) -> Iterator[Weakness]:
    for mode, numbers in metrics.get("modes", {}).items():
        if "prevalence" in numbers and numbers.get("pr_auc") is not None and _is_chance(numbers):
            yield _DEAR, f"The forecast of failure mode {mode} is not shown to be better than chance; it is not served."


def _slices(metrics: Numbers, slices: Numbers) -> Iterator[Weakness]:
    whole = metrics.get("events", {}).get("detected_share")
    if whole is None:
        return
    for name, share, n, pair in _shares(metrics, slices):
        if share < whole - _CLEARLY_WORSE:
            may_be_chance = pair is not None and max(pair) >= whole
            between_words = f", 95 % interval {between(pair, percent)}" if pair is not None else ""
            yield (_MINOR if may_be_chance else _PARTLY,
                   f"{name}: only {percent(share)} of {n} failures announced (overall {percent(whole)}{between_words})"
                   f"{'; so few failures prove no difference' if may_be_chance else ''}.")
    few = sum(values.get("too_few", False) for by in slices.values() for values in by.values())
    if few:
        yield _MINOR, f"{few} {'slice has' if few == 1 else 'slices have'} too few machines to be judged."


def _shares(metrics: Numbers, slices: Numbers) -> list[tuple[str, float, int, list[float] | None]]:
    by_mode = [(f"Failure mode {mode}", values) for mode, values in metrics.get("modes", {}).items()]
    by_slice = [(f"{name.replace('_', ' ')}: {value}", values) for name, by in slices.items()
                for value, values in by.items()]
    return [(name, values["detected_share"], values["n_failures"], values.get("detected_share_ci95"))
            for name, values in by_mode + by_slice if values.get("detected_share") is not None]


def _rows(metrics: Numbers) -> Iterator[Weakness]:
    test = metrics["test"]
    if test.get("ece", 0.0) > _ECE_LIMIT:
        yield (_PARTLY, f"Probabilities are off by {number(100 * test['ece'], 2)} points on average (ECE; good is "
                        "below 2).")
    if test.get("brier", 0.0) > test.get("brier_uncalibrated", 1.0):
        yield _MINOR, "Calibration made the probabilities worse on these rows (Brier score)."
    reached = metrics.get("achievable", {}).get("share_reached")
    if reached is not None and reached < 1:
        yield (_MINOR, f"The simulation knows the true hazard: the forecast reaches {percent(reached)} of the average "
                       "precision that knowing it would give.")

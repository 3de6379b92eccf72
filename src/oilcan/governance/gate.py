"""Is the challenger good enough, and at least as good as the champion on the same rows?

Three answers: *promote*, *hold* (not shown to be as good as the champion; keep the champion),
*reject* (below a floor that no champion excuses). Each carries every check with what was found
and what was wanted, so that a rejection leaves as full a record as a promotion.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from oilcan.params.review import ReviewParams

Decision = Literal["promote", "hold", "reject"]


@dataclass(frozen=True)
class Check:
    """One condition: what was found, what was wanted, whether a failure rejects or only holds."""

    name: str
    passed: bool
    found: str
    wanted: str
    severity: Literal["reject", "hold"]


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


@dataclass(frozen=True)
class Verdict:
    """A decision and the checks it rests on."""

    decision: Decision
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]

    def as_json(self) -> dict[str, Any]:
        """The verdict as plain values for metrics/detail/review.json."""
        return {"decision": self.decision, "reasons": list(self.reasons), "checks": [asdict(c) for c in self.checks]}


def judge(
    metrics: Mapping[str, Any],
    data_quality: Mapping[str, Any],
    comparisons: Sequence[Comparison],
    params: ReviewParams,
) -> Verdict:
    """Weigh the floors and, where there is a champion, every comparison with it.

    Parameters
    ----------
    metrics, data_quality
        Contents of metrics/detail/evaluate.json and metrics/detail/data_quality.json.
    comparisons
        The whole test part first, then slices; empty if no champion is in service.

    Examples
    --------
    >>> params = ReviewParams(seed=1, bootstrap=20, tolerance_share=0.02, slice_tolerance_share=0.1,
    ...                       min_slice_machines=5, max_ece=0.05)
    >>> metrics = {"test": {"pr_auc": 0.6, "prevalence": 0.03, "ece": 0.01, "pr_auc_ci95": [0.5, 0.7]}}
    >>> judge(metrics, {"passed": True}, [], params).decision
    'promote'
    """
    checks = [*_floors(metrics, data_quality, params), *_against_champion(comparisons, params)]
    failed = [check for check in checks if not check.passed]
    reasons = tuple(f"{check.name}: found {check.found}, wanted {check.wanted}" for check in failed)
    if any(check.severity == "reject" for check in failed):
        return Verdict("reject", reasons, tuple(checks))
    if failed:
        return Verdict("hold", reasons, tuple(checks))
    said = "as good as the champion on the same rows" if comparisons else "no champion is in service"
    return Verdict("promote", (f"all {len(checks)} checks passed; {said}",), tuple(checks))


def _floors(metrics: Mapping[str, Any], data_quality: Mapping[str, Any], params: ReviewParams) -> list[Check]:
    test = metrics.get("test", {})
    passed = data_quality.get("passed")
    checks = [Check("data quality", passed is True, str(passed), "True", "reject")]
    if "prevalence" in test:
        low = _lower(test, "pr_auc")
        checks.append(Check("better than chance", low is not None and low > test["prevalence"],
                            f"lower bound of test.pr_auc {_text(low)}", f"above prevalence {_text(test['prevalence'])}",
                            "reject"))
        ece = test.get("ece")
        checks.append(Check("calibration", ece is not None and ece <= params.max_ece,
                            f"test.ece {_text(ece)}", f"at most {params.max_ece:g}", "reject"))
    if "rmse" in test:
        naive = metrics.get("baselines", {}).get("median_life", {}).get("rmse")
        rmse = test["rmse"]
        if naive is not None:
            checks.append(Check("better than the median life", rmse < naive,
                                f"test.rmse {_text(rmse)}", f"below {_text(naive)}", "reject"))
    if not {"prevalence", "rmse"} & set(test):
        checks.append(Check("metrics present", False, str(sorted(test)), "test.pr_auc or test.rmse", "reject"))
    costs = metrics.get("costs", {})
    simple = [costs[name] for name in ("run_to_failure", "periodic") if costs.get(name) is not None]
    if simple and costs.get("model") is not None:
        checks.append(Check("worth its cost", costs["model"] <= min(simple),
                            f"{costs['model']:,.0f} EUR", f"at most {min(simple):,.0f} EUR, the better simple policy",
                            "hold"))
    return checks


def _against_champion(comparisons: Sequence[Comparison], params: ReviewParams) -> list[Check]:
    checks = []
    for at, comparison in enumerate(comparisons):
        share = params.tolerance_share if at == 0 else params.slice_tolerance_share
        # the interval of a slice is wide; there the estimate itself must stay within the wider tolerance
        bound = comparison.gain_low if at == 0 else comparison.gain
        checks.append(Check(
            f"champion, {comparison.where}", bound >= -share,
            f"{comparison.metric} {_text(comparison.challenger)} against {_text(comparison.champion)}, gain "
            f"{comparison.gain:+.1%} [{comparison.gain_low:+.1%}, {comparison.gain_high:+.1%}]",
            f"{'lower bound' if at == 0 else 'gain'} at least {-share:.1%}", "hold"))
    return checks


def _lower(test: Mapping[str, Any], name: str) -> float | None:
    interval = test.get(f"{name}_ci95")
    return interval[0] if interval else test.get(name)


def _text(value: float | None) -> str:
    return "missing" if value is None else f"{value:.4g}"

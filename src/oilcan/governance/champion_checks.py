"""Is the challenger at least as good as the champion, as the policy has it? One check for each comparison."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from oilcan.contract import Task
from oilcan.core.phrasing.quantities import between
from oilcan.governance.gate_findings import Check, Comparison, NotCompared, figure_text
from oilcan.params.operating.gate_policy import GatePolicy, MetricLine

_HEADLINES: Final = frozenset({"pr_auc", "rmse"})       # one of the two is compared for every task


def champion_checks(comparisons: Sequence[Comparison | NotCompared], policy: GatePolicy,
                    tasks: Mapping[str, Task]) -> Iterator[Check]:
    """One check for each comparison of `judge`, and for each task that could not be compared."""
    is_better = _is_shown_better(comparisons, policy, tasks)
    for comparison in comparisons:
        if isinstance(comparison, NotCompared):
            yield Check(f"champion, task {comparison.task}", not comparison.is_deciding,
                        f"not compared: {comparison.why}", "a comparison of both models",
                        "hold" if comparison.is_deciding else "note")
            continue
        line = policy.line(comparison.metric)
        assert line is not None, comparison.metric  # noqa: S101  # for mypy: only metrics of the policy are compared
        share, by_estimate, reason = _rule(comparison, line, policy, is_better=is_better)
        bound = comparison.gain if by_estimate else comparison.gain_low
        signed = _signed if line.measure == "share" else _signed_number
        task = tasks.get(comparison.task)
        figure = "" if comparison.metric in _HEADLINES else f"{comparison.metric}, "
        yield Check(
            f"champion, {figure}{comparison.where}", bound >= -share,
            f"{comparison.metric} {figure_text(comparison.challenger)} against {figure_text(comparison.champion)}, "
            f"gain {signed(comparison.gain)} ({between((comparison.gain_low, comparison.gain_high), signed)})",
            f"{'gain' if by_estimate else 'lower bound'} at least {signed(-share)} ({reason})",
            "note" if task is not None and task.informational else "hold")


def _is_shown_better(comparisons: Sequence[Comparison | NotCompared], policy: GatePolicy,
                     tasks: Mapping[str, Task]) -> bool:
    """Whether a figure that the policy names as a proof is better with its whole interval."""
    named = policy.proof.metrics if policy.proof else ()
    return any(isinstance(each, Comparison) and each.metric in named and not each.is_slice and each.gain_low > 0
               and not (each.task in tasks and tasks[each.task].informational) for each in comparisons)


def _rule(comparison: Comparison, line: MetricLine, policy: GatePolicy, *, is_better: bool) -> tuple[float, bool, str]:
    """Tolerated loss, whether the estimate decides, and why: of a slice or of the whole test part."""
    if comparison.is_slice:
        return policy.slices.tolerated, True, policy.slices.reason
    return line.tolerated or 0.0, is_better or line.by == "estimate", line.reason


def _signed(share: float) -> str:
    return f"{share:+.1%}"


def _signed_number(value: float) -> str:
    return f"{value:+.3f}"

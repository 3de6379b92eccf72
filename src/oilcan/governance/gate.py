"""Is the challenger good enough, and at least as good as the champion on the same rows?

Three answers: *promote*, *hold* (not shown to be as good as the champion; keep the champion),
*reject* (below a floor that no champion excuses). Each carries every check with what was found
and what was wanted, so that a rejection leaves as full a record as a promotion. Every task of the contract is
checked. A failure mode whose own forecast fails is withheld: the model may go into service without it.
"""

from collections.abc import Iterator, Mapping, Sequence

from oilcan.contract import Task
from oilcan.governance.champion_checks import champion_checks
from oilcan.governance.floor_checks import Numbers, evidence_checks, floor_checks, mode_checks
from oilcan.governance.gate_findings import Check, Comparison, NotCompared, Verdict
from oilcan.params.operating.gate_policy import GatePolicy


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
    modes = dict(mode_checks(metrics, tasks))
    checks = (*floor_checks(metrics, data_quality, policy, tasks), *evidence_checks(metrics, policy, tasks),
              *modes.values(), *further, *champion_checks(comparisons, policy, tasks))
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

"""A new model in a git worktree of its own: data extended, pipeline run, champion and challenger compared.

The checkout of the user and the service are never touched. The steps are written down as they are done; a run that was
killed goes on after the last of them when the command is started again. What comes out is a branch to be reviewed.
"""

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from oilcan.contract import Contract
from oilcan.ground.errors import ContractError, OilcanError
from oilcan.ground.time_units import moment
from oilcan.io.bundle.verdict_file import GateVerdict, path_of
from oilcan.io.repository import experiments, leftovers
from oilcan.io.repository.dvc_command import dvc
from oilcan.io.repository.git_plumbing import commit_of, git, resolve
from oilcan.io.repository.one_at_a_time import one_at_a_time
from oilcan.io.repository.worktrees import make_worktree, remove_worktree
from oilcan.io.stage import files
from oilcan.io.stores import Store
from oilcan.operations.governing.audit_log import Act, append
from oilcan.operations.governing.model_status import checked_out
from oilcan.operations.renewal.collecting import audited, collect
from oilcan.operations.renewal.month_schedule import Schedule

FOLDER: Final = Path(".oilcan/retrain")
STEPS: Final = {"worktree": "make a worktree", "fetch": "fetch the data", "extend": "extend the data",
                "pipeline": "run the pipeline", "commit": "commit the result", "record": "record it in the audit log",
                "remove": "remove the worktree"}            # what a command or scheduler calls a step: what it does
_MESSAGE_END: Final = "Made by `oilcan retrain`; nothing is in service until somebody promotes it."


@dataclass(frozen=True)
class Retraining:
    """One retraining: its name holds data set, date and reason.

    Attributes
    ----------
    base
        Commit that it starts from.
    started
        Microseconds UTC: which rows are collected does not depend on when a killed run is started again.
    reasons
        Why it was asked for.
    """

    name: str
    base: str
    dataset: str
    started: int
    by: str
    reasons: tuple[str, ...]

    @property
    def branch(self) -> str:
        """Name of the branch with the result."""
        return f"retrain/{self.name}"


@dataclass(frozen=True)
class Retrained:
    """What came out: the branch, the gate's decision and its reasons."""

    branch: str
    commit: str
    decision: str
    reasons: tuple[str, ...]


def name_of(dataset: str, now: int, why: str) -> str:
    """Name of a retraining.

    Examples
    --------
    >>> name_of("demo_fleet", 1_772_323_200_000_000, "drift")
    'demo_fleet-2026-03-01-drift'
    """
    return f"{dataset}-{moment(now):%Y-%m-%d}-{why}"


def unfinished(root: Path, dataset: str) -> Retraining | None:
    """The retraining that was begun and not ended; None if there is none."""
    for note in sorted((root / FOLDER).glob("*.json")):
        begun = files.read_json(note)["retraining"]
        if begun["dataset"] == dataset:
            return Retraining(**begun | {"reasons": tuple(begun["reasons"])})
    return None


def begin(root: Path, retraining: Retraining) -> None:
    """Write down that a retraining has begun; none of its steps is done.

    Raises
    ------
    OilcanError
        If another retraining is at work.
    """
    with one_at_a_time(root, "retrain"):
        _Run(root, retraining, None, None)


def take_step(root: Path, retraining: Retraining, contract: Contract, store: Store | None, step: str) -> bool:
    """Do one step of a retraining that has begun; False if it was done before.

    Parameters
    ----------
    step
        A key of `STEPS`.

    Raises
    ------
    OilcanError
        If a step before it is not done, or as `retrain`.
    """
    _check_split(contract)
    with one_at_a_time(root, "retrain"):
        run = _Run(root, retraining, store, contract)
        names = list(STEPS.values())
        before = names[:names.index(STEPS[step])]
        missing = next((name for name in before if name not in run.done), None)
        if missing is not None:
            raise OilcanError(f"{retraining.name}: step {step!r} comes after {missing!r}, which is not done. "
                              f"Do the steps in order: {', '.join(STEPS)}.")
        if STEPS[step] in run.done:
            return False
        run.note(STEPS[step], run.steps()[STEPS[step]]() or {})
        return True


def retrain(root: Path, retraining: Retraining, contract: Contract, store: Store | None, *,
            say: Callable[[str], None]) -> Retrained:
    """Do what is left of a retraining.

    Parameters
    ----------
    store
        Of the service, whose rows extend the data; None takes the data as they are committed.
    say
        Hears the name of each step before it is done.

    Raises
    ------
    ContractError
        If the split does not roll forward with the data.
    OilcanError
        If git, DVC or a stage refuses, or another retraining is at work; start it again when that is fixed.
    """
    _check_split(contract)
    with one_at_a_time(root, "retrain"):
        run = _Run(root, retraining, store, contract)
        for name, step in run.steps().items():
            if name not in run.done:
                say(name)
                run.note(name, step() or {})
        return run.result()


class _Run:
    """The steps of one retraining, and the note of those that are done."""

    def __init__(self, root: Path, retraining: Retraining, store: Store | None,
                 contract: Contract | None) -> None:
        self._root, self._of, self._store, self._contract = root, retraining, store, contract
        self._tree = root / FOLDER / retraining.name
        self._note = self._tree.with_suffix(".json")
        self.done: dict[str, Any] = files.read_json(self._note)["done"] if self._note.exists() else {}
        if not self._note.exists():
            self._write_note()
        if STEPS["worktree"] in self.done and self._tree.exists():      # this retraining was killed
            leftovers.fix_worktree(self._tree)

    def steps(self) -> Mapping[str, Callable[[], dict[str, Any] | None]]:
        """Name of each step, in order; each may be done twice."""
        return dict(zip(STEPS.values(), (self._make_worktree, self._fetch, self._extend, self._run_pipeline,
                                         self._commit, self._record, self._remove), strict=True))

    def note(self, step: str, facts: dict[str, Any]) -> None:
        """Write down that a step is done."""
        self.done[step] = facts
        if step == STEPS["remove"]:
            self._note.unlink(missing_ok=True)      # nothing is left to go on with
        else:
            self._write_note()

    def result(self) -> Retrained:
        """What came out."""
        facts = self.done[STEPS["commit"]]
        return Retrained(self._of.branch, facts["commit"], facts["decision"], tuple(facts["reasons"]))

    def _write_note(self) -> None:
        files.write_json({"retraining": self._of.__dict__ | {"reasons": list(self._of.reasons)}, "done": self.done},
                         self._note)

    def _make_worktree(self) -> None:
        make_worktree(self._root, self._tree, self._of.base)

    def _fetch(self) -> None:
        dvc(self._tree, "checkout", "--allow-missing", "--quiet")

    def _extend(self) -> None:
        if self._store is None or self._contract is None:
            return
        schedule = Schedule(self._of.started, running=True)
        collect(self._tree, self._contract, self._store, schedule, write=True,
                record=audited(self._root, self._of.dataset, by=self._of.by, now=self._of.started))
        git(self._tree, "add", "--all", "data/live")
        if git(self._tree, "status", "--porcelain", "data/live"):
            self._git_commit(f"Data of {self._of.dataset} until {moment(self._of.started):%Y-%m-%d}")

    def _run_pipeline(self) -> dict[str, Any]:
        was_begun = bool(git(self._tree, "status", "--porcelain"))
        began, before = time.monotonic(), _cpu_s()
        if self._of.name in experiments.names(self._tree):      # of a run that was killed before its note
            dvc(self._tree, "exp", "remove", self._of.name)
        dvc(self._tree, "exp", "run", "--name", self._of.name)  # stages that are done are skipped
        return {"run": {"seconds": round(time.monotonic() - began, 1), "cpu_s": round(_cpu_s() - before, 1),
                        "is_whole": not was_begun}}

    def _commit(self) -> dict[str, Any]:
        verdict = GateVerdict.model_validate_json(path_of(self._tree / "models/bundle").read_text(encoding="utf-8"))
        git(self._tree, "add", "--all")
        if git(self._tree, "status", "--porcelain"):
            lines = [f"Retrained {self._of.dataset}: {verdict.decision}", "", *(f"- {why}" for why in self._of.reasons),
                     "", *(f"- {reason}" for reason in verdict.reasons), "", _MESSAGE_END]
            self._git_commit("\n".join(lines))
        commit = commit_of(self._tree, "HEAD")
        git(self._root, "branch", "--force", self._of.branch, commit)
        return {"commit": commit, "decision": verdict.decision, "reasons": list(verdict.reasons),
                "bundle": verdict.bundle}

    def _record(self) -> None:
        facts = self.done[STEPS["commit"]]
        append(self._root, Act("retrain", self._of.by, "; ".join(self._of.reasons), key=self._of.name,
                               dataset=self._of.dataset, commit=facts["commit"], bundle=facts["bundle"],
                               detail={"decision": facts["decision"], "reasons": facts["reasons"],
                                       "run": self.done[STEPS["pipeline"]].get("run")}),
               at=moment(self._of.started))

    def _remove(self) -> None:
        remove_worktree(self._root, self._tree)

    def _git_commit(self, message: str) -> None:
        git(self._tree, "commit", "--quiet", "--no-verify", "--file", "-", text=message)


def plan(root: Path, dataset: str, *, now: int, why: str, by: str, reasons: tuple[str, ...]) -> Retraining:
    """The retraining that would be begun now: from the commit that is checked out, or from the branch of its plant.

    Raises
    ------
    OilcanError
        If its branch exists: it was done today for this reason. Or if the checkout is of another data set, and there is
        no branch `plant/NAME`.
    """
    made = Retraining(name_of(dataset, now, why), _base(root, dataset), dataset, now, by, reasons)
    if resolve(root, f"refs/heads/{made.branch}") is not None:
        raise OilcanError(f"{made.branch}: this branch exists already. Review it, or delete it and start again.")
    return made


def _base(root: Path, dataset: str) -> str:
    """Commit whose pipeline is that of a data set."""
    here = checked_out(root)
    if here == dataset:
        return commit_of(root, "HEAD")
    branch = resolve(root, f"refs/heads/plant/{dataset}")
    if branch is None:
        raise OilcanError(f"params.yaml: the pipeline runs on {here!r} here (wanted {dataset!r}), and no branch is "
                          f"called plant/{dataset}. Make one with `oilcan plants {dataset} --yes`, or check out the "
                          f"commit of its model.")
    return branch


def _cpu_s() -> float:
    """Processor seconds of all processes that this one has waited for, and of those that they have waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _check_split(contract: Contract) -> None:
    """The parts must move with the data: shares do, dates stay where they are."""
    fixed = [name for name in ("validation", "test", "until") if isinstance(getattr(contract.split, name), str)]
    if contract.split.by != "time" or fixed:
        found = ", ".join(f"split.{name} is a date" for name in fixed) or f"split.by is {contract.split.by!r}"
        raise ContractError(f"datasets/{contract.name}.yaml: the split does not roll forward with the data ({found}; "
                            f"wanted `by: time` with shares). Change it, so that the newest rows are judged.")

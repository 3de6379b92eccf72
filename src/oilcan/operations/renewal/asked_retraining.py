"""What `oilcan retrain` does when somebody, or a timer, asks: go on, begin, or leave it; in one go or step by step."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from oilcan.contract import Contract
from oilcan.governance.retrain_choice import RetrainChoice, choose
from oilcan.ground.errors import DataError, OilcanError, StoreError
from oilcan.ground.section import section
from oilcan.io.bundle.verdict_file import PROMOTE
from oilcan.io.stage import stage_inputs
from oilcan.io.stores import Store
from oilcan.operations.governing.audit_log import entries
from oilcan.operations.renewal.retrain_signals import read_signals
from oilcan.operations.renewal.retraining import (
    STEPS,
    Retraining,
    begin,
    plan,
    retrain,
    take_step,
    unfinished,
)
from oilcan.params.operating.retrain_rules import RetrainRules

ALL_STEPS: Final = ("begin", *STEPS, "gate")        # what a scheduler calls, one after the other
Outcome = Literal["done", "held", "cannot_tell", "not_due"]


@dataclass(frozen=True)
class RetrainAnswer:
    """Lines for a person, and what came of it.

    Attributes
    ----------
    outcome
        held: the gate did not decide to promote; cannot_tell: a signal could not be read; not_due: it is not time.
    """

    lines: tuple[str, ...]
    outcome: Outcome = "done"


@dataclass(frozen=True)
class Asked:
    """Who asks, where, and when.

    Attributes
    ----------
    because
        Reason of a person, which needs no policy; None asks the policies.
    now
        Microseconds UTC.
    act
        False changes nothing.
    """

    root: Path
    contract: Contract
    because: str | None
    by: str
    now: int
    act: bool


def answer(asked: Asked, store: Store, *, say: Callable[[str], None]) -> RetrainAnswer:
    """Go on with a retraining that was killed, or begin one if it is time for it, and do all that is left of it."""
    due = _due(asked, store)
    if isinstance(due, RetrainAnswer):
        return due
    if not asked.act:
        return _would(due)
    made = retrain(asked.root, due, asked.contract, store, say=say)
    last = (f"Review it: `git diff HEAD {made.branch}`. Then merge it, `dvc push`, and `oilcan promote`."
            if made.decision == PROMOTE else
            f"The model in service stays. Look at it: `git show {made.branch}`.")
    return RetrainAnswer((f"{made.decision}: {made.branch} ({made.commit[:12]})",
                          *(f"  {reason}" for reason in made.reasons), last),
                         "done" if made.decision == PROMOTE else "held")


def answer_step(asked: Asked, store: Store, step: str) -> RetrainAnswer:
    """Do one of `ALL_STEPS`; each may be asked for again.

    Raises
    ------
    OilcanError
        If no retraining has begun, or a step before it is not done.
    """
    if step == "gate":
        return _gate(asked.root, asked.contract.name)
    if step == "begin":
        return _begin(asked, store)
    begun = unfinished(asked.root, asked.contract.name)
    if begun is None and step == "remove":
        return RetrainAnswer(("nothing to remove",))
    if begun is None:
        raise OilcanError(f"step {step!r}: no retraining of {asked.contract.name} has begun. Run "
                          f"`oilcan retrain --step begin --yes` first.")
    if not asked.act:
        return RetrainAnswer((f"would {STEPS[step]}: {begun.name}", "Nothing was changed. Add --yes to act."))
    was_done = take_step(asked.root, begun, asked.contract, store, step)
    return RetrainAnswer((f"{begun.name}: {STEPS[step]}" + ("" if was_done else " (done before)"),))


def _begin(asked: Asked, store: Store) -> RetrainAnswer:
    due = _due(asked, store)
    if isinstance(due, RetrainAnswer):
        return due
    if not asked.act:
        return _would(due)
    begin(asked.root, due)
    return RetrainAnswer((f"begun: {due.name}", *(f"  {reason}" for reason in due.reasons)))


def _gate(root: Path, dataset: str) -> RetrainAnswer:
    """What the gate decided on the newest retraining, by the audit log."""
    newest = next((entry for entry in reversed(entries(root)) if entry.kind == "retrain" and entry.dataset == dataset),
                  None)
    if newest is None:
        raise OilcanError(f"gate: the audit log knows no retraining of {dataset}. Do the steps before it: "
                          f"{', '.join(ALL_STEPS[:-1])}.")
    decision = newest.detail["decision"]
    return RetrainAnswer((f"{decision}: retrain/{newest.key}", *(f"  {reason}" for reason in newest.detail["reasons"])),
                         "done" if decision == PROMOTE else "held")


def _due(asked: Asked, store: Store) -> Retraining | RetrainAnswer:
    """The retraining to do now, begun or not; or why there is none."""
    name = asked.contract.name
    begun = unfinished(asked.root, name)
    if begun is not None:
        return begun
    choice = RetrainChoice(True, (), (asked.because,)) if asked.because else \
        _by_policies(asked.root, name, store, asked.now)
    if not choice.retrain:
        title = "cannot tell: nothing is retrained" if choice.retrain is None else "no retraining"
        return RetrainAnswer((title, *(f"  {reason}" for reason in choice.reasons)),
                             "cannot_tell" if choice.retrain is None else "not_due")
    return plan(asked.root, name, now=asked.now, why="-".join(choice.by) or "asked", by=asked.by,
                reasons=choice.reasons)


def _would(due: Retraining) -> RetrainAnswer:
    return RetrainAnswer((f"would retrain: {due.name}", *(f"  {reason}" for reason in due.reasons),
                          "Nothing was changed. Add --yes to act."))


def _by_policies(root: Path, dataset: str, store: Store, now: int) -> RetrainChoice:
    """What the policies ask for; unknown if a signal cannot be read."""
    path = root / "retrain.yaml"
    rules = section(RetrainRules, stage_inputs.read_yaml(path), "retrain.yaml")
    try:
        return choose(read_signals(root, dataset, store, now=now), rules)
    except (DataError, StoreError) as err:
        return RetrainChoice(None, (), (str(err),))

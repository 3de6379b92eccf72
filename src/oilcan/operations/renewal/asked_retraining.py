"""What `oilcan retrain` does when somebody, or a timer, asks: go on, begin, or leave it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from oilcan.contract import Contract
from oilcan.governance.retrain_choice import RetrainChoice, choose
from oilcan.ground.errors import DataError, StoreError
from oilcan.io.stage import stage_inputs
from oilcan.io.stores import Store
from oilcan.operations.renewal.retrain_signals import read_signals
from oilcan.operations.renewal.retraining import Retraining, plan, retrain, unfinished
from oilcan.params.retrain_rules import RetrainRules
from oilcan.params.section import section


@dataclass(frozen=True)
class RetrainAnswer:
    """Lines for a person, and whether a signal could not be read."""

    lines: tuple[str, ...]
    cannot_tell: bool = False


def answer(root: Path, contract: Contract, store: Store, *, because: str | None, by: str, now: int, act: bool,
           say: Callable[[str], None]) -> RetrainAnswer:
    """Go on with a retraining that was killed, or begin one if it is time for it.

    Parameters
    ----------
    because
        Reason of a person, which needs no policy; None asks the policies.
    act
        False changes nothing.
    """
    begun = unfinished(root, contract.name)
    if begun is None:
        choice = RetrainChoice(True, (), (because,)) if because else _by_policies(root, contract.name, store, now)
        if not choice.retrain:
            title = "cannot tell: nothing is retrained" if choice.retrain is None else "no retraining"
            return RetrainAnswer((title, *(f"  {reason}" for reason in choice.reasons)), choice.retrain is None)
        why = "-".join(choice.by) or "asked"
        begun = plan(root, contract.name, now=now, why=why, by=by, reasons=choice.reasons)
    if not act:
        return RetrainAnswer((f"would retrain: {begun.name}", *(f"  {reason}" for reason in begun.reasons),
                              "Nothing was changed. Add --yes to act."))
    return _done(root, begun, contract, store, say)


def _done(root: Path, begun: Retraining, contract: Contract, store: Store, say: Callable[[str], None]) -> RetrainAnswer:
    made = retrain(root, begun, contract, store, say=say)
    last = (f"Review it: `git diff HEAD {made.branch}`. Then merge it, `dvc push`, and `oilcan promote`."
            if made.decision == "promote" else
            f"The model in service stays. Look at it: `git show {made.branch}`.")
    return RetrainAnswer((f"{made.decision}: {made.branch} ({made.commit[:12]})",
                          *(f"  {reason}" for reason in made.reasons), last))


def _by_policies(root: Path, dataset: str, store: Store, now: int) -> RetrainChoice:
    """What the policies say; what cannot be read cannot be told."""
    path = root / "retrain.yaml"
    rules = section(RetrainRules, stage_inputs.read_yaml(path), "retrain.yaml")
    try:
        return choose(read_signals(root, dataset, store, now=now), rules)
    except (DataError, StoreError) as err:
        return RetrainChoice(None, (), (str(err),))

"""What is learned, from which rows, and with which weight?"""

import zlib
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.model.fitted import forecast_name
from oilcan.ground.columns import MACHINE, TARGET
from oilcan.ground.errors import DataError, bullet_list
from oilcan.params.stages.train import TrainParams


@dataclass(frozen=True)
class Target:
    """One column of `rows.parquet` that is learned."""

    task: str
    kind: Literal["failure_within", "label", "rul", "class", "number"]
    mode: str | None = None
    cap: float | None = None        # ticks

    @property
    def name(self) -> str:
        """Ending of its columns."""
        return forecast_name(self.task, self.mode)

    @property
    def is_number(self) -> bool:
        """Whether the outcome is a number: a remaining life, or the number of a `number` task."""
        return self.kind in {"rul", "number"}

    @property
    def floor(self) -> float | None:
        """Least possible outcome: no life is negative."""
        return 0.0 if self.kind == "rul" else None

    def values(self, rows: pd.DataFrame) -> np.ndarray:
        """The target of each row, capped; NaN where unknown, shape (n,).

        If a life had not ended when observation stopped, but had outlasted the cap, its target is the cap.
        """
        values = rows[f"{TARGET}{self.name}"].to_numpy(dtype=np.float64)
        if self.cap is None:
            return values
        outlasts = np.isnan(values) & (rows[f"bound_{self.name}"].to_numpy(dtype=np.float64) >= self.cap)
        return np.where(outlasts, self.cap, np.minimum(values, self.cap))

    def seen(self, rows: pd.DataFrame) -> np.ndarray:
        """Rows whose own outcome was seen, shape (n,), bool; quality is measured on them, here and by `evaluate`.

        A life that is only known to outlast the cap is learned from, but quality is not measured on it.
        """
        return rows[f"{TARGET}{self.name}"].notna().to_numpy()

    def seed(self, base: int) -> int:
        """A seed of its own, so that adding a task does not change the others."""
        return int(np.random.SeedSequence([base, zlib.crc32(self.name.encode())]).generate_state(1)[0] >> 1)


def targets_of(contract: Contract, train: pd.DataFrame, validation: pd.DataFrame,
               min_mode_failures: int) -> tuple[list[Target], dict[str, int]]:
    """The targets that can be learned, and the failure modes that are too rare, with their failures.

    Raises
    ------
    DataError
        If a task has no known rows, or an event task only one class, in either part.
    """
    targets: list[Target] = []
    rare: dict[str, int] = {}
    broken: list[str] = []
    for name, task in contract.tasks.items():
        if task.kind == "class":
            found, too_rare = _classes(name, contract.classes(name), train, validation)
            targets += found
            rare |= too_rare
            broken += [] if len(found) > 1 else [f"{name}: fewer than two classes occur in both parts"]
            continue
        target = Target(name, task.kind, cap=task.cap.ticks if task.cap else None)
        broken += [line for part, rows in (("train", train), ("validation", validation))
                   for line in _unlearnable(target, rows, part)]
        targets.append(target)
        for mode in _modes(name, train) if task.modes else []:
            sub = Target(name, task.kind, mode)
            n_failures = count_events(train, sub)
            if n_failures >= min_mode_failures:
                targets.append(sub)
            else:
                rare[sub.name] = n_failures
    if broken:
        raise DataError(bullet_list("train: the parts cannot carry the tasks. Widen them in `split` of the contract, "
                                    "or shorten the horizon", broken))
    return targets, rare


def _classes(task: str, classes: list[str], train: pd.DataFrame, validation: pd.DataFrame,
             ) -> tuple[list[Target], dict[str, int]]:
    """A target for each class, one against the others; and those that do not occur in both parts, with their rows."""
    targets = [Target(task, "class", each) for each in classes]
    rare = {target.name: count_events(train, target) for target in targets
            if _unlearnable(target, train, "train") or _unlearnable(target, validation, "validation")}
    return [target for target in targets if target.name not in rare], rare


def _modes(task: str, rows: pd.DataFrame) -> list[str]:
    prefix = f"{TARGET}{forecast_name(task, '')}"
    return [column.removeprefix(prefix) for column in rows.columns if column.startswith(prefix)]


def _unlearnable(target: Target, rows: pd.DataFrame, part: str) -> list[str]:
    values = target.values(rows)
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return [f"{target.name}: none of {len(values):,} {part} rows has a known outcome"]
    if not target.is_number and known.min() == known.max():
        return [f"{target.name}: all {len(known):,} {part} rows with a known outcome are {known[0]:.0f} "
                f"(wanted both classes)"]
    return []


def count_events(rows: pd.DataFrame, target: Target) -> int:
    """Runs of positive rows: as many failures (or positive rows without time) as the rows show.

    Examples
    --------
    >>> rows = pd.DataFrame({"machine_id": list("aaab"), "target_x": [1.0, 0.0, 1.0, 1.0]})
    >>> count_events(rows, Target("x", "failure_within"))
    3
    """
    positive = target.values(rows) == 1
    machine = rows[MACHINE].to_numpy()
    follows = np.zeros(len(rows), dtype=bool)
    follows[1:] = positive[:-1] & (machine[1:] == machine[:-1])
    return int((positive & ~follows).sum())


@dataclass(frozen=True)
class Thinning:
    """Which rows are left out; see the keys of the same name in section `train` of params.yaml."""

    negatives_per_positive: float
    min_rows: int
    max_rows: int
    class_weight: Literal["none", "balanced"]

    @classmethod
    def of(cls, params: TrainParams) -> "Thinning":
        """As `train` has it."""
        return cls(params.negatives_per_positive, params.min_rows, params.max_rows, params.class_weight)

    def of_hazards(self, negatives_per_positive: float) -> "Thinning":
        """For the hazards of the same task, which take no class weights."""
        return replace(self, negatives_per_positive=negatives_per_positive, class_weight="none")


@dataclass(frozen=True)
class RowSelection:
    """Rows to learn from, and the correction for the rows that were left out.

    Attributes
    ----------
    at
        Positions in order, shape (m,).
    weight
        Shape (m,), mean 1; None where all rows count the same.
    shift
        To be added to the log-odds that the model learns.
    """

    at: np.ndarray
    weight: np.ndarray | None
    shift: float = 0.0


def choose_rows(values: np.ndarray, target: Target, thinning: Thinning, *, boosted: bool, seed: int) -> RowSelection:
    """The rows to learn from.

    If a task in time has more than `negatives_per_positive` negatives for each positive, and more than `min_rows` rows,
    the negatives to keep are drawn at random, because neighbouring rows of a machine are nearly the same. Independent
    rows are all kept. The correction keeps probabilities right. Forests give each kept negative a weight. Boosting
    shifts its log-odds by log(share of negatives kept) (prior correction: King and Zeng, *Logistic regression in rare
    events data*, 2001), because scikit-learn takes six times as long to bin weighted rows. Above `max_rows`, every
    k-th row is kept. `balanced` gives both classes the same total weight; calibration undoes the effect.

    Parameters
    ----------
    values
        Target of each row, NaN where unknown, shape (n,).
    boosted
        Whether the rows are for boosting.
    seed
        Base of the seed of the target.

    Examples
    --------
    >>> thinning = Thinning(negatives_per_positive=2.0, min_rows=0, max_rows=0, class_weight="none")
    >>> values = np.array([1.0, 0.0, 0.0, 0.0, 0.0, np.nan])
    >>> chosen = choose_rows(values, Target("x", "failure_within"), thinning, boosted=True, seed=0)
    >>> len(chosen.at), round(chosen.shift, 3)      # one positive, two negatives; log(2 / 4)
    (3, -0.693)
    """
    at = np.flatnonzero(~np.isnan(values))
    share = 1.0
    if target.kind == "failure_within" and thinning.negatives_per_positive > 0:
        at, share = _thin_negatives(at, values, thinning, target.seed(seed))
    if thinning.max_rows and len(at) > thinning.max_rows:
        at = at[:: -(-len(at) // thinning.max_rows)]
    negative = values[at] == 0
    if not target.is_number and thinning.class_weight == "balanced":
        return RowSelection(at, np.where(negative, len(at) / max(2 * negative.sum(), 1),
                                   len(at) / max(2 * (~negative).sum(), 1)))
    if share == 1.0:
        return RowSelection(at, None)
    if boosted:
        return RowSelection(at, None, float(np.log(share)))
    weight = np.where(negative, 1 / share, 1.0)
    return RowSelection(at, weight / weight.mean())


def _thin_negatives(at: np.ndarray, values: np.ndarray, thinning: Thinning, seed: int) -> tuple[np.ndarray, float]:
    """Positions of the rows to keep, and the share of negatives among all that is kept."""
    negative, positive = at[values[at] == 0], at[values[at] == 1]
    wanted = max(int(np.ceil(thinning.negatives_per_positive * len(positive))), thinning.min_rows - len(positive))
    if wanted >= len(negative):
        return at, 1.0
    drawn = np.random.default_rng(seed).choice(negative, wanted, replace=False)
    return np.sort(np.concatenate([positive, drawn])), wanted / len(negative)

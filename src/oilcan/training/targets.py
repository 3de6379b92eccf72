"""What is learned, from which rows, and with which weight?"""

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.model.fitted import forecast_name
from oilcan.ground.columns import MACHINE, TARGET
from oilcan.ground.errors import DataError, bullet_list


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

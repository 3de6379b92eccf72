"""Which part does each row belong to: train, validation, test, or none?

By time, the parts follow each other and a gap of at least horizon + lead time is left out before
each cut, so no label of an earlier part looks into a later one; later parts may look back. By
machine, whole machines are drawn. Draws order machine ids by a keyed hash, so they depend neither
on the order of the tables nor on the platform.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from oilcan.contract import Split
from oilcan.core.prepare.labels import NEVER
from oilcan.core.timeline.groups import exact, units_per_tick
from oilcan.ground.columns import MACHINE, TIME

PARTS: Final = ("train", "validation", "test")


@dataclass(frozen=True)
class SplitPlan:
    """How rows are parted; `assign` does it.

    Attributes
    ----------
    by
        Word of the contract.
    cuts
        Exact first times of validation and of test (by time), else None.
    gap
        Exact time left out before each cut.
    of_machine
        Part of each machine; by time, only of the machines kept for test alone.
    only_last
        Score only the last row of a test machine.
    until
        Exact time that ends the test part (by time); rows from there on are in no part.
    """

    by: Literal["time", "machine", "row", "group", "given"]
    cuts: tuple[int, int] | None
    gap: int
    of_machine: dict[str, str]
    only_last: bool = False
    until: int | None = None

    def assign(self, rows: pd.DataFrame) -> np.ndarray:
        """Part of each row, or why it has none: `gap`, `unseen` (before test) `not_last`, or `after` the test part.

        Parameters
        ----------
        rows
            machine_id and time (if there is one), in any order.

        Returns
        -------
        Shape (n,), text.

        Examples
        --------
        >>> plan = SplitPlan("time", (10, 20), 3, {})
        >>> rows = pd.DataFrame({"machine_id": "a", "time": [6, 7, 10, 18, 20]})
        >>> plan.assign(rows).tolist()
        ['train', 'gap', 'validation', 'gap', 'test']
        """
        if self.cuts is None:
            parts = rows[MACHINE].map(self.of_machine).to_numpy(dtype=object)
            if self.only_last:
                last = rows.groupby(MACHINE, sort=False)[TIME].transform("max")
                parts = np.where((parts == "test") & (rows[TIME] != last).to_numpy(), "not_last", parts)
            return parts
        time, (first, second) = exact(rows[TIME]), self.cuts
        parts = np.select(
            [time < first - self.gap, time < first, time < second - self.gap, time < second],
            ["train", "gap", "validation", "gap"],
            "test",
        ).astype(object)
        if self.until is not None:
            parts[time >= self.until] = "after"
        is_unseen = rows[MACHINE].isin(self.of_machine).to_numpy() & (time < second)
        return np.where(is_unseen, "unseen", parts)

    def known_until(self, parts: np.ndarray) -> np.ndarray:
        """Exact time until which a part may know what happened: the next cut, or the end of time.

        A remaining life that ends after the cut is as unknown to the training part as it was on
        that day.
        """
        if self.cuts is None:
            return np.full(len(parts), NEVER)
        return np.select([parts == "train", parts == "validation"], [self.cuts[0], self.cuts[1]], NEVER)


def plan_split(
    split: Split, machines: pd.DataFrame, *, strata: pd.Series, gap: float, seed: int, period: float = 1.0,
    groups: pd.Series | None = None,
) -> SplitPlan:
    """The plan of a contract for these machines.

    Parameters
    ----------
    machines
        machine_id, is_test, first_time and last_time (absent for independent rows).
    strata
        What the draw keeps in proportion, by machine_id: has the machine failed, or the label.
    gap, period
        Least gap before a cut, and the step that cuts are rounded down to, in ticks.
    seed
        Of the draw of machines.
    groups
        By machine_id, what must not be parted (by group); whole groups are drawn, not in proportion.

    Examples
    --------
    >>> machines = pd.DataFrame({"machine_id": [f"m{i}" for i in range(10)], "is_test": False})
    >>> strata = pd.Series([True, False] * 5, index=machines["machine_id"])
    >>> plan = plan_split(Split(by="machine", validation=0.2, test=0.2), machines, strata=strata, gap=0, seed=1)
    >>> pd.Series(plan.of_machine).value_counts().to_dict()
    {'train': 6, 'test': 2, 'validation': 2}
    """
    ids = machines[MACHINE].astype(str)
    if split.by == "time":
        per_tick = units_per_tick(machines["first_time"])
        until = _until(split, machines)
        cuts = _cuts(split, machines, round(period * per_tick), until)
        unseen = _draw(ids, split.unseen_machines, seed)
        return SplitPlan("time", cuts, round(gap * per_tick), dict.fromkeys(unseen, "test"), until=until)
    if groups is not None:
        part_of = _drawn(groups.astype(str).unique(), split, seed)
        return SplitPlan(split.by, None, 0, {str(name): part_of[str(group)] for name, group in groups.items()})
    of_machine = dict.fromkeys(ids, "train")
    free = machines.loc[~machines["is_test"].astype(bool), MACHINE].astype(str) if split.by == "given" else ids
    if split.by == "given":
        of_machine |= dict.fromkeys(sorted(set(ids) - set(free)), "test")
    for _, group in free.groupby(strata.reindex(free).to_numpy(), sort=True):
        order = _shuffled(group, seed)
        tests = 0 if split.by == "given" else round(float(split.test or 0) * len(order))
        both = tests + round(float(split.validation) * len(order))
        of_machine |= dict.fromkeys(order[:tests], "test") | dict.fromkeys(order[tests:both], "validation")
    return SplitPlan(split.by, None, 0, of_machine, only_last=split.by == "given" and split.test_rows == "last")


def _drawn(groups: Iterable[str], split: Split, seed: int) -> dict[str, str]:
    order = _shuffled(groups, seed)
    tests = max(1, round(float(split.test or 0) * len(order)))
    both = tests + max(1, round(float(split.validation) * len(order)))
    return dict.fromkeys(order, "train") | dict.fromkeys(order[:both], "validation") | dict.fromkeys(
        order[:tests], "test")


def _until(split: Split, machines: pd.DataFrame) -> int | None:
    """Exact time that ends the test part; None where nothing does."""
    if split.until is None:
        return None
    if units_per_tick(machines["first_time"]) == 1:
        return int(split.until)
    return int(exact(pd.to_datetime(pd.Series([split.until]), utc=True))[0])


def _cuts(split: Split, machines: pd.DataFrame, step: int, until: int | None) -> tuple[int, int]:
    begin, end = exact(machines["first_time"]).min(), exact(machines["last_time"]).max()
    end = end if until is None else min(end, until)
    test = split.test if split.test is not None else 0.0
    after = float(test) if not isinstance(test, str) else 0.0

    def cut(value: float | str, share: float) -> int:
        if isinstance(value, str):
            time = pd.to_datetime(pd.Series([value]), utc=True) if units_per_tick(machines["first_time"]) > 1 else None
            return int(exact(time)[0]) if time is not None else int(value)
        return int((end - round(share * int(end - begin))) // step * step)

    second = cut(test, after)
    if isinstance(test, str):
        after = (int(end) - second) / max(int(end - begin), 1)
    share = after + (float(split.validation) if not isinstance(split.validation, str) else 0.0)
    return cut(split.validation, share), second


def _shuffled(ids: Iterable[str], seed: int) -> list[str]:
    return sorted(ids, key=lambda name: (hashlib.sha256(f"{seed}:{name}".encode()).digest(), name))


def _draw(ids: Iterable[str], share: float, seed: int) -> list[str]:
    order = _shuffled(ids, seed)
    return sorted(order[: round(share * len(order))])

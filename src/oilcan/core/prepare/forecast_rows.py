"""The rows at which forecasts are made, with their targets and parts.

Combines labels and splits: rows every stride, and targets as each part may know them.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.prepare.labels import Outlook, failure_wait, label_failures, observed_until, remaining_life
from oilcan.core.prepare.outcomes import STATED, targets
from oilcan.core.prepare.prompted_repairs import PromptedRepairs
from oilcan.core.prepare.splits import PARTS, SplitPlan, plan_split
from oilcan.core.timeline.groups import exact, first_rows, units_per_tick
from oilcan.ground.columns import GROUP, MACHINE, MODE, PART, PARTITION, TARGET, TIME

_RANK_STEPS: Final = 3          # ranks of a number are rounded to thirds: strata of 1/6, 1/3, 1/3, 1/6 of the rows
_TRUE: Final = "p_true"          # known in simulations
_USUAL_SILENCE: Final = 3.0     # periods without a reading that are nothing special, where no max_gap is stated


def pick_rows(telemetry: pd.DataFrame, contract: Contract) -> np.ndarray:
    """Positions of the rows at which a forecast is made: the first of each machine in each stride.

    The last row of a machine is picked too where the contract scores only that one.

    Parameters
    ----------
    telemetry
        Sorted by (machine_id, time).
    """
    if contract.rows.stride is None or TIME not in telemetry:
        return np.arange(len(telemetry))
    first = first_rows(telemetry[MACHINE])
    stride = round(contract.rows.stride.ticks * units_per_tick(telemetry[TIME]))
    bins = exact(telemetry[TIME]) // stride
    is_picked = np.diff(bins, prepend=bins[:1] - 1) != 0
    is_picked[first] = True
    if contract.split.test_rows == "last" and len(first):
        is_picked[np.append(first[1:], len(telemetry)) - 1] = True
    return np.flatnonzero(is_picked)


def silence(contract: Contract) -> float:
    """Ticks without a reading after which a machine counts as silent."""
    if contract.time.max_gap is not None:
        return contract.time.max_gap.ticks
    step = contract.time.period or contract.rows.stride
    return _USUAL_SILENCE * step.ticks if step else 0.0


def least_gap(contract: Contract) -> float:
    """Ticks left out before each cut: as stated, and never less than horizon + lead time."""
    return max(contract.longest_look_ahead(), contract.split.gap.ticks if contract.split.gap else 0.0)


def plan_parts(
    rows: Sequence[pd.DataFrame], machines: pd.DataFrame, failures: pd.DataFrame, contract: Contract, *, seed: int
) -> SplitPlan:
    """How the rows of the whole fleet are parted.

    Parameters
    ----------
    rows
        Picked rows of every partition: partition, machine_id, time, label columns.
    """
    strata = pd.Series(machines[MACHINE].isin(failures[MACHINE]).to_numpy(), index=pd.Index(machines[MACHINE]))
    if contract.time.kind == "none":
        strata = _strata(_by_machine(rows, str(contract.headline()[1].column)))
    groups = _by_machine(rows, contract.telemetry_columns("group")[0]) if contract.split.by == "group" else None
    period = contract.time.period.ticks if contract.time.period else 1.0
    return plan_split(contract.split, machines, strata=strata, gap=least_gap(contract), seed=seed, period=period,
                      groups=groups)


def _by_machine(rows: Sequence[pd.DataFrame], column: str) -> pd.Series:
    return pd.concat([part[[MACHINE, column]] for part in rows], ignore_index=True).set_index(MACHINE)[column]


def part_rows(
    rows: pd.DataFrame, failures: pd.DataFrame, contract: Contract, plan: SplitPlan
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Rows with their part, and counts of those left out, by reason.

    Parameters
    ----------
    rows
        All picked rows of some machines.
    """
    parts = plan.assign(rows)
    if contract.time.kind != "none":
        is_end = Outlook.of(rows, failures, exact(rows[TIME])).is_failure()
        parts = np.where(is_end & (parts != "not_last"), "failure_instant", parts)
    is_kept = np.isin(parts, PARTS)
    reasons, counts = np.unique(parts[~is_kept].astype(str), return_counts=True)
    left_out = dict(zip(reasons.tolist(), counts.tolist(), strict=True))
    return rows.assign(part=parts)[is_kept].reset_index(drop=True), left_out


def _strata(label: pd.Series) -> pd.Series:
    """Stratum of each independent row: its flag, its class, or the rank of its number in four bins."""
    if pd.api.types.is_numeric_dtype(label.dtype) and not pd.api.types.is_bool_dtype(label.dtype):
        return (label.rank(pct=True, method="first") * _RANK_STEPS).round().fillna(-1.0)
    if pd.api.types.is_bool_dtype(label.dtype):
        return label.astype("float64").fillna(-1.0)
    return label.fillna("")


def label_rows(
    rows: pd.DataFrame, machines: pd.DataFrame, failures: pd.DataFrame, contract: Contract, plan: SplitPlan,
    labels: pd.DataFrame | None = None, prompted: PromptedRepairs | None = None,
) -> pd.DataFrame:
    """Rows with the targets of every task, each as the row's part may know it.

    Parameters
    ----------
    rows
        From `part_rows`.
    labels
        The canonical table of that name, if the contract has one.
    prompted
        Repairs that alarms prompted: the outcome of rows before them is unknown.

    Returns
    -------
    partition, machine_id, time, part, and per task the columns that `docs/stages/prepare.md` lists.
    """
    if contract.split.by == "group":
        rows = rows.rename(columns={contract.telemetry_columns("group")[0]: GROUP})
    key = [name for name in (PARTITION, MACHINE, TIME, GROUP, PART) if name in rows]
    columns: dict[str, np.ndarray] = {}
    if contract.time.kind == "none":
        for name, task in contract.tasks.items():
            if task.kind in STATED:
                columns |= targets(rows, None, name, task, contract, None)
            else:
                columns[f"{TARGET}{name}"] = rows[str(task.column)].astype("float64").to_numpy()
        return rows[key].assign(**columns)
    until = observed_until(rows, machines, failures, tolerance=silence(contract))
    until = np.minimum(until, plan.known_until(rows[PART].to_numpy(dtype=object)))
    known = until if prompted is None else prompted.known_until(rows, until)
    outlook = Outlook.of(rows, failures, known)
    for name, task in contract.tasks.items():
        if task.kind == "rul":
            columns[f"{TARGET}{name}"], columns[f"bound_{name}"] = remaining_life(outlook)
            continue
        if task.kind in STATED:
            columns |= targets(rows, labels, name, task, contract, until)
            continue
        # the contract's rules demand both of this kind of task
        lengths = {word: getattr(task, word).ticks for word in ("horizon", "lead_time")}
        columns[f"{TARGET}{name}"] = label_failures(outlook, **lengths)
        columns[f"next_failure_{name}"] = outlook.next_failure()
        columns[f"wait_{name}"], columns[f"seen_{name}"] = failure_wait(outlook, lead_time=lengths["lead_time"])
        for mode in sorted(failures[MODE].unique()) if task.modes else []:
            known = until if prompted is None else prompted.known_until(rows, until, mode)
            of_mode = Outlook.of(rows, failures[failures[MODE] == mode], known)
            columns[f"{TARGET}{name}__{mode}"] = label_failures(of_mode, **lengths)
    if _TRUE in rows:
        columns[_TRUE] = rows[_TRUE].to_numpy()
    return rows[key].assign(**columns)


def add_truth(rows: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Rows with `p_true`, the probability only the simulation knows; NaN where it says nothing.

    Examples
    --------
    >>> rows = pd.DataFrame({"machine_id": ["a", "b"], "time": [1, 1]})
    >>> truth = pd.DataFrame({"machine_id": ["a"], "time": [1], "p_failure": [0.25]})
    >>> add_truth(rows, truth)["p_true"].tolist()
    [0.25, nan]
    """
    known = truth[[MACHINE, TIME, "p_failure"]].rename(columns={"p_failure": _TRUE})
    return rows.merge(known, on=[MACHINE, TIME], how="left")

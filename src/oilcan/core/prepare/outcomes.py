"""What a column says ahead of each row: the targets of tasks of kind `class` and `number`.

A state or value holds from the instant at which it is stated until the next statement of the same
machine. The outcome at t is the last one stated at or before t + lead_time.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from oilcan.contract import Contract, Task
from oilcan.core.timeline.groups import exact, units_per_tick
from oilcan.ground.columns import MACHINE, TARGET, TIME

STATED = ("class", "number")


def outcome_column(task: str) -> str:
    """Column of the rows that carries the outcome of a task until it becomes its target.

    Examples
    --------
    >>> outcome_column("grade")
    'outcome_grade'
    """
    return f"outcome_{task}"


def value_ahead(rows: pd.DataFrame, stated: pd.DataFrame, column: str, *, ahead: float) -> pd.Series:
    """Value of `column` that holds `ahead` ticks after each row, missing where none was stated until then.

    Parameters
    ----------
    rows
        machine_id and time, in any order.
    stated
        machine_id, time and `column`, sorted by machine and time; missing values state nothing.

    Returns
    -------
    Shape (n,), in the order of `rows`.

    Examples
    --------
    >>> rows = pd.DataFrame({"machine_id": ["a", "a", "b"], "time": [1, 4, 4]})
    >>> stated = pd.DataFrame({"machine_id": ["a", "a"], "time": [2, 5], "state": ["good", "worn"]})
    >>> value_ahead(rows, stated, "state", ahead=1).tolist()
    ['good', 'worn', nan]
    """
    known = stated[stated[column].notna()].reset_index(drop=True)
    code, machines = pd.factorize(known[MACHINE])
    until = exact(rows[TIME]) + round(ahead * units_per_tick(rows[TIME]))
    moments, moment = np.unique(exact(known[TIME]), return_inverse=True)
    width = len(moments) + 1
    keys = code * width + moment                    # ascending: machines in order of appearance, times sorted
    owner = machines.get_indexer(pd.Index(rows[MACHINE]))
    at = np.searchsorted(keys, owner * width + np.searchsorted(moments, until, side="right")) - 1
    is_own = (owner >= 0) & (at >= 0) & (code[np.maximum(at, 0)] == owner) if len(known) else np.zeros(len(rows), bool)
    return known[column].reindex(np.where(is_own, at, len(known))).reset_index(drop=True)


def stated_in_telemetry(telemetry: pd.DataFrame, picked: np.ndarray, contract: Contract) -> dict[str, pd.Series]:
    """Outcomes that the readings themselves state, by `outcome_column`, for the picked rows.

    An outcome later than the machine's last reading is unknown, so it is missing.
    """
    found: dict[str, pd.Series] = {}
    if TIME not in telemetry:
        return found
    rows = telemetry[[MACHINE, TIME]].iloc[picked].reset_index(drop=True)
    last = telemetry.groupby(MACHINE, sort=False)[TIME].last()
    end = exact(rows[MACHINE].map(last).astype(telemetry[TIME].dtype))
    for name, task in contract.tasks.items():
        if task.kind in STATED and task.column is not None and task.column in telemetry:
            ticks = task.lead_time.ticks if task.lead_time else 0.0
            value = value_ahead(rows, telemetry, task.column, ahead=ticks)
            later = exact(rows[TIME]) + round(ticks * units_per_tick(rows[TIME])) > end
            found[outcome_column(name)] = value.mask(later)
    return found


def targets(rows: pd.DataFrame, labels: pd.DataFrame | None, name: str, task: Task, contract: Contract,
            until: np.ndarray | None) -> Mapping[str, np.ndarray]:
    """Target columns of a `class` or `number` task.

    Parameters
    ----------
    rows
        With the outcome that the readings state, or else with the task's column (independent rows).
    labels
        The canonical table `labels`, if the contract has one.
    until
        Last exact time that is known of each row's machine, shape (n,); None for independent rows.

    Returns
    -------
    number: `target_<name>`, NaN where unknown. class: `target_<name>`, the place of the class in the
    contract's `values`, and for each class `target_<name>__<class>`, 1, 0 or NaN.
    """
    ticks, column = (task.lead_time.ticks if task.lead_time else 0.0), str(task.column)
    if until is None:
        outcome = rows[column]
    elif outcome_column(name) in rows:
        outcome = rows[outcome_column(name)]
    else:
        assert labels is not None  # noqa: S101  # for mypy; the contract's rules demand the table
        outcome = value_ahead(rows, labels, column, ahead=ticks)
    if until is not None:
        later = exact(rows[TIME]) + round(ticks * units_per_tick(rows[TIME])) > until
        outcome = outcome.reset_index(drop=True).mask(later)
    if task.kind == "number":
        return {f"{TARGET}{name}": outcome.astype("float64").to_numpy(dtype=np.float64, na_value=np.nan)}
    classes = contract.classes(name)
    code = pd.Index(classes).get_indexer(outcome.astype("object"))
    known = code >= 0
    found = {f"{TARGET}{name}": np.where(known, code, np.nan).astype(np.float64)}
    for at, each in enumerate(classes):
        found[f"{TARGET}{name}__{each}"] = np.where(known, code == at, np.nan).astype(np.float64)
    return found

"""How long do machines live between failures? Lives from the record, and their survival curve."""

import numpy as np
import pandas as pd

from oilcan.ground.columns import MACHINE, TIME, ticks


def lives(start: pd.Series, end: pd.Series, failures: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of lives in ticks, and which ended in a failure.

    A life runs from the start of observation, or the last failure, to the next failure or the end of
    observation. What happened before observation began is unknown, so the first life of a machine may
    look shorter than it was; repairs other than failures do not end a life.

    Parameters
    ----------
    start, end
        First and last tick of observation by machine, indexed by machine_id.
    failures
        Canonical failures; those of other machines, or outside (start, end], are left out.

    Returns
    -------
    Lengths, shape (n_lives,), and flags of the same shape.

    Examples
    --------
    >>> failures = pd.DataFrame({"machine_id": ["a", "a"], "time": [10, 25]})
    >>> lives(pd.Series({"a": 0.0}), pd.Series({"a": 30.0}), failures)
    (array([10., 15.,  5.]), array([ True,  True, False]))
    """
    ended = failures[[MACHINE, TIME]].drop_duplicates()
    ended = pd.DataFrame({"who": ended[MACHINE].to_numpy(), "tick": ticks(ended[TIME]) if len(ended) else [],
                          "failed": True})
    ended = ended[ended["who"].isin(start.index)]
    tick = ended["tick"].to_numpy(dtype=np.float64)
    inside = (tick > start.loc[ended["who"]].to_numpy()) & (tick <= end.loc[ended["who"]].to_numpy())
    stops = pd.DataFrame({"who": end.index, "tick": end.to_numpy(), "failed": False})
    spans = pd.concat([ended[inside], stops]) if inside.any() else stops
    spans = spans.sort_values(["who", "tick", "failed"], ascending=[True, True, False], kind="stable")
    before = spans.groupby("who", sort=False)["tick"].shift()
    before = before.fillna(spans["who"].map(start))
    length = (spans["tick"] - before).to_numpy(dtype=np.float64)
    return length[length > 0], spans["failed"].to_numpy(dtype=bool)[length > 0]


def kaplan_meier(lives: np.ndarray, failed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of lives longer than each length: Kaplan and Meier 1958, JASA 53(282).

    Returns
    -------
    Lengths at which a life ended in a failure, led by 0, and the share that outlived each, led by 1.

    Examples
    --------
    >>> kaplan_meier(np.array([1.0, 2.0, 2.0, 3.0]), np.array([True, True, False, True]))
    (array([0., 1., 2., 3.]), array([1.  , 0.75, 0.5 , 0.  ]))
    """
    length, which = np.unique(lives[failed], return_inverse=True)
    ends = np.bincount(which, minlength=len(length))
    at_risk = len(lives) - np.searchsorted(np.sort(lives), length, side="left")
    survival = np.cumprod(1.0 - ends / at_risk)
    return np.concatenate([[0.0], length]), np.concatenate([[1.0], survival])


def median_life(lives: np.ndarray, failed: np.ndarray) -> float | None:
    """Length that half the lives outlive; the longest failed one if more do; None without a failure.

    Examples
    --------
    >>> median_life(np.array([10.0, 20.0, 30.0]), np.array([True, True, False]))
    20.0
    """
    if not failed.any():
        return None
    length, survival = kaplan_meier(lives, failed)
    return float(length[min(int(np.searchsorted(-survival, -0.5)), len(length) - 1)])


def age(machine_id: np.ndarray | pd.Series, tick: np.ndarray, start: pd.Series, *events: pd.DataFrame) -> np.ndarray:
    """Ticks since the last of the events at or before each row, or since the start of observation.

    Parameters
    ----------
    machine_id, tick
        Rows, shape (n,), sorted by machine, then time.
    start
        First tick of observation by machine, indexed by machine_id.
    events
        Canonical event tables: machine_id, time.

    Examples
    --------
    >>> failures = pd.DataFrame({"machine_id": ["a"], "time": [10]})
    >>> age(np.array(["a", "a"]), np.array([9.0, 12.0]), pd.Series({"a": 1.0}), failures)
    array([8., 2.])
    """
    code, machines = pd.factorize(machine_id)
    happened = [(start.index, start.to_numpy(dtype=np.float64))]
    happened += [(pd.Index(table[MACHINE]), ticks(table[TIME])) for table in events if len(table)]
    who = np.concatenate([pd.Index(machines).get_indexer(index) for index, _ in happened])
    when = np.concatenate([instants for _, instants in happened])
    order = np.lexsort((when, who))
    who, when = who[order], when[order]
    of_machine = np.searchsorted(who, np.arange(len(machines) + 1))      # where the events of each begin
    first = np.flatnonzero(np.diff(code, prepend=-1))
    ages = np.zeros(len(tick))
    for begin, length in zip(first, np.diff(first, append=len(code)), strict=True):
        rows = tick[begin : begin + length]
        instants = when[slice(*of_machine[code[begin] : code[begin] + 2])]
        last = np.searchsorted(instants, rows, side="right") - 1
        ages[begin : begin + length] = np.where(last < 0, 0.0, rows - np.append(instants, 0.0)[last])
    return np.maximum(ages, 0.0)

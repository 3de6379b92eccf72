"""What came true after each row: did the machine fail in time, and how long did it last?

The label at t is 1 iff a failure falls in (t + lead_time, t + lead_time + horizon]. Where the
interval extends past the observation and no failure was seen in it, the outcome is unknown: the label is NaN
(censored), never 0. The time after a failure is the machine's next life. Terms: Salfner,
Lenk, Malek, ACM CSUR 42(3), 2010 (lead time, prediction period).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from oilcan.core.timeline.groups import exact, units_per_tick
from oilcan.ground.columns import MACHINE, TIME

NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Outlook:
    """The failures that lie ahead of each row, and until when its machine was observed.

    Attributes
    ----------
    time
        Exact time of each row (microseconds or cycles), shape (n,).
    until
        Last exact time at which the row's machine was observed, shape (n,). A failure later than
        that is not seen.
    """

    time: np.ndarray
    until: np.ndarray
    _per_tick: int
    _machine: np.ndarray         # (n,) number of the row's machine
    _moments: np.ndarray         # distinct failure times, ascending
    _keys: np.ndarray            # machine number and moment of each failure in one integer, ascending

    @classmethod
    def of(cls, rows: pd.DataFrame, failures: pd.DataFrame, until: np.ndarray) -> "Outlook":
        """Failures ahead of `rows`; both have machine_id and time, in any order.

        Examples
        --------
        >>> rows = pd.DataFrame({"machine_id": ["a", "a"], "time": [1, 4]})
        >>> failures = pd.DataFrame({"machine_id": ["a"], "time": [4], "mode": ["seal"]})
        >>> Outlook.of(rows, failures, np.array([6, 6])).next_failure().tolist()
        [3.0, inf]
        """
        number, machines = pd.factorize(rows[MACHINE])
        of_failure = machines.get_indexer(pd.Index(failures[MACHINE]))
        moments, moment = np.unique(exact(failures[TIME])[of_failure >= 0], return_inverse=True)
        keys = np.unique(of_failure[of_failure >= 0] * (len(moments) + 1) + moment)
        return cls(exact(rows[TIME]), until, units_per_tick(rows[TIME]), number, moments, keys)

    def first_after(self, time: np.ndarray) -> np.ndarray:
        """Exact time of the row's first failure strictly after `time` that was seen, else NEVER."""
        wanted = self._machine * (len(self._moments) + 1) + np.searchsorted(self._moments, time, side="right")
        at = np.searchsorted(self._keys, wanted)
        hit = np.append(self._keys, -1)[np.minimum(at, len(self._keys))]
        owner, moment = np.divmod(hit, len(self._moments) + 1)
        is_own = (hit >= 0) & (owner == self._machine)
        found = np.append(self._moments, NEVER)[np.where(is_own, moment, len(self._moments))]
        return np.where(found <= self.until, found, NEVER)

    def exact_length(self, ticks: float) -> int:
        """A length of hours or cycles in exact units."""
        return round(ticks * self._per_tick)

    def ticks(self, length: np.ndarray) -> np.ndarray:
        """Exact lengths as hours or cycles."""
        return length / self._per_tick

    def next_failure(self) -> np.ndarray:
        """Ticks until the machine's next failure that was seen, inf if none was."""
        found = self.first_after(self.time)
        return np.where(found == NEVER, np.inf, self.ticks(found - self.time))

    def is_failure(self) -> np.ndarray:
        """True for rows at the instant of a failure of their machine."""
        return self.first_after(self.time - 1) == self.time


def observed_until(
    rows: pd.DataFrame, machines: pd.DataFrame, failures: pd.DataFrame, *, tolerance: float
) -> np.ndarray:
    """Last exact time at which each row's machine was observed.

    That is its last reading; the fleet's last reading for machines that still reported less than
    `tolerance` ticks before it (instants only: cycles of two machines do not run side by side); and
    at least its last recorded failure, for the log was kept until then.

    Parameters
    ----------
    rows, failures
        With machine_id and time.
    machines
        With machine_id and last_time, one row per machine.
    tolerance
        Usual longest silence of a running machine, in ticks.

    Returns
    -------
    Shape (n,), int64.

    Examples
    --------
    >>> machines = pd.DataFrame({"machine_id": ["a", "b"], "last_time": [9, 5]})
    >>> rows = pd.DataFrame({"machine_id": ["a", "b"], "time": [1, 1]})
    >>> failures = pd.DataFrame({"machine_id": ["b"], "time": [7]})
    >>> observed_until(rows, machines, failures, tolerance=1).tolist()
    [9, 7]
    """
    last = exact(machines["last_time"])
    per_tick = units_per_tick(machines["last_time"])
    if per_tick > 1 and len(last):
        still_runs = last >= last.max() - round(tolerance * per_tick)
        last = np.where(still_runs, last.max(), last)
    ends = pd.Series(last, index=pd.Index(machines[MACHINE]))
    logged = pd.Series(exact(failures[TIME]), index=pd.Index(failures[MACHINE])).groupby(level=0).max()
    ends = np.maximum(ends, logged.reindex(ends.index).fillna(np.iinfo(np.int64).min).astype("int64"))
    return ends.reindex(rows[MACHINE]).to_numpy(dtype=np.int64)


def label_failures(outlook: Outlook, *, horizon: float, lead_time: float) -> np.ndarray:
    """Whether a failure falls in (t + lead_time, t + lead_time + horizon]: 1, 0, or NaN where censored.

    Parameters
    ----------
    outlook
        Failures ahead of each row, of all modes or of one.
    horizon, lead_time
        In ticks.

    Returns
    -------
    Shape (n,), float64.

    Examples
    --------
    >>> rows = pd.DataFrame({"machine_id": "a", "time": [1, 4, 7, 8]})
    >>> failures = pd.DataFrame({"machine_id": ["a"], "time": [7]})
    >>> label_failures(Outlook.of(rows, failures, np.full(4, 11)), horizon=2, lead_time=1).tolist()
    [0.0, 1.0, 0.0, 0.0]
    >>> label_failures(Outlook.of(rows, failures, np.full(4, 10)), horizon=2, lead_time=1).tolist()
    [0.0, 1.0, 0.0, nan]
    """
    opens = outlook.time + outlook.exact_length(lead_time)
    closes = opens + outlook.exact_length(horizon)
    fails = outlook.first_after(opens) <= closes
    return np.where(fails, 1.0, np.where(closes > outlook.until, np.nan, 0.0))


def failure_wait(outlook: Outlook, *, lead_time: float) -> tuple[np.ndarray, np.ndarray]:
    """Ticks from t + lead_time until the first failure after it, and how long that was watched for.

    Whoever asks whether a failure came within h takes the rows watched for at least h: to keep a shorter one only
    where its failure was seen would make failures look too frequent.

    Returns
    -------
    wait
        NaN where no failure was seen, shape (n,).
    seen
        Ticks from t + lead_time to the end of observation, shape (n,), >= 0.

    Examples
    --------
    >>> rows = pd.DataFrame({"machine_id": "a", "time": [1, 4]})
    >>> failures = pd.DataFrame({"machine_id": ["a"], "time": [4]})
    >>> [v.tolist() for v in failure_wait(Outlook.of(rows, failures, np.full(2, 6)), lead_time=1)]
    [[2.0, nan], [4.0, 1.0]]
    """
    opens = outlook.time + outlook.exact_length(lead_time)
    found = outlook.first_after(opens)
    wait = np.where(found == NEVER, np.nan, outlook.ticks(np.where(found == NEVER, opens, found) - opens))
    return wait, outlook.ticks(np.maximum(outlook.until - opens, 0))


def remaining_life(outlook: Outlook) -> tuple[np.ndarray, np.ndarray]:
    """Ticks until the next failure, NaN where censored; and the ticks that are certain.

    Returns
    -------
    target
        Uncapped remaining life, NaN where no failure was seen, shape (n,).
    bound
        The same where known; where censored, how long the machine was seen to go on: the remaining
        life is at least that. Shape (n,), >= 0.

    Examples
    --------
    >>> rows = pd.DataFrame({"machine_id": "a", "time": [1, 4]})
    >>> failures = pd.DataFrame({"machine_id": ["a"], "time": [4]})
    >>> [values.tolist() for values in remaining_life(Outlook.of(rows, failures, np.full(2, 6)))]
    [[3.0, nan], [3.0, 2.0]]
    """
    ahead = outlook.next_failure()
    target = np.where(np.isinf(ahead), np.nan, ahead)
    seen = outlook.ticks(np.maximum(outlook.until - outlook.time, 0))
    return target, np.where(np.isnan(target), seen, target)

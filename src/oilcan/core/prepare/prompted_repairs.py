"""Repairs that an alarm prompted: what nobody knows because somebody acted.

A repair that an alarm prompted prevents the failure. To call the alarm false because no failure came would teach the
next model not to warn. So the rows before such a repair have no outcome, unless the crew recorded what it found:

- `worn`: the failure was averted. It counts as one, at the moment of the repair.
- `sound`: nothing was prevented; the rows keep the outcome that the record shows.
- `not_looked`, or nothing: the outcome is unknown.

An alarm prompts a repair of its machine from its opening until it is closed, or, if somebody acknowledged it, until
horizon and lead time after that. The component of an alarm is not known, so a repair of any component counts. Where
time is no calendar, alarms cannot be compared with repairs, and nothing is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from oilcan.core.prepare.labels import NEVER
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import COMPONENT, FINDING, KEY, MACHINE, MODE, TIME

_KEY: Final = [MACHINE, TIME, "task"]
_STATES: Final = ("acknowledged", "closed", "found")
WORN: Final = "worn"
SOUND: Final = "sound"


@dataclass(frozen=True)
class PromptedRepairs:
    """What prompted repairs say about outcomes.

    Attributes
    ----------
    averted
        Failures that a repair averted: machine_id, time, mode.
    cuts
        Repairs before which outcomes are unknown: machine_id, time, component.
    counts
        Prompted repairs by what was found: worn, sound, unknown.
    """

    averted: pd.DataFrame
    cuts: pd.DataFrame
    counts: dict[str, int]

    def judged_failures(self, failures: pd.DataFrame) -> pd.DataFrame:
        """Failures by which rows are labelled and alarms judged: those that came, and those that were averted."""
        if self.averted.empty:
            return failures
        both = pd.concat([failures, self.averted], ignore_index=True)
        return both.sort_values([*KEY, MODE], kind="stable", ignore_index=True)

    def known_until(self, rows: pd.DataFrame, until: np.ndarray, mode: str | None = None) -> np.ndarray:
        """Last exact time at which the outcome of each row is known: `until`, or the next cut of its machine.

        Parameters
        ----------
        mode
            Only cuts of this component count, or of an unknown one; None for all.
        """
        cuts = self.cuts if mode is None else self.cuts[self.cuts[COMPONENT].isin([mode]) | self.cuts[COMPONENT].isna()]
        return np.minimum(until, next_of_machine(rows, cuts))


def next_of_machine(rows: pd.DataFrame, events: pd.DataFrame) -> np.ndarray:
    """Exact time of the next event of each row's machine, strictly after the row; `NEVER` if there is none.

    Examples
    --------
    >>> rows = pd.DataFrame({"machine_id": ["a", "a", "b"], "time": [1, 5, 1]})
    >>> events = pd.DataFrame({"machine_id": ["a"], "time": [5]})
    >>> (next_of_machine(rows, events) == [5, NEVER, NEVER]).tolist()
    [True, True, True]
    """
    found = np.full(len(rows), NEVER)
    if events.empty:
        return found
    times = {str(machine): np.sort(exact(group[TIME])) for machine, group in events.groupby(MACHINE)}
    time = exact(rows[TIME])
    for machine, at in rows.groupby(MACHINE, sort=False).indices.items():
        if str(machine) in times:
            mine = times[str(machine)]
            found[at] = np.append(mine, NEVER)[np.searchsorted(mine, time[at], side="right")]
    return found


def latest_states(alarms: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One row for each alarm, as it was when it changed last; sorted by machine and time.

    Parameters
    ----------
    alarms
        Each with machine_id, time, task, acknowledged, closed, finding, found.

    Examples
    --------
    >>> day = pd.Timestamp("2024-05-01", tz="UTC")
    >>> raised = pd.DataFrame({"machine_id": ["a"], "time": [day], "task": ["failure"], "acknowledged": [pd.NaT],
    ...                        "closed": [pd.NaT], "finding": [None], "found": [pd.NaT]})
    >>> seen = raised.assign(acknowledged=day, found=day, finding="worn")
    >>> latest_states([seen, raised])["finding"].tolist()
    ['worn']
    """
    joined = pd.concat(alarms, ignore_index=True)
    for name in _STATES:
        joined[name] = pd.to_datetime(joined[name], utc=True).astype("datetime64[us, UTC]")
    changed = joined[list(_STATES)].max(axis=1)
    order = changed.fillna(pd.Timestamp(0, tz="UTC")).argsort(kind="stable")
    latest = joined.iloc[order].drop_duplicates(_KEY, keep="last")
    return latest.sort_values(_KEY, kind="stable", ignore_index=True)


def settle(maintenance: pd.DataFrame, alarms: pd.DataFrame, look_ahead: float) -> PromptedRepairs:
    """Which repairs an alarm prompted, and what is known of each.

    Parameters
    ----------
    maintenance
        Canonical; a column `finding` counts before that of the alarm.
    alarms
        One row for each alarm, as `latest_states` gives them.
    look_ahead
        Horizon and lead time together, in ticks.

    Examples
    --------
    >>> day = pd.Timestamp("2024-05-01", tz="UTC")
    >>> hour = pd.Timedelta(hours=1)
    >>> alarm = pd.DataFrame({"machine_id": ["a"], "time": [day], "acknowledged": [day + hour], "closed": [pd.NaT],
    ...                       "finding": [None]})
    >>> work = pd.DataFrame({"machine_id": ["a", "a"], "time": [day + 9 * hour, day - hour], "component": "seal"})
    >>> settle(work, alarm, look_ahead=84.0).cuts["time"].tolist() == [day + 9 * hour]
    True
    """
    if alarms.empty or maintenance.empty or not isinstance(maintenance[TIME].dtype, pd.DatetimeTZDtype):
        return _settled(maintenance.iloc[:0])
    seen_until = pd.to_datetime(alarms["acknowledged"], utc=True) + pd.Timedelta(hours=look_ahead)
    ends = np.where(alarms["closed"].isna(), NEVER, np.maximum(_or_zero(alarms["closed"]), _or_zero(seen_until)))
    spans = pd.DataFrame({MACHINE: alarms[MACHINE].astype("str"), "opens": exact(alarms[TIME]), "ends": ends,
                          "of_alarm": alarms[FINDING].to_numpy(dtype=object)})
    work = maintenance.assign(row=np.arange(len(maintenance)), at=exact(maintenance[TIME]))
    both = work.merge(spans, on=MACHINE, how="inner")
    both = both[(both["opens"] < both["at"]) & (both["at"] <= both["ends"])]
    # a finding is about one visit
    is_first = both["at"] == both.groupby([MACHINE, "opens"])["at"].transform("min")
    both["of_alarm"] = both["of_alarm"].where(is_first)
    both = both.sort_values(["row", "opens"], kind="stable").drop_duplicates("row", keep="last")
    own = both[FINDING].to_numpy(dtype=object) if FINDING in maintenance else np.full(len(both), None)
    return _settled(both.assign(settled=np.where(pd.isna(own), both["of_alarm"].to_numpy(dtype=object), own)))


def _or_zero(moments: pd.Series) -> np.ndarray:
    return exact(pd.to_datetime(moments, utc=True).fillna(pd.Timestamp(0, tz="UTC")))


def _settled(prompted: pd.DataFrame) -> PromptedRepairs:
    finding = prompted["settled"] if "settled" in prompted else pd.Series([], dtype="str")
    worn, sound = (finding == WORN).to_numpy(bool), (finding == SOUND).to_numpy(bool)
    events = prompted.reindex(columns=[MACHINE, TIME, COMPONENT])
    averted = events[worn].rename(columns={COMPONENT: MODE})
    cuts = events[~(worn | sound)]
    counts = {WORN: int(worn.sum()), SOUND: int(sound.sum()), "unknown": len(cuts)}
    return PromptedRepairs(averted.reset_index(drop=True), cuts.reset_index(drop=True), counts)

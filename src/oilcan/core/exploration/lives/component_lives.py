"""How long does each component live? Spells from one renewal to the next failure, planned work or end of record."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.core.exploration.fleet_record import FleetRecord
from oilcan.ground.columns import COMPONENT, MACHINE, MODE, TIME, ticks

REPAIR: Final = 72.0  # ticks after a failure within which work on the same component is its repair
START, FAILURE, PLANNED = "start of record", "failure", "planned work"


@dataclass(frozen=True)
class Spells:
    """Lives of one component.

    Attributes
    ----------
    table
        machine_id, start and end [ticks], failed, began (`start of record`, `failure`, `planned work`), in order of
        machine and start.
    from_birth
        Whether a life that begins with the record begins new (run to failure), so that it counts in full.
    repair_times
        Ticks from a failure to its repair, where maintenance records say so.
    """

    mode: str
    table: pd.DataFrame
    from_birth: bool
    repair_times: np.ndarray

    def dated(self) -> pd.DataFrame:
        """Spells whose beginning is known; all of them where too few began within the record."""
        inside = self.table[self.table["began"] != START]
        return self.table if self.from_birth or inside["failed"].sum() < 5 else inside

    @property
    def age_is_unknown(self) -> bool:
        """Whether lives had to be counted from the start of the record although machines were older."""
        return not self.from_birth and (self.table[self.table["began"] != START]["failed"].sum() < 5)


def spells(fleet: FleetRecord, mode: str | None) -> Spells:
    """Spells of the component that fails in `mode`; of whole machines if `mode` is None.

    Planned work renews a component only if its maintenance records name it as the failure mode does.
    """
    failures, work = fleet.failures, fleet.maintenance
    if mode is not None:
        failures = failures[failures[MODE] == mode]
        work = work[work[COMPONENT] == mode] if COMPONENT in work else work.iloc[:0]
    known = fleet.machines[fleet.machines[MACHINE].isin(fleet.known_until.index)]
    start = pd.Series(ticks(known["first_time"]), index=pd.Index(known[MACHINE]))
    end = np.minimum(pd.Series(ticks(known["last_time"]), index=start.index), fleet.known_until.reindex(start.index))
    by_end = fleet.contract.failures.source in {"end_of_life", "flag"}
    if by_end:
        last = failures.groupby(MACHINE)[TIME].max()
        end = np.maximum(end, pd.Series(ticks(last), index=last.index).reindex(end.index).fillna(-np.inf))
    events = _events(failures, work if mode is not None else work.iloc[:0])
    events = events[events["who"].isin(start.index)]
    inside = (events["tick"] > events["who"].map(start)) & (events["tick"] <= events["who"].map(end))
    events, repairs = _without_repairs(events[inside])
    closing = pd.DataFrame({"who": end.index, "tick": end.to_numpy(), "what": "end"})
    all_events = pd.concat([events, closing]).sort_values(["who", "tick"], kind="stable").reset_index(drop=True)
    before = all_events.groupby("who", sort=False).shift()
    table = pd.DataFrame(
        {
            MACHINE: all_events["who"],
            "start": before["tick"].fillna(all_events["who"].map(start)).astype(np.float64),
            "end": all_events["tick"].astype(np.float64),
            "failed": all_events["what"] == FAILURE,
            "began": before["what"].fillna(START),
        }
    )
    return Spells(mode or "any", table[table["end"] > table["start"]].reset_index(drop=True), by_end, repairs)


def _events(failures: pd.DataFrame, work: pd.DataFrame) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"who": table[MACHINE].astype(str), "tick": ticks(table[TIME]), "what": what})
        for table, what in ((failures, FAILURE), (work, PLANNED))
        if len(table)
    ]
    if not parts:
        return pd.DataFrame(
            {"who": pd.Series(dtype=str), "tick": pd.Series(dtype=np.float64), "what": pd.Series(dtype=str)}
        )
    return pd.concat(parts).drop_duplicates().sort_values(["who", "tick", "what"], kind="stable").reset_index(drop=True)


def _without_repairs(events: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Events without the work that repairs a failure, and how long after the failure that work came."""
    before = events.groupby("who", sort=False).shift()
    wait = events["tick"] - before["tick"]
    is_repair = ((events["what"] == PLANNED) & (before["what"] == FAILURE) & (wait <= REPAIR)).to_numpy(dtype=bool)
    return events[~is_repair], wait[is_repair].to_numpy(dtype=np.float64)


def clusters(fleet: FleetRecord) -> dict[str, Any]:
    """Whether failures come together: the instants at which many machines fail, and the months with most failures."""
    failures = fleet.failures
    if not len(failures) or fleet.contract.time.kind != "instant":
        return {"failures": len(failures), "same_instant": []}
    per_instant = failures.groupby(TIME)[MACHINE].nunique().sort_values(ascending=False)
    many = per_instant[per_instant >= max(3, 0.02 * len(failures))]
    per_month = failures[TIME].dt.strftime("%Y-%m").value_counts().sort_index()
    months = {str(month): int(count) for month, count in per_month.items()}
    return {
        "failures": len(failures),
        "by_month": months,
        "same_instant": [{"time": str(time), "machines": int(count)} for time, count in many.head(5).items()],
    }


def maintenance_rhythm(fleet: FleetRecord) -> dict[str, float] | None:
    """The interval at which maintenance of a machine usually comes, and the share of intervals that are it.

    None where fewer than a third of the intervals agree to within half a day (or half a cycle).
    """
    work = fleet.maintenance
    if len(work) < 20:
        return None
    tick = pd.DataFrame({"who": work[MACHINE].to_numpy(), "tick": ticks(work[TIME])}).drop_duplicates()
    tick = tick.sort_values(["who", "tick"], kind="stable")
    step = tick.groupby("who")["tick"].diff().dropna().to_numpy()
    grain = fleet.grain
    intervals, counts = np.unique(np.round(step / grain), return_counts=True)
    if not len(intervals):
        return None
    best = float(intervals[counts.argmax()])
    # a visit that is skipped gives a multiple of the interval
    share = float(np.isin(np.round(step / grain) % best if best else step, [0.0]).mean()) if best > 1 else 0.0
    if best <= 1 or share < 1 / 3 or counts.max() / len(step) < 0.15:
        return None
    return {"interval": best * grain, "share": share, "intervals": float(len(step))}

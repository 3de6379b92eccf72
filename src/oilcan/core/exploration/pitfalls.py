"""What could mislead a model? Records written at failures, labels that follow the calendar, parts that differ."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import stats

from oilcan.core.exploration.fleet_record import FleetRecord
from oilcan.core.exploration.lives.failure_patterns import FailurePattern
from oilcan.core.exploration.warnings.warning_signs import ModeSigns
from oilcan.core.phrasing.quantities import number, percent
from oilcan.core.robust_statistics import stability_index
from oilcan.ground.columns import CODE, COMPONENT, MACHINE, MODE, PART, TIME, ticks

ENOUGH: Final = 30  # with so many failures an announced share has an interval of about +- 18 points
_TELLING: Final = 3.0  # times as often before failures as at matched times, at least: then an error code is a precursor
_CALENDAR: Final = frozenset({"weekday", "hour of the day", "after maintenance"})
MOVED: Final = 0.2  # population stability index between parts that is worth a line


@dataclass(frozen=True)
class Pitfall:
    """One thing to know before training: what it is, how it was seen, what to do."""

    kind: str
    what: str
    evidence: str
    advice: str


def written_at_failures(fleet: FleetRecord) -> list[Pitfall]:
    """Kinds of records written at the instant of a failure: a feature made of them would leak the label.

    A kind is reported if at least a tenth of its records, and five of them, share instant and machine with a failure.
    """
    found = []
    keys = set(zip(fleet.failures[MACHINE], fleet.failures[TIME], strict=True)) if TIME in fleet.failures else set()
    for what, table, column in (("error", fleet.errors, CODE), ("maintenance", fleet.maintenance, COMPONENT)):
        if not len(table) or not keys:
            continue
        at = pd.Series([key in keys for key in zip(table[MACHINE], table[TIME], strict=True)], index=table.index)
        for kind, share in at.groupby(table[column].astype(str)).mean().items():
            count = int(at[table[column].astype(str) == kind].sum())
            if share >= 0.1 and count >= 5:
                found.append(
                    Pitfall(
                        "written at the failure",
                        f"{what} {kind}",
                        f"{count} of its records ({percent(share)}) carry the instant of a failure of their machine",
                        "Use only what stands strictly before a row; the features do. Check that no column repeats it.",
                    )
                )
    return found


def too_few_failures(failures: dict[str, int]) -> list[Pitfall]:
    """Modes with too few failures to judge a forecast, with the precision that their number allows."""
    found = []
    for mode, count in failures.items():
        if count < ENOUGH:
            half = stats.binomtest(round(0.7 * count), count).proportion_ci(0.95, "exact") if count else None
            says = (
                f"with {count} failures, 70 % announced in time could mean anything from {percent(half.low)} to "
                f"{percent(half.high)}"
                if half
                else "there is no failure to learn from"
            )
            advice = f"About {needed(0.1)} failures give an interval of +- 10 points, {needed(0.18)} one of +- 18."
            found.append(Pitfall("too few failures", str(mode), says, advice))
    return found


def needed(half_width: float, share: float = 0.7) -> int:
    """Failures needed for a 95 % interval of this half width about an announced share.

    Examples
    --------
    >>> needed(0.1), needed(0.2)
    (81, 21)
    """
    return int(np.ceil(1.96**2 * share * (1 - share) / half_width**2))


def parts_differ(fleet: FleetRecord, rows: pd.DataFrame, machines: pd.DataFrame, kinds: list[str]) -> list[Pitfall]:
    """Kinds of machines, seasons and conditions that differ between training and test rows; never test labels."""
    training, test = (rows[rows[PART] == part] for part in ("train", "test"))
    if not len(training) or not len(test):
        return []
    found = []
    for name in kinds:
        of = machines.set_index(MACHINE)[name].astype(str)
        found += _compare(f"machines by {name}", training[MACHINE].map(of), test[MACHINE].map(of))
    if TIME in rows and fleet.unit == "h":
        seasons = [part[TIME].dt.quarter.astype(str).radd("quarter ") for part in (training, test)]
        found += _compare("season", *seasons)
    for name in fleet.columns("condition"):
        values = [_of_machines(fleet, name, part) for part in (training, test)]
        if min(len(v) for v in values) > 100:
            edges = np.unique(np.quantile(values[0], np.linspace(0, 1, 11)[1:-1]))
            found += _compare(
                f"condition {fleet.describe(name)[0]}",
                *(pd.Series(np.searchsorted(edges, v)).astype(str) for v in values),
            )
    return found


def _of_machines(fleet: FleetRecord, name: str, rows: pd.DataFrame) -> np.ndarray:
    """Readings of a condition in the span of time, and of the machines, of these rows."""
    mine = np.isin(fleet.names, rows[MACHINE].unique().astype(str))[fleet.code]
    if TIME in rows:
        mine &= (fleet.tick >= ticks(rows[TIME]).min()) & (fleet.tick <= ticks(rows[TIME]).max())
    column = fleet.readings[name].to_numpy(dtype=np.float64, na_value=np.nan)[mine]
    return column[~np.isnan(column)]


def _compare(what: str, training: pd.Series, test: pd.Series) -> list[Pitfall]:
    shares = pd.concat([training.value_counts(normalize=True), test.value_counts(normalize=True)], axis=1).fillna(0.0)
    shares.columns = ["training", "test"]
    low = shares.clip(lower=0.0005)
    index = float(stability_index(low["test"].to_numpy(), low["training"].to_numpy()))
    if index < MOVED:
        return []
    most = (shares["test"] - shares["training"]).abs().sort_values(ascending=False).index[0]
    return [
        Pitfall(
            "training and test differ",
            what,
            f"stability index {number(index)}; {most}: {percent(shares.loc[most, 'training'])} of training rows, "
            f"{percent(shares.loc[most, 'test'])} of test rows",
            "Judge the test figures by slice, and expect the served fleet to look like the newest rows.",
        )
    ]


def _warned(fleet: FleetRecord, modes: list[ModeSigns]) -> np.ndarray:
    """Whether a code that announces its mode came before each failure, within its lead; NaN where none does."""
    warned = np.full(len(fleet.failures), np.nan)
    mode_of, tick = fleet.failures[MODE].astype(str).to_numpy(), ticks(fleet.failures[TIME])
    for mode in modes:
        for code in (code for code in mode.codes if code.lead > 0 and code.lift_ci95[0] > _TELLING):
            mine = fleet.errors[fleet.errors[CODE].astype(str) == code.code]
            logged = {name: ticks(part[TIME]) for name, part in mine.groupby(MACHINE)}
            for at in np.flatnonzero(mode_of == mode.mode):
                times = logged.get(fleet.failures[MACHINE].iloc[at], np.zeros(0))
                hit = bool(((times < tick[at]) & (times >= tick[at] - code.lead)).any())
                warned[at] = max(float(hit), np.nan_to_num(warned[at]))
    return warned


def _precursor(here: np.ndarray, elsewhere: np.ndarray) -> str:
    known, others = here[~np.isnan(here)], elsewhere[~np.isnan(elsewhere)]
    if not len(known) or not len(others):
        return "no error code announces failures here, so whether these had a precursor is not known"
    share = float(others.mean())
    ending = ": they have no precursor" if known.mean() < share / 3 else ""
    return (f"a telling error code came before {int(known.sum())} of {len(known)} of them, and before "
            f"{percent(share)} of the other failures{ending}")


def follow_the_calendar(patterns: list[FailurePattern]) -> list[Pitfall]:
    """Failures that follow the hour, the weekday or the maintenance plan: the records may, and not the machines."""
    return [
        Pitfall("failures follow the calendar", f"{pattern.kind}: {pattern.where}",
                f"{pattern.failures} failures, {number(pattern.ratio)} times as many as the time observed explains",
                "Ask whether machines fail then, or records are written then. A model can learn either.")
        for pattern in patterns if pattern.is_sure and pattern.kind in _CALENDAR
    ]  # fmt: skip


def calendar(fleet: FleetRecord, same_instant: list[dict[str, Any]], rhythm: dict[str, float] | None,
             modes: list[ModeSigns]) -> list[Pitfall]:
    """Failures at one instant, and maintenance at a fixed rhythm that failures follow."""
    found = []
    warned = _warned(fleet, modes)
    for instant in same_instant:
        time = instant["time"]
        at_once = (fleet.failures[TIME].astype(str) == time).to_numpy()
        evidence = _precursor(warned[at_once], warned[~at_once])
        found.append(
            Pitfall(
                "failures at one instant",
                f"{int(at_once.sum())} failures of {instant['machines']} machines at {time}",
                evidence,
                "Ask what happened then, a stop or an import of old records. Exclude what is not a breakdown.",
            )
        )
    if rhythm:
        size = rhythm["interval"] / fleet.grain
        found.append(
            Pitfall(
                "maintenance at a fixed rhythm",
                f"every {size:g} {fleet.grain_words}",
                f"{percent(rhythm['share'])} of {rhythm['intervals']:.0f} intervals are this long or a multiple",
                "A model can learn the plan instead of the wear; compare with the policy `periodic`.",
            )
        )
    return found

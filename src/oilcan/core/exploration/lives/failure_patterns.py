"""Do failures come together: in a season, on a weekday, in one week, after maintenance, under an operating condition?

Counts are compared with the time that machines were observed. Instants at which many machines fail at once are left
out, for they are reported by themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from oilcan.core.exploration.fleet_record import HOURS_PER_DAY, FleetRecord
from oilcan.core.exploration.lives.component_lives import REPAIR
from oilcan.core.exploration.warnings.aligned import Aligned, BinMeans, align
from oilcan.core.timeline.groups import minus_group_mean
from oilcan.ground.columns import MACHINE, TIME, ticks

SURE: Final = 0.001             # p-value below which a pattern is reported
FEWEST: Final = 20              # failures; of fewer no pattern is tested
EXPECTED: Final = 5.0           # failures expected in a part of the calendar, at least
SOON: Final = 168.0             # ticks after planned work that count as soon after it
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class FailurePattern:
    """Whether failures follow one thing.

    Attributes
    ----------
    kind
        `season`, `weekday`, `hour of the day`, `week`, `after maintenance`, or a condition's column.
    where
        The part of it that stands out most.
    ratio
        Failures there against those expected; for a condition, its mean before failures less that at matched times, in
        standard deviations.
    failures
        How many failures lie there.
    """

    kind: str
    p_value: float
    where: str
    ratio: float
    failures: int

    @property
    def is_sure(self) -> bool:
        """Whether chance hardly makes it."""
        return self.p_value < SURE


def failure_patterns(fleet: FleetRecord, at_once: list[str], *, back: float) -> list[FailurePattern]:
    """All patterns that could be tested, in a fixed order.

    Parameters
    ----------
    at_once
        Instants at which many machines failed together, as text.
    back
        Look-back before failures in ticks, for conditions.
    """
    failures = fleet.failures[fleet.failures[MACHINE].isin(fleet.known_until.index)]
    failures = failures[~failures[TIME].astype(str).isin(at_once)].drop_duplicates([MACHINE, TIME])
    if len(failures) < FEWEST:
        return []
    on_calendar = _calendar(fleet, failures) if fleet.contract.time.kind == "instant" else ()
    after = _after_maintenance(fleet, failures)
    return [*on_calendar, *([after] if after else []), *_conditions(fleet, failures, back)]


def _calendar(fleet: FleetRecord, failures: pd.DataFrame) -> Iterator[FailurePattern]:
    zone = fleet.contract.time.zone or "UTC"
    local = failures[TIME].dt.tz_convert(zone)
    days, machines = _observed_days(fleet)
    date = pd.DatetimeIndex(pd.to_datetime(days, unit="D", utc=True))
    season = [f"quarter {quarter}" for quarter in range(1, 5)]
    for kind, names, of_day, of_failure in (
        ("season", season, date.quarter - 1, local.dt.quarter - 1),
        ("weekday", list(_WEEKDAYS), date.day_of_week, local.dt.day_of_week),
    ):
        observed = np.bincount(of_day, machines, minlength=len(names))
        yield from _compared(kind, names, np.bincount(of_failure, minlength=len(names)), observed)
    if fleet.period <= HOURS_PER_DAY / 6:
        hours = [f"{hour:02d}:00 to {hour + 4:02d}:00" for hour in range(0, 24, 4)]
        yield from _compared("hour of the day", hours, np.bincount(local.dt.hour // 4, minlength=6), np.ones(6))
    weeks = days // 7
    names = [str(pd.Timestamp(int(week) * 7, unit="D").date()) for week in np.unique(weeks)]
    observed = np.bincount(weeks - weeks[0], machines, minlength=len(names))
    week_of = np.floor(ticks(failures[TIME]) / SOON).astype(np.int64) - weeks[0]
    yield from _compared("week", names, np.bincount(week_of, minlength=len(names)), observed, expected=1.0)


def _observed_days(fleet: FleetRecord) -> tuple[np.ndarray, np.ndarray]:
    """Days since 1970 on which any machine was observed, and how many machines were."""
    machines = fleet.machines[fleet.machines[MACHINE].isin(fleet.known_until.index)]
    first = np.floor(ticks(machines["first_time"]) / HOURS_PER_DAY).astype(np.int64)
    last = np.floor(fleet.known_until.reindex(machines[MACHINE]).to_numpy() / HOURS_PER_DAY).astype(np.int64)
    days = np.arange(first.min(), max(last.max(), first.max()) + 1)
    change = np.zeros(len(days) + 1)
    np.add.at(change, first - days[0], 1)
    np.add.at(change, np.maximum(last, first) - days[0] + 1, -1)
    return days, np.cumsum(change)[:-1]


def _compared(
    kind: str, names: list[str], counts: np.ndarray, observed: np.ndarray, *, expected: float = EXPECTED
) -> Iterator[FailurePattern]:
    """Pearson's test of counts against time observed; nothing where too few failures are expected in most parts."""
    counts, observed = counts[: len(names)].astype(np.float64), observed[: len(names)]
    there = observed > 0
    wanted = observed[there] * counts[there].sum() / observed[there].sum()
    if there.sum() < 2 or np.median(wanted) < expected:
        return
    statistic = ((counts[there] - wanted) ** 2 / wanted).sum()
    most = int(((counts[there] - wanted) / np.sqrt(wanted)).argmax())
    yield FailurePattern(kind, float(stats.chi2.sf(statistic, there.sum() - 1)),
                         [name for name, known in zip(names, there, strict=True) if known][most],
                         float(counts[there][most] / wanted[most]), int(counts[there][most]))


def _after_maintenance(fleet: FleetRecord, failures: pd.DataFrame) -> FailurePattern | None:
    """Failures soon after planned work against those at other times; None without planned work."""
    soon = SOON if fleet.unit == "h" else 10 * fleet.period
    work = fleet.maintenance[fleet.maintenance[MACHINE].isin(fleet.known_until.index)]
    first = pd.Series(ticks(fleet.machines["first_time"]), index=fleet.machines[MACHINE])
    stops = {name: ticks(part[TIME]) for name, part in failures.groupby(MACHINE)}
    time_soon, hits = 0.0, 0
    for name, part in work.groupby(MACHINE):
        failed, until = np.sort(stops.get(name, np.zeros(0))), fleet.known_until[name]
        tick = np.unique(ticks(part[TIME]))
        before = failed[np.maximum(np.searchsorted(failed, tick, side="right") - 1, 0)] if len(failed) else tick + 1
        is_repair = (before <= tick) & (tick - before <= REPAIR)
        tick = tick[~is_repair & (tick >= first[name]) & (tick < until)]
        if not len(tick):
            continue
        end = np.minimum(np.minimum(tick + soon, np.append(tick[1:], np.inf)), until)
        time_soon += float((end - tick).sum())
        hits += int((np.searchsorted(failed, end, "right") - np.searchsorted(failed, tick, "right")).sum())
    whole = float((fleet.known_until - first.reindex(fleet.known_until.index)).clip(lower=0).sum())
    share = time_soon / whole if whole else 0.0
    if not 0 < share < 1:
        return None
    test = stats.binomtest(hits, len(failures), share)
    return FailurePattern("after maintenance", float(test.pvalue), fleet.length(soon),
                          hits / (share * len(failures)), hits)


def _conditions(fleet: FleetRecord, failures: pd.DataFrame, back: float) -> list[FailurePattern]:
    """Operating conditions before failures against matched times of the same machine, one test over machines each."""
    names = fleet.columns("condition")
    aligned = align(fleet, failures, back=back) if names else None
    if aligned is None or aligned.elsewhere is not None:
        return []
    means = BinMeans(fleet)
    found = []
    for name in names:
        column = fleet.readings[name].to_numpy(dtype=np.float64, na_value=np.nan)
        spread = float(np.nanstd(minus_group_mean(column, fleet.code)))
        gap = _gaps(means, aligned, column)
        known = np.isfinite(gap)
        by_machine = pd.Series(gap[known]).groupby(aligned.machine[known]).mean()
        if spread > 0 and len(by_machine) >= FEWEST and float(np.ptp(by_machine)) > 0:
            test = stats.ttest_1samp(by_machine, 0.0)
            found.append(FailurePattern(name, min(1.0, float(test.pvalue) * len(names)), fleet.length(back),
                                        float(by_machine.mean()) / spread, int(known.sum())))
    return found


def _gaps(means: BinMeans, aligned: Aligned, column: np.ndarray) -> np.ndarray:
    """Mean over the whole look-back before each failure, less that before its matched times."""
    edges = aligned.edges[[0, -1]]
    sums = means.sums(column)
    before = means.means(sums, means.places(aligned.machine, aligned.at, edges))[:, 0]
    times = np.nan_to_num(aligned.controls.ravel(), nan=-1e9)
    usual = means.means(sums, means.places(aligned.control_machine.ravel(), times, edges)).reshape(len(aligned), -1)
    known = ~np.isnan(usual)
    mean = np.where(known, usual, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.where(known.any(axis=1), before - mean, np.nan)

"""What gives warning, and how early? Event-aligned sensors and error codes against matched times.

Chance is controlled over all sensors and leads of a failure mode together: the limit is the 95 % quantile of the
largest statistic when the signs of whole machines are flipped at random (Westfall and Young, Resampling-based multiple
testing, 1993).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from oilcan.core.exploration.aligned import Aligned, BinMeans, align
from oilcan.core.exploration.fleet_record import FleetRecord, Signals
from oilcan.ground.columns import CODE, MACHINE, MODE, TIME, ticks

FLIPS: Final = 400
RESAMPLES: Final = 200
FEWEST: Final = 5  # failures of a mode; fewer are only counted
LEAST_SHIFT: Final = 0.25  # standard deviations; a smaller difference is no warning, however sure
FALSE_SIGN: Final = 0.01  # share of matched times, over all sensors, at which a sign is seen by chance


@dataclass(frozen=True)
class SensorSign:
    """One sensor before failures of one mode.

    Attributes
    ----------
    difference, low, high
        Mean over failures of (event minus matched times) per bin of lead, in standard deviations of the sensor, and its
        95 % band over machines.
    lead
        Farthest lead from which on it differs beyond chance without a break until the failure [ticks]; 0 if never.
    half_lead
        Lead at which half of the final difference is reached, with its interval; None without a warning.
    """

    sensor: str
    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    beyond: np.ndarray
    lead: float
    half_lead: float | None
    half_lead_ci95: tuple[float, float] | None


@dataclass(frozen=True)
class CodeSign:
    """One error code before failures of one mode: how much more often, with an exact interval, and how early."""

    code: str
    before_failures: int
    expected: float
    lift: float
    lift_ci95: tuple[float, float]
    lead: float


@dataclass(frozen=True)
class ModeSigns:
    """All that warns of one failure mode.

    Attributes
    ----------
    signs
        Whether a failure shows a sign of any kind in a bin of lead, shape (failures, bins).
    chance
        Share of the bins of matched times that show one.
    """

    mode: str
    failures: int
    aligned: Aligned
    sensors: list[SensorSign]
    codes: list[CodeSign]
    signs: np.ndarray
    chance: float


def every_mode(
    fleet: FleetRecord, sensors: Signals, modes: Sequence[str], *, back: float, rng: np.random.Generator
) -> list[ModeSigns]:
    """Signs before the failures of each mode, within `back` ticks of them."""
    bins = BinMeans(fleet)
    return [_mode_signs(fleet, sensors, bins, mode, back=back, rng=rng) for mode in modes]


def _mode_signs(
    fleet: FleetRecord, sensors: Signals, bins: BinMeans, mode: str, *, back: float, rng: np.random.Generator
) -> ModeSigns:
    aligned = align(fleet, fleet.failures[fleet.failures[MODE] == mode], back=back)
    if len(aligned) < FEWEST:
        empty = np.zeros((len(aligned), len(aligned.edges) - 1), bool)
        return ModeSigns(mode, len(aligned), aligned, [], [], empty, 0.0)
    event, matched = _windows(bins, sensors, aligned)
    found = _sensor_signs(sensors.sensors, event, matched, aligned, rng)
    codes, code_event, code_matched = _code_signs(fleet, aligned)
    seen, chance = _signs(event, matched, code_event, code_matched, aligned.quiet)
    return ModeSigns(mode, len(aligned), aligned, found, codes, seen, chance)


def _windows(bins: BinMeans, sensors: Signals, aligned: Aligned) -> tuple[np.ndarray, np.ndarray]:
    """Bin means before failures (failures, sensors, bins); before matched times, CONTROLS after failures."""
    places = bins.places(aligned.machine, aligned.at, aligned.edges)
    count = aligned.controls.shape[1]
    times = np.nan_to_num(aligned.controls.ravel(), nan=-1e9)
    others = bins.places(aligned.control_machine.ravel(), times, aligned.edges)
    event, matched = [], []
    for column in (sensors.values if aligned.elsewhere is None else sensors.levels).T:
        sums = bins.sums(column)
        event.append(bins.means(sums, places))
        matched.append(bins.means(sums, others).reshape(len(aligned), count, -1))
    return np.stack(event, axis=1), np.stack(matched, axis=2)


def _nanmean(values: np.ndarray, axis: int) -> np.ndarray:
    there = ~np.isnan(values)
    total = np.where(there, values, 0.0).sum(axis=axis)
    return np.asarray(np.where(there.any(axis=axis), total / np.maximum(there.sum(axis=axis), 1), np.nan))


def _sensor_signs(
    names: list[str], event: np.ndarray, matched: np.ndarray, aligned: Aligned, rng: np.random.Generator
) -> list[SensorSign]:
    usual = _nanmean(matched, axis=1)
    difference = event - np.where(np.isnan(usual), 0.0, usual)  # no matched time: the machine's mean, 0
    shape = difference.shape[1:]
    flat = difference.reshape(len(aligned), -1)
    groups, which = np.unique(aligned.machine, return_inverse=True)
    there = ~np.isnan(flat)
    total = np.zeros((len(groups), flat.shape[1]))
    count = np.zeros_like(total)
    np.add.at(total, which, np.where(there, flat, 0.0))
    np.add.at(count, which, there)
    many = np.maximum(count.sum(axis=0), 1)
    mean = total.sum(axis=0) / many
    scale = np.sqrt(np.maximum((total**2).sum(axis=0), 1e-12))
    signs = rng.choice([-1.0, 1.0], size=(FLIPS, len(groups)))
    limit = float(np.quantile(np.abs(signs @ total / scale).max(axis=1), 0.95))
    beyond = ((np.abs(total.sum(axis=0) / scale) > limit) & (np.abs(mean) >= LEAST_SHIFT)).reshape(shape)
    draws = rng.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=RESAMPLES)
    drawn = (draws @ total) / np.maximum(draws @ count, 1)
    low, high = (np.quantile(drawn, q, axis=0).reshape(shape) for q in (0.025, 0.975))
    mean, drawn = mean.reshape(shape), drawn.reshape(RESAMPLES, *shape)
    found = []
    for at, name in enumerate(names):
        lead = _unbroken(beyond[at], aligned.edges)
        half = half_lead(mean[at], aligned.edges) if lead > 0 else None
        interval = None
        if half is not None:
            halves = [h for h in (half_lead(curve, aligned.edges) for curve in drawn[:, at]) if h is not None]
            interval = (float(np.quantile(halves, 0.025)), float(np.quantile(halves, 0.975)))
        found.append(SensorSign(name, mean[at], low[at], high[at], beyond[at], lead, half, interval))
    return found


def _unbroken(beyond: np.ndarray, edges: np.ndarray) -> float:
    """Far edge of the run of bins beyond chance that reaches the failure; one bin may be missing in it."""
    misses = np.cumsum(~beyond)
    ends = np.flatnonzero(beyond & (misses <= 1))
    if not len(ends) or not beyond[:2].any():
        return 0.0
    return float(edges[ends[-1] + 1])


def _first_run(beyond: np.ndarray, edges: np.ndarray) -> float:
    """Far edge of the run of bins beyond chance that is nearest to the failure; an error may come hours before it."""
    if not beyond.any():
        return 0.0
    first = int(beyond.argmax())
    return float(edges[first + int(np.argmin(np.append(beyond[first:], False)))])


def half_lead(curve: np.ndarray, edges: np.ndarray) -> float | None:
    """Lead at which a deviation reaches half of what it is at the failure; None where it is not known there.

    Parameters
    ----------
    curve
        Mean deviation per bin of lead, nearest first, shape (bins,).
    edges
        Of the bins [ticks], ascending from 0, shape (bins + 1,).

    Examples
    --------
    >>> half_lead(np.array([4.0, 3.0, 1.0, 0.0]), np.array([0.0, 10.0, 20.0, 30.0, 40.0]))
    20.0
    """
    final = np.nanmean(curve[: max(1, len(curve) // 30)]) if not np.isnan(curve[:1]).all() else np.nan
    if not np.isfinite(final) or final == 0:
        return None
    middle = (edges[1:] + edges[:-1]) / 2
    share = np.where(np.isnan(curve), 0.0, curve) / final
    below = np.flatnonzero(share < 0.5)
    if not len(below):
        return float(middle[-1])
    at = below[0]
    if at == 0:
        return float(middle[0])
    rise = (share[at - 1] - 0.5) / (share[at - 1] - share[at])
    return float(middle[at - 1] + rise * (middle[at] - middle[at - 1]))


def _code_signs(fleet: FleetRecord, aligned: Aligned) -> tuple[list[CodeSign], np.ndarray, np.ndarray]:
    """Codes by lift, and whether any telling code falls into each bin of failures and of matched times."""
    bins = len(aligned.edges) - 1
    event_any = np.zeros((len(aligned), bins), bool)
    matched_any = np.zeros((*aligned.controls.shape, bins), bool)
    found: list[CodeSign] = []
    if not len(fleet.errors):
        return found, event_any, matched_any
    code = pd.Series(np.arange(len(aligned.names)), index=aligned.names)
    errors = fleet.errors[fleet.errors[MACHINE].isin(aligned.names)]
    kinds = sorted(errors[CODE].astype(str).unique())
    valid = ~np.isnan(aligned.controls)
    share = len(aligned) / max(valid.sum(), 1)
    for kind in kinds:
        mine = errors[errors[CODE].astype(str) == kind]
        who, tick = mine[MACHINE].map(code).to_numpy(), ticks(mine[TIME])
        event = _histogram(who, tick, aligned.machine, aligned.at, aligned.edges)
        matched = np.stack(
            [
                _histogram(who, tick, aligned.control_machine[:, at], aligned.controls[:, at], aligned.edges)
                for at in range(aligned.controls.shape[1])
            ],
            axis=1,
        )
        per_bin, usual = event.sum(axis=0), matched.sum(axis=(0, 1))
        # per bin: is a count of event against matched times possible by chance, over all bins and codes together?
        p = stats.binomtest
        chance = share / (1 + share)
        beyond = np.array(
            [
                k + m > 0 and p(int(k), int(k + m), chance, alternative="greater").pvalue < 0.05 / (bins * len(kinds))
                for k, m in zip(per_bin, usual, strict=True)
            ]
        )
        lead = _first_run(beyond, aligned.edges)
        beyond &= aligned.edges[1:] <= lead
        near = max(1, int(np.searchsorted(aligned.edges, lead)) if lead else bins)
        k, m = int(per_bin[:near].sum()), int(usual[:near].sum())
        ratio = stats.binomtest(k, k + m, chance).proportion_ci(0.95, "exact") if k + m else None
        odds = [(side / max(1 - side, 1e-9)) / share for side in (ratio.low, ratio.high)] if ratio else [0.0, np.inf]
        lift = (k / share) / m if m else np.inf if k else 0.0
        found.append(CodeSign(kind, k, m * share, lift, (float(odds[0]), float(odds[1])), lead))
        if beyond.any():
            event_any |= (event > 0) & beyond
            matched_any |= (matched > 0) & beyond
    return sorted(found, key=lambda sign: -sign.lift_ci95[0]), event_any, matched_any


def _histogram(who: np.ndarray, tick: np.ndarray, machine: np.ndarray, at: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """How many events fall into each bin of lead before each time, shape (times, bins)."""
    order = np.lexsort((tick, who))
    base = min(tick.min(initial=0.0), np.nanmin(at, initial=0.0)) - edges[-1] - 1.0
    span = max(tick.max(initial=0.0), np.nanmax(at, initial=0.0)) - base + edges[-1] + 1.0
    key = who[order] * 2 * span + tick[order] - base
    there = ~np.isnan(at)
    wanted = machine[:, None] * 2 * span + (np.where(there, at, base)[:, None] - edges[None, :] - base)
    places = np.searchsorted(key, wanted, side="left")  # an error at the failure itself warns of nothing
    return np.where(there[:, None], places[:, :-1] - places[:, 1:], 0)


def _signs(
    event: np.ndarray, matched: np.ndarray, code_event: np.ndarray, code_matched: np.ndarray, quiet: np.ndarray
) -> tuple[np.ndarray, float]:
    """Bins of lead in which a failure shows a sign, and the share of bins of matched times that show one."""
    count = (~np.isnan(matched)).sum(axis=1, keepdims=True)
    usual = _nanmean(matched, axis=1)
    others = np.where(count > 1, (usual[:, None] * count - matched) / np.maximum(count - 1, 1), np.nan)
    left = matched - np.where(np.isnan(others), 0.0, others)  # what a matched time shows by chance
    calm = np.abs(left[quiet if quiet.any() else np.ones_like(quiet)])  # (calm matched times, sensors, bins)
    limit = _quantile(calm, 1 - FALSE_SIGN / max(event.shape[1], 1))
    seen = np.abs(event - np.where(np.isnan(usual), 0.0, usual)) > limit[:, None]
    by_chance = (calm > limit[:, None]).any(axis=1) | code_matched[quiet if quiet.any() else np.ones_like(quiet)]
    return seen.any(axis=1) | code_event, float(by_chance.mean()) if calm.size else 0.0


def _quantile(values: np.ndarray, q: float) -> np.ndarray:
    """Quantile per sensor of what is there; infinite where nothing is."""
    columns = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)
    return np.array([np.quantile(c[~np.isnan(c)], q) if (~np.isnan(c)).any() else np.inf for c in columns])


def announceable(signs: ModeSigns, *, lead: float, horizon: float) -> float | None:
    """Share of the failures that show a sign at a lead in (lead, lead + horizon], signs by chance taken off.

    It bounds what a forecast with this horizon and lead time can announce from single readings; None without failures.
    """
    if not len(signs.signs):
        return None
    inside = (signs.aligned.lead >= lead) & (signs.aligned.lead <= lead + horizon)
    if not inside.any():
        inside = np.zeros_like(inside)
        inside[int(np.argmin(np.abs(signs.aligned.lead - lead)))] = True
    share = float(signs.signs[:, inside].any(axis=1).mean())
    chance = 1 - (1 - signs.chance) ** int(inside.sum())
    return float(np.clip((share - chance) / max(1 - chance, 1e-9), 0.0, 1.0))

"""What gives warning, and how early? Event-aligned sensors and error codes against matched times.

Chance is controlled over all sensors and leads of a failure mode together: the limit is the 95 % quantile of the
largest statistic when the signs of whole machines are flipped at random (Westfall and Young, Resampling-based multiple
testing, 1993).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from oilcan.core.exploration.fleet_record import FleetRecord
from oilcan.core.exploration.sensor_signals import Signals, levels
from oilcan.core.exploration.warnings.aligned import Aligned, BinMeans, align
from oilcan.core.exploration.warnings.code_signs import CodeSign, code_signs
from oilcan.core.exploration.warnings.half_leads import bias_corrected, half_lead
from oilcan.ground.columns import MODE

FLIPS: Final = 400
RESAMPLES: Final = 1000
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
    separation
        Area under the ROC curve of failures against matched times in the bin nearest to the failure, either way; 0.5
        where it is not known.
    """

    sensor: str
    difference: np.ndarray
    low: np.ndarray
    high: np.ndarray
    beyond: np.ndarray
    lead: float
    half_lead: float | None
    half_lead_ci95: tuple[float, float] | None
    separation: float


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


def mode_signs(fleet: FleetRecord, sensors: Signals, mode: str, *, back: float, rng: np.random.Generator) -> ModeSigns:
    """Signs before the failures of one mode, within `back` ticks of them."""
    aligned = align(fleet, fleet.failures[fleet.failures[MODE] == mode], back=back)
    if len(aligned) < FEWEST:
        empty = np.zeros((len(aligned), len(aligned.edges) - 1), bool)
        return ModeSigns(mode, len(aligned), aligned, [], [], empty, 0.0)
    event, matched = _windows(fleet, sensors, aligned)
    found = _sensor_signs(sensors.sensors, event, matched, aligned, rng)
    codes, code_event, code_matched = code_signs(fleet, aligned)
    seen, chance = _signs(event, matched, code_event, code_matched, aligned.quiet)
    return ModeSigns(mode, len(aligned), aligned, found, codes, seen, chance)


def _windows(fleet: FleetRecord, sensors: Signals, aligned: Aligned) -> tuple[np.ndarray, np.ndarray]:
    """Bin means before failures (failures, sensors, bins); before matched times, CONTROLS after failures."""
    bins = BinMeans(fleet)
    places = bins.places(aligned.machine, aligned.at, aligned.edges)
    count = aligned.controls.shape[1]
    times = np.nan_to_num(aligned.controls.ravel(), nan=-1e9)
    others = bins.places(aligned.control_machine.ravel(), times, aligned.edges)
    event, matched = [], []
    for column in (sensors.values if aligned.elsewhere is None else levels(fleet, sensors)).T:
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
            interval = bias_corrected(np.array(halves), half)
        apart = _separation(event[:, at, 0], matched[:, :, at, 0])
        found.append(SensorSign(name, mean[at], low[at], high[at], beyond[at], lead, half, interval, apart))
    return found


def _separation(event: np.ndarray, matched: np.ndarray) -> float:
    event, matched = event[~np.isnan(event)], matched[~np.isnan(matched)]
    if not len(event) or not len(matched):
        return 0.5
    ranks = stats.rankdata(np.concatenate([event, matched]))[: len(event)]
    area = (ranks.sum() - len(event) * (len(event) + 1) / 2) / (len(event) * len(matched))
    return float(max(area, 1 - area))


def _unbroken(beyond: np.ndarray, edges: np.ndarray) -> float:
    """Far edge of the run of bins beyond chance that reaches the failure; one bin may be missing in it."""
    misses = np.cumsum(~beyond)
    ends = np.flatnonzero(beyond & (misses <= 1))
    if not len(ends) or not beyond[:2].any():
        return 0.0
    return float(edges[ends[-1] + 1])


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

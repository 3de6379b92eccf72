"""Which error codes come before failures, how much more often than at matched times, and how early?"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from oilcan.core.exploration.fleet_record import FleetRecord
from oilcan.core.exploration.warnings.aligned import Aligned
from oilcan.ground.columns import CODE, MACHINE, TIME, ticks


@dataclass(frozen=True)
class CodeSign:
    """One error code before failures of one mode: how much more often, with an exact interval, and how early."""

    code: str
    before_failures: int
    expected: float
    lift: float
    lift_ci95: tuple[float, float]
    lead: float


def code_signs(fleet: FleetRecord, aligned: Aligned) -> tuple[list[CodeSign], np.ndarray, np.ndarray]:
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


def _first_run(beyond: np.ndarray, edges: np.ndarray) -> float:
    """Far edge of the run of bins beyond chance that is nearest to the failure; an error may come hours before it."""
    if not beyond.any():
        return 0.0
    first = int(beyond.argmax())
    return float(edges[first + int(np.argmin(np.append(beyond[first:], False)))])

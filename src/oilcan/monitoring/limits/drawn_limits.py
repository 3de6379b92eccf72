"""Limits of the statistics for a window with this number and mix of machines, by resampling the reference.

A draw takes a stretch of consecutive windows and whole machines of it, as many of each group as the window has.
Machines share weather, season and the way the fleet is run, so all machines of a draw come from one stretch. Sudden
steps have no common cause in clean windows, so each machine gets a stretch of its own. For steps a machine is drawn
twice only if its group is smaller than the window's, so that one step rarely counts as two.

The chance of a false alert is divided among the statistics that alert (`largest` is a notice and takes no share); the
limit of each applies to its largest column. Two thirds go to `together`: a fault of several sensors is small beside
what faults of machines do, and it happens in one window, so there is no limit for windows in a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.monitoring.statistics.input_statistics import (
    ALERTING,
    OF_MACHINES,
    STATISTICS,
    MachineWindows,
    shared_statistics,
    step_statistics,
)

FEWEST_MACHINES: Final = 2              # in a window that a limit can be drawn for
FEWEST_WINDOWS: Final = 8               # of the reference, below which there is not enough to draw from
_FEWEST_OF_GROUP: Final = 3             # below this a group is drawn from all machines
_UPPER: Final = 0.99
_LEAST_STEP: Final = 3.0                # in powers of ten: less is no step, however few draws there are
_OF_TOGETHER: Final = 2 / 3             # share of the false alerts
_AT_ONCE: Final = 1_000_000             # scores of machines that are drawn together, which bounds the memory
_NEVER: Final = 1e12            # finite, as JSON knows no infinity


@dataclass(frozen=True)
class Limits:
    """Limits of the input statistics for one size and mix.

    Attributes
    ----------
    middle, spread
        Middle of each statistic, and from there to its 99 % quantile, shape (c, statistics).
    at_once
        Scaled statistic above which one window alone is an alert, shape (statistics,).
    in_a_row
        Scaled statistic above which `needed` of the last `of` windows are an alert, shape (statistics,).
    machines, draws
        Size it was drawn for, and windows drawn.
    """

    middle: np.ndarray
    spread: np.ndarray
    at_once: np.ndarray
    in_a_row: np.ndarray
    needed: int
    of: int
    machines: int
    draws: int

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Statistics on the common scale: 0 usual, 1 one window in a hundred; NaN stays."""
        return (values - self.middle) / self.spread


@dataclass(frozen=True)
class Source:
    """What limits are drawn from: clean windows of the reference, in order.

    Attributes
    ----------
    group_of
        Group of each machine, shape (m,).
    is_judged
        Columns that limits are about, shape (c,).
    """

    windows: MachineWindows
    group_of: np.ndarray
    is_judged: np.ndarray
    usual: np.ndarray
    edges: np.ndarray
    shares: np.ndarray


@dataclass(frozen=True)
class Terms:
    """How limits are drawn.

    Attributes
    ----------
    alpha
        Chance of a false alert in one window, all columns and statistics together.
    needed, of
        How many of the last windows must be above the lower limit.
    draws, seed
        Windows to draw; the same seed draws the same.
    """

    alpha: float
    needed: int
    of: int
    draws: int
    seed: int


def draw_limits(source: Source, groups: Sequence[int], terms: Terms) -> Limits | None:
    """Limits for a window whose machines are of these groups; None where there is too little to draw from.

    Parameters
    ----------
    groups
        Group of each machine of the window; one the reference does not know is drawn from all.
    """
    count = len(source.windows.deviation)
    if len(groups) < FEWEST_MACHINES or count < max(FEWEST_WINDOWS, terms.of):
        return None
    rng = np.random.default_rng(terms.seed)
    shared, steps = _shared(source, groups, terms, rng), _steps(source, groups, terms, rng)
    drawn = {**shared, **steps}
    columns, size = len(source.is_judged), len(STATISTICS)
    middle, spread = np.zeros((columns, size)), np.ones((columns, size))
    at_once, in_a_row = np.zeros(size), np.zeros(size)
    for at, name in enumerate(STATISTICS):
        values = drawn[name]                                            # (of, draws, c)
        if name not in OF_MACHINES:                                     # steps have a scale of their own
            middle[:, at], spread[:, at] = _scale(values[-1])
        scaled = np.where(source.is_judged, (values - middle[:, at]) / spread[:, at], -np.inf)
        scaled = np.where(np.isnan(scaled), -np.inf, scaled)
        if name in OF_MACHINES:
            share = terms.alpha * _OF_TOGETHER
            at_once[at], in_a_row[at] = max(_LEAST_STEP, _upper(scaled[-1].max(axis=1), 1 - share)), _NEVER
        else:
            share = terms.alpha * (1 - _OF_TOGETHER) / (len(ALERTING) - 1) / 2
            at_once[at] = _upper(scaled[-1].max(axis=1), 1 - share)
            in_a_row[at] = _upper(np.sort(scaled, axis=0)[-terms.needed].max(axis=1), 1 - share)
    return Limits(middle, spread, at_once, in_a_row, terms.needed, terms.of, len(groups), terms.draws)


def _upper(values: np.ndarray, share: float) -> float:
    """Quantile of draws; a limit that nothing reaches where too few draws have a value (the others are -inf).

    Examples
    --------
    >>> _upper(np.array([-np.inf, 1.0, 3.0]), 0.75), _upper(np.array([-np.inf, -np.inf]), 0.9)
    (2.0, 1000000000000.0)
    """
    if np.isneginf(np.sort(values)[int((len(values) - 1) * share)]):
        return _NEVER
    return float(np.quantile(values, share))


def _scale(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Middle and distance to the upper quantile of draws, shape (c,) each."""
    middle, spread = np.zeros(values.shape[1]), np.ones(values.shape[1])
    for at in range(values.shape[1]):
        known = values[:, at][~np.isnan(values[:, at])]
        if len(known):
            middle[at], upper = np.quantile(known, [0.5, _UPPER])
            spread[at] = max(upper - middle[at], 0.1 * abs(middle[at]) + 1e-6)
    return middle, spread


def _shared(source: Source, groups: Sequence[int], terms: Terms, rng: np.random.Generator) -> dict[str, np.ndarray]:
    count = len(source.windows.deviation)
    ends = np.linspace(terms.of - 1, count - 1, min(terms.draws, count - terms.of + 1)).round().astype(int)
    each = -(-terms.draws // len(ends))
    parts: dict[str, list[list[np.ndarray]]] = {}
    for end in ends.tolist():
        weights = _weights(source, end, groups, each, rng)
        for back in range(terms.of):
            found = shared_statistics(source.windows.window(end - terms.of + 1 + back), weights, source.usual,
                                      source.edges, source.shares)
            for name, values in found.items():
                parts.setdefault(name, [[] for _ in range(terms.of)])[back].append(values)
    return {name: np.stack([np.concatenate(values) for values in stretches]) for name, stretches in parts.items()}


def _weights(source: Source, at: int, groups: Sequence[int], draws: int, rng: np.random.Generator) -> np.ndarray:
    """How often each machine is drawn, shape (draws, m): by group, with replacement, of those with readings then."""
    present = (~np.isnan(source.windows.deviation[at])).any(axis=1)
    weights = np.zeros((draws, len(present)))
    for group, size in zip(*np.unique(np.asarray(groups), return_counts=True), strict=True):
        pool = _pool(present, source.group_of, int(group))
        if len(pool):
            weights[:, pool] += rng.multinomial(int(size), np.full(len(pool), 1 / len(pool)), size=draws)
    return weights


def _steps(source: Source, groups: Sequence[int], terms: Terms, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Each machine in a stretch of its own; a machine comes twice only when a group is too small for the window."""
    jump = source.windows.jump
    present = (~np.isnan(jump)).any(axis=(0, 2, 3))
    out = {name: np.empty((terms.of, terms.draws, jump.shape[2])) for name in OF_MACHINES}
    sizes = [(_pool(present, source.group_of, int(group)), int(size))
             for group, size in zip(*np.unique(np.asarray(groups), return_counts=True), strict=True)]
    at_once = max(1, _AT_ONCE // max(len(groups) * jump.shape[2] * jump.shape[3], 1))
    for first in range(0, terms.draws, at_once):
        draws = slice(first, min(first + at_once, terms.draws))
        count = draws.stop - draws.start
        chosen = np.concatenate([rng.permuted(np.tile(pool, (count, -(-size // max(len(pool), 1)))), axis=1)[:, :size]
                                 for pool, size in sizes], axis=1).astype(int)
        ends = rng.integers(terms.of - 1, len(jump), size=chosen.shape)
        for back in range(terms.of):
            found = step_statistics(jump[ends - terms.of + 1 + back, chosen])
            for name in OF_MACHINES:
                out[name][back, draws] = found[name]
    return out


def _pool(present: np.ndarray, group_of: np.ndarray, group: int) -> np.ndarray:
    pool = np.flatnonzero(present & (group_of == group))
    return pool if len(pool) >= _FEWEST_OF_GROUP else np.flatnonzero(present)

"""Sums over the readings of the present life that the drift of the hidden state needs, one reading at a time."""

import numpy as np

from oilcan.core.features.drift.drift_model import DriftSums
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.online.state.machine_arrays import Taken
from oilcan.core.online.state.reading_block import ReadingBlock
from oilcan.core.online.state.signal_state import ProcessedReadings

PREFIX = "wear_"


class WearSums:
    """The sums of `DriftSums`, of every machine; no state where the plan has no feature of family `drift`."""

    def __init__(self, plan: FeaturePlan, per_tick: int) -> None:
        self.is_used = any(feature.kind == "drift" for feature in plan.features)
        self._per_tick = per_tick
        self._taus = np.array(plan.drift.time_constants if plan.drift else ())
        self._columns = [plan.columns.index(name) for name in (plan.state.names if plan.state else ())]

    @property
    def empty(self) -> Taken:
        """State of a machine that has sent nothing."""
        if not self.is_used:
            return {}
        taus, k = len(self._taus), len(self._columns)
        return self._stored(DriftSums(np.array(0.0), np.zeros(k), np.zeros(taus), np.zeros(taus), np.zeros((taus, k))))

    def absorb(self, state: Taken, block: ReadingBlock, processed: ProcessedReadings, began: np.ndarray) -> Taken:
        """The sums at the newest of the readings; `began` is the instant after which that life began."""
        if not self.is_used:
            return {}
        goes_on = began == state["began"]
        past = self.at(state, block.newest)
        states, precision = processed.values[:, self._columns], processed.state_precision
        there = (block.time > began[block.machine]) & ~np.isnan(states).any(axis=1)
        weight = np.where(there, 1.0 if precision is None else precision, 0.0)
        fade = np.exp(-((block.newest[block.machine] - block.time) / self._per_tick)[:, None] / self._taus)
        near, level = weight[:, None] * fade, np.where(there[:, None], states, 0.0)

        def added(old: np.ndarray, terms: np.ndarray) -> np.ndarray:
            kept = goes_on.reshape(-1, *[1] * (old.ndim - 1))
            return np.where(kept, old, 0.0) + np.add.reduceat(terms, block.starts, axis=0)

        near_level = np.stack([near * level[:, at, None] for at in range(level.shape[1])], axis=-1)
        return self._stored(DriftSums(
            added(past.count, weight), added(past.level, weight[:, None] * level), added(past.near, near),
            added(past.near_square, near * fade), added(past.near_level, near_level)))

    def at(self, state: Taken, now: np.ndarray) -> DriftSums:
        """The sums at instants not before the newest reading; shape of `now` (m,)."""
        sums = DriftSums(*(state[PREFIX + name] for name in DriftSums.__dataclass_fields__))
        gap = np.where(sums.count > 0, (now - state["newest"]) / self._per_tick, 0.0)
        return sums.aged(gap, self._taus)

    def _stored(self, sums: DriftSums) -> Taken:
        return {PREFIX + name: getattr(sums, name) for name in DriftSums.__dataclass_fields__}

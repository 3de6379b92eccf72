"""From a raw reading to what the families work on: the same steps as `validate`, `prepare` and batch take.

Impossible readings become missing, a short silence repeats the last reading, derived columns are
computed, sensors are normalised for their conditions, and the health index is added.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np

from oilcan.contract import Contract
from oilcan.core.features.plan import Category, FeaturePlan
from oilcan.core.features.readings_to_signals import processed
from oilcan.core.features.signals.health_index import regime_of
from oilcan.core.online.state.machine_arrays import NONE, Taken
from oilcan.core.online.state.reading_block import ReadingBlock
from oilcan.core.online.state.signal_state import ProcessedReadings
from oilcan.core.prepare.derived import compute_derived
from oilcan.ground.expression_grammar import columns_used
from oilcan.ground.time_units import HALF_SECOND

NUMBERS: Final = frozenset({"number", "integer"})


class Inputs:
    """What is done to readings before features are made of them.

    Parameters
    ----------
    fill_periods
        A missing reading repeats the last one for at most this many periods of the contract.
    per_tick
        Whole units in a tick.

    Attributes
    ----------
    columns
        Telemetry columns wanted, in order.
    static
        Those of them that are static, by position.
    """

    def __init__(self, plan: FeaturePlan, contract: Contract, *, fill_periods: int, per_tick: int) -> None:
        self._plan, self._per_tick = plan, per_tick
        listed = contract.tables["telemetry"].columns
        on_machines = contract.tables["machines"].columns if "machines" in contract.tables else {}
        statics = [f.sensor for f in plan.features if f.kind == "static"] + [each.column for each in plan.fleet]
        conditions = plan.regimes.conditions if plan.regimes else ()
        direct = {*(s.name for s in plan.sensors), *conditions, *(n for n in statics if n not in on_machines)}
        needed = _with_sources(direct, contract)
        self.columns = tuple(name for name in listed if name in needed)
        self._derived = {name: spec for name, spec in contract.derived.items() if name in needed}
        static = set(contract.telemetry_columns("static"))
        self.static = {name: at for at, name in enumerate(self.columns) if name in static}
        kinds = [listed[name].type for name in self.columns]
        period = contract.time.period
        self.held = [at for at, name in enumerate(self.columns)
                     if name not in static and kinds[at] in NUMBERS and period is not None and plan.time != "none"]
        self._longest = fill_periods * period.ticks if period else 0.0
        limits = [(listed[name].range if kinds[at] in NUMBERS else None) or (None, None)
                  for at, name in enumerate(self.columns)]  # fmt: skip
        self._low = np.array([-np.inf if low is None else low for low, _ in limits])
        self._high = np.array([np.inf if high is None else high for _, high in limits])
        self._text = categories_of(plan)

    @property
    def empty(self) -> Taken:
        """State of a machine that has sent nothing: the last readings that may be repeated, and the newest raw ones."""
        return {"held": np.full(len(self.held), np.nan), "held_time": np.full(len(self.held), NONE),
                "raw": np.full(len(self.columns), np.nan)}

    def encode(self, column: str, texts: Sequence[str | None]) -> np.ndarray:
        """Numbers for a text column: the place among the values seen in training, -1 unseen, NaN missing."""
        return places(texts, self._text[column])

    def impossible(self, values: np.ndarray) -> np.ndarray:
        """Which readings lie outside the contract's range or are infinite, shape (n, columns)."""
        return (values < self._low) | (values > self._high) | np.isinf(values)

    def possible(self, values: np.ndarray) -> np.ndarray:
        """Readings, impossible ones missing, shape (n, columns)."""
        return np.where(self.impossible(values), np.nan, values)

    def hold(self, block: ReadingBlock, state: Taken) -> tuple[np.ndarray, Taken]:
        """Readings with short silences bridged, shape (n, columns), and the state after them."""
        values, machine = block.values, block.machine
        columns = values[:, self.held]
        missing = np.isnan(columns)
        place = np.arange(len(values))[:, None]
        last = np.maximum.accumulate(np.where(missing, -1, place), axis=0)
        inside = last >= block.starts[machine, None]
        known = np.where(inside, np.take_along_axis(columns, np.maximum(last, 0), axis=0), state["held"][machine])
        time = np.where(inside, block.time[np.maximum(last, 0)], state["held_time"][machine])
        near = missing & (self._ticks(block.time)[:, None] - self._ticks(time) <= self._longest + HALF_SECOND)
        if near.any():
            values = values.copy()
            values[:, self.held] = np.where(near, known, columns)
        end = block.ends - 1
        return values, {"held": known[end], "held_time": time[end], "raw": block.values[end]}

    def process(self, values: np.ndarray) -> ProcessedReadings:
        """Readings as the families see them."""
        found = dict(zip(self.columns, values.T, strict=True))
        found |= compute_derived(found, self._derived, len(values))
        regimes, health = self._plan.regimes, self._plan.health
        raw, conditions = (np.array([found[name] for name in each]).reshape(len(each), len(values)).T
                           for each in ([s.name for s in self._plan.sensors], regimes.conditions if regimes else ()))
        out = processed(self._plan, raw, conditions)
        state = self._plan.state
        if (health is None or health.is_even) and state is None:
            return ProcessedReadings(out)
        regime = regime_of(regimes, conditions)
        return ProcessedReadings(out, None if health is None or health.is_even else np.array(health.precision)[regime],
                                 None if state is None else np.array(state.precision)[regime])

    def _ticks(self, time: np.ndarray) -> np.ndarray:
        return time.astype(np.float64) / self._per_tick


def places(texts: Iterable[Any], category: Category) -> np.ndarray:
    """What `features.arrays.codes` says, of plain texts: place among those of training, -1 unseen, NaN missing.

    Examples
    --------
    >>> places(["b", None, "z"], Category("site", ("a", "b"))).tolist()
    [1.0, nan, -1.0]
    """
    known = {text: at for at, text in enumerate(category.values)}
    return np.array([np.nan if is_missing(text) else known.get(text, -1) for text in texts], dtype=np.float64)


def is_missing(cell: Any) -> bool:
    """None, NaN or NaT; the last two differ from themselves.

    Examples
    --------
    >>> [is_missing(cell) for cell in (None, float("nan"), 0.0, "")]
    [True, True, False, False]
    """
    return cell is None or cell != cell


def categories_of(plan: FeaturePlan) -> dict[str, Category]:
    """Column -> the texts seen in training, of those that features or fleet references read."""
    compared = {each.column: Category(each.column, each.values) for each in plan.fleet}
    return compared | {each.column: each for each in plan.categories}


def _with_sources(names: set[str], contract: Contract) -> set[str]:
    """Columns, and those that derived ones are computed from; a derived one only uses earlier ones."""
    needed = set(names)
    for name, spec in reversed(contract.derived.items()):
        if name in needed:
            needed |= columns_used(spec.expression)
    return needed


"""Facts about the training rows that families need to propose features."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from oilcan.core.features.plan import Category, Feature, FleetReference, Sensor
from oilcan.core.features.signals.health_index import NAME
from oilcan.ground.durations import Duration
from oilcan.ground.time_units import in_unit, length_unit
from oilcan.params.stages.featurize import FeaturizeParams

# Statistics a sensor gets beside its level, by its rhythm; plain sensors get all, over all windows.
RHYTHMS: Final[dict[str, frozenset[str]]] = {
    "condition": frozenset({"mean"}),
    "sparse": frozenset({"max", "slope"}),       # over the longest window only
    "counter": frozenset({"slope"}),             # over the longest window only
    "text": frozenset(),
    "residual": frozenset({"mean"}),
}
PER_TICK: Final = frozenset({"slope", "trend", "rate"})
MANY: Final = 30                                          # plain sensors; above it they get only
WIDE: Final = frozenset({"mean", "std", "slope", "early"})  # these, over the longest window

EXPECTATION: Final = "expectation"      # of a sensor under its operating conditions
SPREADS: Final = frozenset({"std", "min", "max"})           # what a lean plan does without
LEAN: Final = frozenset({"early", "renewed"})               # beside a health index made for the only forecast


@dataclass(frozen=True)
class Facts:
    """Facts about the training rows.

    Parameters
    ----------
    time
        Kind of time, as in the plan.
    windows
        Look-backs of the contract [ticks], ascending.
    plan_sensors
        Sensors worth reading.
    statics
        Static columns that are numbers, flags, dates or categories -> (type, unit, description).
    kinds
        Event table -> codes, components or modes seen before the end of training.
    only_life
        Whether remaining life is the only forecast.
    has_drift
        Whether the drift of the hidden state is part of the plan.
    has_replaced
        Whether maintenance records can say that a part was replaced.
    regular_start
        Whether machines started together, so that elapsed time is only a date.
    """

    time: str
    params: FeaturizeParams
    windows: tuple[float, ...]
    plan_sensors: tuple[Sensor, ...]
    normalised: frozenset[str]
    statics: dict[str, tuple[str, str, str]]
    kinds: dict[str, tuple[str, ...]]
    categories: tuple[Category, ...]
    fleet: tuple[FleetReference, ...]
    regular_start: bool
    only_life: bool
    has_drift: bool = False
    has_replaced: bool = False

    @property
    def is_wide(self) -> bool:
        """Whether there are too many plain sensors for every statistic over every window."""
        return sum(s.rhythm == "plain" for s in self.plan_sensors) > MANY

    @property
    def tick(self) -> str:
        """What rates are per, and in what values are that are lengths of time."""
        return "cycle" if self.time == "cycle" else "h"

    @property
    def lengths(self) -> str:
        """Unit in which lengths of time are named."""
        return length_unit(*self.time.split())

    def suffix(self, window: float) -> str:
        """Window as in names: `24h`, `30cycles`, `90s`."""
        if self.time.startswith("elapsed"):
            return f"{in_unit(window, self.lengths):.10g}{self.lengths}"
        return Duration(window, counts_cycles=self.time == "cycle").suffix

    def words(self, window: float) -> str:
        """Window as in prose: `24 h`, `30 cycles`, `90 s`."""
        return f"{in_unit(window, self.lengths):g} {'h' if self.lengths == 'hours' else self.lengths}"

    def sensors(self, *rhythms: str) -> Iterator[Sensor]:
        """Sensors of these rhythms; all without any."""
        return (s for s in self.plan_sensors if not rhythms or s.rhythm in rhythms)

    def windows_of(self, sensor: Sensor) -> tuple[float, ...]:
        """Look-backs of a sensor; the health index, one for all, affords twice and three times the longest too."""
        longest = self.windows[-1]
        return (*self.windows, 2 * longest, 3 * longest) if sensor.name == NAME else self.windows

    @cached_property
    def is_lean(self) -> bool:
        """Whether the health index replaces most sensor features: it exists, and remaining life is the only task."""
        return self.params.lean and self.only_life and any(s.name == NAME for s in self.plan_sensors)

    def applies(self, sensor: Sensor, stat: str, window: float) -> bool:
        """Whether a sensor of this rhythm gets this statistic over this window."""
        is_longest = window == self.windows[-1]
        if sensor.name == NAME:
            return not self.is_lean or stat not in SPREADS
        if self.is_lean:
            wanted = {"plain": LEAN, "residual": RHYTHMS["residual"]}.get(sensor.rhythm, ())
            return stat in wanted and window == self.windows[len(self.windows) // 2]
        if sensor.rhythm == "plain":
            return not self.is_wide or (is_longest and stat in WIDE)
        every = sensor.rhythm == "condition" or (sensor.rhythm == "residual" and not self.is_wide)
        return stat in RHYTHMS[sensor.rhythm] and (every or is_longest)

    def feature(self, kind: str, sensor: Sensor, stat: str, window: float | None, measure: str, *,
                reference: str | None = None) -> Feature:
        """A feature of one sensor, named and described as all are.

        Parameters
        ----------
        measure, reference
            As in `Feature`. A sensor that is normalised by operating conditions is itself a difference, from its
            expectation under these conditions; without another reference that is the one, except for a spread.
        """
        name = f"{sensor.name}_{stat}" + ("" if window is None else f"_{self.suffix(window)}")
        subject = sensor.description or sensor.name
        unit = f"{sensor.unit}/{self.tick}" if stat in PER_TICK else sensor.unit
        is_normalised = sensor.name in self.normalised
        text = subject + (f": {sensor.explanation}" if sensor.explanation else "")
        text += " above expectation" if is_normalised else ""
        text += f", {measure}" + (f" against {reference}" if reference else "")
        if reference is None and is_normalised and stat != "std":
            reference = EXPECTATION
        return Feature(name, kind, sensor.name, stat, window, unit, text, subject, measure, reference)

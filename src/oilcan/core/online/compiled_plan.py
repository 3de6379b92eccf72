"""What a plan needs to be followed reading by reading, put together once."""

from dataclasses import dataclass

from oilcan.contract import Contract
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.signals.health_index import NAME
from oilcan.core.online.inputs import Inputs
from oilcan.core.online.state.averages import Averages
from oilcan.core.online.state.life_normals import Lives, periods_of
from oilcan.core.online.state.record_log import Records
from oilcan.core.online.state.static_values import Statics
from oilcan.core.online.state.wear_sums import WearSums
from oilcan.core.online.state.window_groups import Sliding
from oilcan.core.timeline.lookup import window_units
from oilcan.ground.time_units import UNITS_PER_TICK


@dataclass(frozen=True)
class Parts:
    """The parts of the engine that know the plan.

    Parameters
    ----------
    sensors
        Columns of the processed readings, in order of the plan.
    """

    plan: FeaturePlan
    sensors: tuple[str, ...]
    per_tick: int
    inputs: Inputs
    sliding: Sliding
    averages: Averages
    lives: Lives
    records: Records
    wear: WearSums
    statics: Statics

    @classmethod
    def of(cls, plan: FeaturePlan, contract: Contract, *, fill_periods: int) -> "Parts":
        """The parts for a plan."""
        per_tick = UNITS_PER_TICK[plan.time.split()[0]]
        sensors = plan.columns
        inputs = Inputs(plan, contract, fill_periods=fill_periods, per_tick=per_tick)
        by_kind = {kind: [f for f in plan.features if f.kind == kind] for kind in ("ewm", "early_life", "events")}
        even = plan.health is None or plan.health.is_even
        periods = periods_of(by_kind["early_life"], sensors.index, window_units(plan.reference, per_tick))
        wear = WearSums(plan, per_tick)
        return cls(
            plan, sensors, per_tick, inputs,
            sliding=Sliding(plan.features, sensors.index, per_tick, None if even else NAME),
            averages=Averages([sensors.index(f.sensor) for f in by_kind["ewm"]],
                              [f.window or 0.0 for f in by_kind["ewm"]], per_tick),
            lives=Lives(periods, per_tick, is_replaced=bool(plan.replaced)),
            records=Records(by_kind["events"],
                            restarts=wear.is_used or any(period.name == "renewed" for period in periods),
                            replaced=plan.replaced),
            wear=wear,
            statics=Statics(plan, inputs.static),
        )  # fmt: skip

    def column(self, sensor: str) -> int:
        """Position of a sensor among the processed readings."""
        return self.sensors.index(sensor)

"""monitoring.yaml: what is watched, how sure an alert must be, and how long it stays."""

from typing import Annotated

import pydantic

from oilcan.ground.section import Section

Share = Annotated[float, pydantic.Field(ge=0, le=1)]


class InputRules(Section):
    """Drift of readings, with operating conditions taken out."""

    draws: int = pydantic.Field(ge=200)             # windows drawn for the limits
    seed: int
    needed: int = pydantic.Field(ge=1)              # of the last `of` windows above the lower limit
    of: int = pydantic.Field(ge=1)
    fewest_readings: int = pydantic.Field(ge=1)     # of a machine in a window
    fewest_machines: int = pydantic.Field(ge=2)     # with a level of their own
    known_share: Share                              # of the machines that report must be known to the reference


class QualityRules(Section):
    """Faults of the recording; each is a fact, not an inference."""

    missing_share: Share                            # of the readings of one sensor of one machine in a window
    outside_share: Share
    resting_share: Share                            # of the slots in which a sensor never moved
    late_share: Share                               # of the readings of the fleet, where arrival is known
    conflicting_share: Share
    margin: float = pydantic.Field(ge=1)            # times what the reference itself shows


class EventRules(Section):
    """Failures, work, errors and alarms against the rates of the reference."""

    spans: list[int] = pydantic.Field(min_length=1)     # windows added up; each span is a separate test
    headline_share: Share                           # of the budget for the few figures that matter most
    least_wander: Share                             # of the rates themselves, where the reference shows less
    fewest: int = pydantic.Field(ge=1)              # with fewer events, expected and observed, no verdict is given


class AlertRules(Section):
    """How alerts open, stay and come back."""

    calm_windows: int = pydantic.Field(ge=1)        # in a row without a finding until an alert closes
    silence_windows: int = pydantic.Field(ge=0)     # after it closed, in which the same subject opens none


class Budget(Section):
    """How the false alerts of a year are divided."""

    inputs: Share
    events: Share


class SensorRules(Section):
    """What is different for one sensor; absent words are as for all."""

    ignore: bool = False                            # not watched at all
    missing_share: Share | None = None
    outside_share: Share | None = None
    resting_share: Share | None = None


class DecisionRules(Section):
    """From alerts to an action."""

    cooldown_days: float = pydantic.Field(ge=0)     # after a decision to act, before the next
    oldest_days: float = pydantic.Field(gt=0)       # age of the model at which it is retrained anyway
    fewest_failures: int = pydantic.Field(ge=1)     # labelled since the model was made, to retrain from
    recalibrate_failures: int = pydantic.Field(ge=1)    # to recalibrate from
    loss_per_machine_month_eur: float = pydantic.Field(ge=0)    # above what was promised, worth a retraining


class MonitoringParams(Section):
    """The whole file."""

    window: str                                     # where time is counted in instants
    cycles_window: str                              # where machines count cycles
    false_alerts_per_year: float = pydantic.Field(gt=0)
    budget: Budget
    inputs: InputRules
    quality: QualityRules
    events: EventRules
    alerts: AlertRules
    decision: DecisionRules
    slow_share: Share                               # of resting slots in the reference: a sensor that rests by nature
    calibration_machines: int = pydantic.Field(ge=2)    # kept to draw limits from
    retention_windows: int = pydantic.Field(ge=1)   # of counts by machine that are kept
    sensors: dict[str, SensorRules] = pydantic.Field(default_factory=dict)

    def fitting(self, time_kind: str, look_back_h: float) -> "MonitoringParams":
        """The same with a window that fits a data set: `cycles_window` for cycles, a look-back for running time.

        Parameters
        ----------
        look_back_h
            Shortest look-back of the contract [ticks].
        """
        fitting = {"cycle": self.cycles_window, "elapsed": f"{look_back_h * 3600:.6f}s"}.get(time_kind, self.window)
        return self.model_copy(update={"window": fitting})

    @pydantic.model_validator(mode="after")
    def _adds_up(self) -> "MonitoringParams":
        if self.inputs.needed > self.inputs.of:
            raise ValueError(f"inputs.needed is larger than inputs.of (found {self.inputs.needed} of {self.inputs.of})")
        total = self.budget.inputs + self.budget.events
        if total > 1:
            raise ValueError(f"budget adds up to {total:g} (wanted at most 1)")
        return self

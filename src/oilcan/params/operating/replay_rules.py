"""replay.yaml: how a past year is operated again, for each data set."""

from typing import Annotated, Any

import pydantic

from oilcan.ground.section import Section

Days = Annotated[float, pydantic.Field(ge=0)]


class DrawnFleet(Section):
    """A fleet that is drawn for the replay instead of being read from files."""

    machines: int = pydantic.Field(ge=2)
    days: int = pydantic.Field(ge=60)               # history and operation together
    start: str                                      # first day
    change_after_days: int = pydantic.Field(ge=0)   # of operation; then a scenario begins


class DataSetReplay(Section):
    """One data set."""

    begins: str                                     # first day in operation; everything before it is history
    validation_days: int = pydantic.Field(ge=1)     # of each training, before its test part
    gate_days: int = pydantic.Field(ge=1)           # newest days of each training: what the gate judges by
    labels_late_days: Days                          # from a failure until its cause is recorded
    rollout_days: Days                              # from a promotion until the model is in service
    calendar_days: float = pydantic.Field(gt=0)     # of the policies that retrain by the calendar
    trial_days: Days                                # after a promotion in which the model before is compared
    fleet: DrawnFleet | None = None
    params: dict[str, Any] = pydantic.Field(default_factory=dict)   # changes of params.yaml, by dotted names


class ReplayRules(Section):
    """The whole file: data set -> how it is operated again."""

    data_sets: dict[str, DataSetReplay]

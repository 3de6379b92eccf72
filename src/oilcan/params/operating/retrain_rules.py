"""retrain.yaml: when a new model is made."""

from typing import Literal

import pydantic

from oilcan.ground.section import Section

RetrainPolicy = Literal["calendar", "drift", "cost", "age"]


class RetrainRules(Section):
    """The whole file."""

    policies: list[RetrainPolicy]
    calendar_days: float = pydantic.Field(gt=0)         # since the last retraining, or since the model learned
    drift_windows: int = pydantic.Field(ge=1)           # judged last
    drift_needed: int = pydantic.Field(ge=1)            # of them with an open alert, the newest included
    loss_per_machine_month_eur: float = pydantic.Field(ge=0)    # more than was promised
    oldest_days: float = pydantic.Field(gt=0)           # since the model learned
    cooldown_days: float = pydantic.Field(ge=0)         # after a retraining
    fresh_days: float = pydantic.Field(gt=0)            # an older decision says nothing

    @pydantic.model_validator(mode="after")
    def _fits(self) -> "RetrainRules":
        if self.drift_needed > self.drift_windows:
            raise ValueError(f"drift_needed is larger than drift_windows (found {self.drift_needed} of "
                             f"{self.drift_windows})")
        return self

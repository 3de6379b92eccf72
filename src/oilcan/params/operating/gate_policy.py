"""gate.yaml: what a model must show before it goes into service, and who must agree."""

from typing import Annotated, Literal

import pydantic

from oilcan.ground.section import Section

MetricName = Literal["pr_auc", "ece", "brier", "detected_share", "false_alarms", "cost", "rmse"]
Reason = Annotated[str, pydantic.Field(min_length=10)]


class EvidenceRules(Section):
    """Below this, nothing is decided: the answer is hold."""

    failures: int = pydantic.Field(ge=1)        # in the test part, of a task that forecasts an event
    machines: int = pydantic.Field(ge=1)        # in the test part; rows where they have no time
    reason: Reason


class MetricLine(Section):
    """One figure: what the challenger must reach, and how much worse than the champion it may be."""

    metric: MetricName
    better: Literal["higher", "lower"]
    floor: float | None                         # of the challenger alone; breaking it rejects
    tolerated: float | None = pydantic.Field(ge=0)      # loss against the champion; more of it holds
    measure: Literal["share", "absolute"]       # of the champion's value, or in the figure's own unit
    by: Literal["interval", "estimate"]
    reason: Reason


class ProofRules(Section):
    """Figures of which one, better with its whole interval, lets lines by interval be judged by their estimate."""

    metrics: list[MetricName] = pydantic.Field(min_length=1)
    reason: Reason


class SliceRules(Section):
    """No slice may be served much worse."""

    tolerated: float = pydantic.Field(ge=0)     # loss as a share of the champion's value on the slice
    fewest_machines: int = pydantic.Field(ge=1)     # smaller slices are not compared
    fewest_failures: int = pydantic.Field(ge=1)     # machines that must have failed in it, where a failure is forecast
    modes: bool                                 # failure modes are slices too
    reason: Reason


class ApprovalRules(Section):
    """Who must agree to a promotion."""

    required: bool          # a named approver, not the gate alone
    not_author: bool        # and another person than the author of the commit
    signed: bool            # by a signed tag; needs `git config user.signingkey`
    reason: Reason


class GatePolicy(Section):
    """The whole file."""

    owner: str = pydantic.Field(min_length=1)   # who answers for the model, and how to reach them
    evidence: EvidenceRules
    metrics: list[MetricLine]
    proof: ProofRules | None = None             # None: every line by interval asks for an interval
    slices: SliceRules
    approval: ApprovalRules

    @pydantic.field_validator("metrics")
    @classmethod
    def _each_once(cls, lines: list[MetricLine]) -> list[MetricLine]:
        names = [line.metric for line in lines]
        if len(set(names)) != len(names):
            raise ValueError(f"a metric stands twice ({sorted({name for name in names if names.count(name) > 1})}). "
                             f"Keep one line for each")
        return lines

    def line(self, metric: str) -> MetricLine | None:
        """The line of a metric; None if the policy does not name it."""
        return next((line for line in self.metrics if line.metric == metric), None)

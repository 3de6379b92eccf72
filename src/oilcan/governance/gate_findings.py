"""What the gate finds: checks, comparisons with the champion, and the verdict that rests on them."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from oilcan.core.phrasing.quantities import number

Decision = Literal["promote", "hold", "reject"]
Severity = Literal["reject", "hold", "withhold", "note"]


@dataclass(frozen=True)
class Check:
    """One condition: what was found, what was wanted, and what follows if it fails.

    `reject` and `hold` are decisions about the model, `withhold` leaves out one failure mode, and `note` decides
    nothing: the contract calls that task informational.
    """

    name: str
    passed: bool
    found: str
    wanted: str
    severity: Severity


@dataclass(frozen=True)
class Comparison:
    """The champion re-scored on the challenger's test rows.

    `gain` is how much better the challenger is on the metric, as a share of the champion's value,
    with the bounds of its 95 % interval from resampled machines; negative is worse.
    """

    metric: str
    where: str
    champion: float
    challenger: float
    gain: float
    gain_low: float
    gain_high: float
    task: str = ""              # of the contract
    is_slice: bool = False      # some machines of the test part, not all


@dataclass(frozen=True)
class NotCompared:
    """A task on which champion and challenger could not be compared, and why."""

    task: str
    why: str
    is_deciding: bool = False       # the headline task: without a comparison the answer is hold


@dataclass(frozen=True)
class Verdict:
    """A decision, the checks it rests on, and the forecasts of failure modes that are not to be served."""

    decision: Decision
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    withheld: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The verdict as plain values for metrics/detail/review.json."""
        return {"decision": self.decision, "reasons": list(self.reasons), "checks": [asdict(c) for c in self.checks],
                "withheld": list(self.withheld)}


def figure_text(value: float | None) -> str:
    """A figure to four digits, or that it is missing.

    Examples
    --------
    >>> figure_text(0.123456), figure_text(None)
    ('0.1235', 'missing')
    """
    return "missing" if value is None else number(value, 4)

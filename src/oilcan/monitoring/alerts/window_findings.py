"""A finding: one number of one window that is beyond its limit. Rules make findings; alerts are made of findings."""

from dataclasses import dataclass, field
from typing import Any, Literal

Severity = Literal["notice", "warning", "alert"]
Family = Literal["quality", "fleet", "inputs", "events"]


@dataclass(frozen=True)
class Finding:
    """What is unusual in a window.

    Attributes
    ----------
    family
        `quality` (recording), `fleet` (new machines and kinds), `inputs`, `events` (failures, work, errors, alarms).
    rule
        Which rule: `missing`, `unit`, `shift`, `rate`, ...
    subject
        Column, kind of event or machine category that it is about.
    value, limit
        The number and its limit, in the unit of `unit`.
    machines
        Those concerned, the most concerned first; empty means the fleet.
    detail
        Further plain numbers and words for the diagnosis.
    """

    family: Family
    rule: str
    subject: str
    severity: Severity
    value: float
    limit: float
    unit: str
    machines: tuple[str, ...] = ()
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Findings with one key are one alert."""
        return f"{self.family}:{self.subject}" if self.family != "quality" else f"quality:{self.rule}:{self.subject}"


@dataclass(frozen=True)
class Unknown:
    """What could not be judged in a window, and why: never the same as no drift."""

    subject: str
    reason: str

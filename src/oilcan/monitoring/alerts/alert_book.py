"""Findings of one window after another -> alerts that open, stay and close.

An alert opens with the first finding of its key, stays open until enough calm windows in a row, and is followed by a
silence in which the same key opens no other. A window that could not be judged is not a calm one.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from oilcan.monitoring.alerts.window_findings import Finding, Severity, Unknown
from oilcan.params.operating.monitoring import AlertRules

_RANK = {"notice": 0, "warning": 1, "alert": 2}


@dataclass(frozen=True)
class Alert:
    """Something that has changed.

    Attributes
    ----------
    opened, latest, closed
        Windows: the first with a finding, the last with one, and the one in which it was closed (None: it is open).
    severity
        The highest of its findings.
    findings
        Of the latest window with any, the first finding being the strongest.
    calm
        Windows in a row without a finding.
    """

    key: str
    opened: int
    latest: int
    severity: Severity
    findings: tuple[Finding, ...]
    closed: int | None = None
    calm: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it still stands."""
        return self.closed is None

    @property
    def finding(self) -> Finding:
        """The strongest of the latest findings."""
        return self.findings[0]

    @property
    def machines(self) -> tuple[str, ...]:
        """Machines concerned; empty means the fleet."""
        return self.finding.machines

    def as_json(self) -> dict[str, Any]:
        """Plain values without the findings: what a service keeps over a restart."""
        return {"key": self.key, "opened": self.opened, "latest": self.latest, "closed": self.closed,
                "severity": self.severity, "calm": self.calm}


@dataclass
class AlertBook:
    """All alerts of a fleet, open and closed, in the order of their opening."""

    rules: AlertRules
    alerts: list[Alert] = field(default_factory=list)

    def enter(self, window: int, findings: Iterable[Finding], unknown: Iterable[Unknown] = ()) -> list[Alert]:
        """Take in the findings of the next window; the alerts that it opened."""
        by_key: dict[str, list[Finding]] = {}
        for finding in findings:
            if finding.severity != "notice":
                by_key.setdefault(finding.key, []).append(finding)
        blind = {each.subject for each in unknown}
        for at, alert in enumerate(self.alerts):
            if alert.is_open:
                self.alerts[at] = self._next(alert, window, by_key.pop(alert.key, []), blind)
        new = [Alert(key, window, window, _worst(found), _ordered(found)) for key, found in sorted(by_key.items())
               if not self._is_silent(key, window)]
        self.alerts += new
        return new

    @property
    def open(self) -> list[Alert]:
        """Alerts that stand, the most severe and the oldest first."""
        return sorted((alert for alert in self.alerts if alert.is_open),
                      key=lambda alert: (-_RANK[alert.severity], alert.opened, alert.key))

    def _next(self, alert: Alert, window: int, found: list[Finding], blind: set[str]) -> Alert:
        if found:
            return replace(alert, latest=window, severity=max(alert.severity, _worst(found), key=_RANK.__getitem__),
                           findings=_ordered(found), calm=0)
        if blind & {alert.findings[0].family, alert.findings[0].subject}:
            return alert
        calm = alert.calm + 1
        return replace(alert, calm=calm, closed=window if calm >= self.rules.calm_windows else None)

    def _is_silent(self, key: str, window: int) -> bool:
        return any(alert.key == key and alert.closed is not None
                   and window - alert.closed <= self.rules.silence_windows for alert in self.alerts)


def _worst(found: list[Finding]) -> Severity:
    return max((finding.severity for finding in found), key=_RANK.__getitem__)


def _ordered(found: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(found, key=lambda finding: (-_RANK[finding.severity],
                                                    -finding.value / finding.limit if finding.limit else 0.0)))

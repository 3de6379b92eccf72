"""What the monitoring knows, as it is published in its own process and, through the store, to other replicas."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from oilcan.serving.watch.watch_metrics import Samples

if TYPE_CHECKING:
    from oilcan.monitoring.watch_report import WatchReport
    from oilcan.params.operating.monitoring import MonitoringParams
    from oilcan.serving.watch.machine_faults import MachineFault


@dataclass(frozen=True)
class FoundAlert:
    """An open alert in words.

    Attributes
    ----------
    what
        The short form of `text`.
    seen_at
        Exact time at which the window ended in which it opened.
    """

    severity: str
    rule: str
    subject: str
    text: str
    what: str
    seen_at: int


@dataclass(frozen=True)
class Found:
    """A verdict in words."""

    state: str
    verdict: str
    alerts: tuple[FoundAlert, ...]


@dataclass(frozen=True)
class Known:
    """What was published last; replaced as a whole.

    Attributes
    ----------
    samples
        Of the metrics.
    found
        None if nothing could be judged; `why` says the reason.
    faults
        Machine -> sensors that its forecast cannot rest on.
    upto
        Number of the last entry of the log that is in it.
    report, rules
        Where this process judged itself: the whole report, and by which rules.
    """

    samples: Samples
    found: Found | None = None
    faults: "Mapping[str, tuple[MachineFault, ...]]" = field(default_factory=dict)
    why: str = "the monitoring has judged nothing yet"
    upto: int = 0
    report: "WatchReport | None" = None
    rules: "MonitoringParams | None" = None

    def as_text(self) -> str:
        """What other replicas need of it."""
        return json.dumps({
            "samples": {name: [[list(labels), value] for labels, value in values.items()]
                        for name, values in self.samples.items()},
            "found": None if self.found is None else asdict(self.found),
            "faults": {machine: [asdict(fault) for fault in faults] for machine, faults in self.faults.items()},
            "why": self.why, "upto": self.upto})


def known_from(text: str) -> Known:
    """What `Known.as_text` wrote."""
    from oilcan.serving.watch.machine_faults import MachineFault

    read = json.loads(text)
    found = read["found"]
    return Known(
        {name: {tuple(labels): value for labels, value in values} for name, values in read["samples"].items()},
        None if found is None else Found(found["state"], found["verdict"],
                                         tuple(FoundAlert(**alert) for alert in found["alerts"])),
        {machine: tuple(MachineFault(**fault) for fault in faults) for machine, faults in read["faults"].items()},
        read["why"], read["upto"])


def found_in(report: "WatchReport | None") -> Found | None:
    """The words of a report."""
    if report is None:
        return None
    return Found(report.state, report.verdict, tuple(
        FoundAlert(each.alert.severity, each.alert.finding.rule, each.alert.finding.subject, each.diagnosis.sentence,
                   each.diagnosis.what, int(report.axis.start(each.alert.opened + 1))) for each in report.open))

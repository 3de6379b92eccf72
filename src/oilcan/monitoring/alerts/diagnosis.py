"""What an alert most likely means, and what to do: in the words and units of the crew.

A rule of thumb for each pattern; the pattern (one machine or all of a kind, sudden or gradual, inputs or outcomes) is
what the statistics have established, the cause is what it most often is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from oilcan.core.bundle.watch_reference import WatchedColumn, WatchReference
from oilcan.monitoring.alerts.alert_book import Alert
from oilcan.monitoring.alerts.window_findings import Finding

Cause = Literal["sensor fault", "unit changed", "recording fault", "new kind of machine", "sensor drift",
                "changed mechanism", "changed policy", "alarm flood", "alarm drought", "other use"]
_MOST: Final = 0.8                      # share of a kind's machines that counts as all of it
_NAMED: Final = 4                       # machines that a sentence names


@dataclass(frozen=True)
class Diagnosis:
    """What moved, where, what it most likely is, and what to do.

    Attributes
    ----------
    scope
        `one machine`, `some machines`, `all machines of model P900`, `the fleet`.
    share_of_alarms
        Weight of the sensor among the reasons of the alarms since the change; None where no alarm gives reasons.
    """

    what: str
    since: str
    scope: str
    cause: Cause
    action: str
    share_of_alarms: float | None = None

    @property
    def sentence(self) -> str:
        """All of it in a few sentences."""
        due = (f" It has {self.share_of_alarms:.0%} of the weight among the reasons of the alarms since then."
               if self.share_of_alarms is not None else "")
        return f"{self.what} since {self.since}, on {self.scope}.{due} Most likely: {self.cause}. {self.action}"


def diagnose(alert: Alert, since: str, reference: WatchReference, kinds: Mapping[str, Mapping[str, str]],
             others: Sequence[Alert] = ()) -> Diagnosis:
    """The most likely meaning of an alert.

    Parameters
    ----------
    since
        The window in which it opened, in words.
    kinds
        Machine -> its values by category.
    others
        All alerts that are open, this one included: a change of outcomes with inputs as before means something else
        than one together with them.
    """
    finding = alert.finding
    scope = scope_of(finding, kinds)
    if finding.family == "quality":
        return _quality(finding, since, scope, reference)
    if finding.family == "fleet":
        return _fleet(finding, since)
    if finding.family == "inputs":
        return _inputs(alert, since, scope, reference)
    return _events(finding, since, others)


def scope_of(finding: Finding, kinds: Mapping[str, Mapping[str, str]]) -> str:
    """Which machines, in words: the smallest kind that holds them all, where they are most of it.

    Examples
    --------
    >>> kinds = {"a": {"site": "coast"}, "b": {"site": "coast"}, "c": {"site": "north"}}
    >>> scope_of(Finding("inputs", "shift", "flow", "alert", 1, 1, "", ("a", "b")), kinds)
    'all machines of site coast'
    """
    machines = finding.machines
    if not machines:
        return "the fleet"
    if len(machines) == 1:
        return f"machine {machines[0]}"
    for category in sorted({name for values in kinds.values() for name in values}):
        values = {kinds.get(machine, {}).get(category) for machine in machines}
        if len(values) == 1 and None not in values:
            value = values.pop()
            members = [name for name, own in kinds.items() if own.get(category) == value]
            if len(machines) >= _MOST * len(members) and len(members) < len(kinds):
                return f"all machines of {category} {value}"
    named = ", ".join(machines[:_NAMED]) + (", ..." if len(machines) > _NAMED else "")
    return f"{len(machines)} machines ({named})"


def _column(reference: WatchReference, name: str) -> WatchedColumn | None:
    return next((column for column in reference.columns if column.name == name), None)


def _words(reference: WatchReference, name: str) -> str:
    column = _column(reference, name)
    return column.description if column else name


def _quality(finding: Finding, since: str, scope: str, reference: WatchReference) -> Diagnosis:
    words, share = _words(reference, finding.subject), f"{finding.value:.0%}"
    if finding.rule == "unit":
        units = finding.detail.get("units", "")
        return Diagnosis(f"{words} reads {finding.value:.3g} times what it did ({units})", since, scope, "unit changed",
                         "Ask who changed the controller or the export, and correct the factor in the contract; until "
                         "then these readings are wrong for the forecast.")
    what = {"missing": f"{words} is missing in {share} of the readings",
            "outside": f"{words} is outside its physical range in {share} of the readings",
            "resting": f"{words} did not move on {share} of the days",
            "silent": f"{finding.value:.0f} machines sent no reading any more",
            "late": f"{share} of the readings came late", "clock": f"clocks are ahead by up to {finding.value:.1f} h",
            "conflicting": f"{share} of the readings contradict an earlier one"}[finding.rule]
    if finding.rule in ("missing", "outside", "resting"):
        return Diagnosis(what, since, scope, "sensor fault", "Check the sensor and its cable; until it is repaired the "
                         "forecast of these machines rests on the other sensors.")
    return Diagnosis(what, since, scope, "recording fault", "Check the gateway and the network of these machines; what "
                     "does not arrive cannot warn.")


def _fleet(finding: Finding, since: str) -> Diagnosis:
    if finding.rule == "new_kind":
        return Diagnosis(f"machines of {finding.subject} report, which the model has never seen", since,
                         f"{finding.value:.0f} machines", "new kind of machine",
                         "Collect failures and work of these machines and retrain when there are enough; until then "
                         "take their forecasts as a guess.")
    share = finding.detail.get("share", 0.0)
    return Diagnosis(f"{finding.value:.0f} machines are new to the model, {share:.0%} of all", since, "new machines",
                     "new kind of machine", "Retrain, so that the model and its reference know the fleet as it is.")


def _inputs(alert: Alert, since: str, scope: str, reference: WatchReference) -> Diagnosis:
    finding = alert.finding
    column = _column(reference, finding.subject)
    words = column.description if column else finding.subject
    shift = finding.detail.get("mean_shift")
    size = f" by {abs(shift):.2f} of its usual spread in the mean of the fleet" if shift else ""
    direction = finding.detail.get("direction", "away")
    if finding.rule == "together" or len(finding.machines) == 1:
        return Diagnosis(f"{words} jumped {direction} at one moment, with no work on the machine to explain it", since,
                         scope, "sensor fault", "Compare with a hand-held instrument; recalibrate the sensor, or mask "
                         "it until then.")
    return Diagnosis(f"{words} has moved {direction}{size}, under the same load and weather as before", since, scope,
                     "sensor drift", "Check the calibration of these sensors first. If the machines themselves have "
                     "changed, recalibrate the forecast, or retrain.")


def _events(finding: Finding, since: str, others: Sequence[Alert]) -> Diagnosis:
    kind, more = finding.subject, finding.detail.get("direction") == "more"
    weeks = finding.detail.get("span", 0)
    what = f"{finding.value:.0f} {kind} in {weeks} windows, where {finding.limit:.1f} were to be expected,"
    drifted = [other for other in others if other.finding.family == "inputs"]
    policy = [other for other in others if other.finding.subject.startswith("planned work")]
    if kind.startswith("planned work") or (policy and kind.startswith("failures")):
        return Diagnosis(what, since, "the fleet", "changed policy", "Ask the planners what has changed; the failures "
                         "that the model learned to expect come at other times now. Relabel and retrain on what was "
                         "recorded since.")
    if kind == "alarms":
        return Diagnosis(what, since, "the fleet", "alarm flood" if more else "alarm drought",
                         "Look at the alerts on inputs first; if there are none, compare with the failures seen.")
    if drifted:
        return Diagnosis(what, since, "the fleet", "sensor drift", "Inputs have moved as well: see their alerts, and "
                         "recalibrate when the sensors are right.")
    return Diagnosis(what, since, "the fleet", "changed mechanism", "Inputs are as before, so the machines fail in a "
                     "way that the model has not learned. Retrain with the failures seen since.")

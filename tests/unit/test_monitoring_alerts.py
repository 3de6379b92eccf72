"""Alerts open, stay, close and are silent; what they mean; what is decided."""

from dataclasses import replace

import pandas as pd
import pytest
from tests import monitoring_frames as frames

from oilcan.ground.columns import TIME
from oilcan.monitoring.alerts.alarm_share import AlarmReasons
from oilcan.monitoring.alerts.alert_book import AlertBook
from oilcan.monitoring.alerts.decision import Action, OpenAlert, Signals, decide
from oilcan.monitoring.alerts.diagnosis import diagnose, scope_of
from oilcan.monitoring.alerts.window_findings import Finding, Severity, Unknown
from oilcan.monitoring.watch_report import report_on

KINDS = {name: {"model": "A" if name < "c" else "B", "site": "coast"} for name in "abcdef"}


def finding(rule: str = "shift", subject: str = "heat", severity: Severity = "alert", family: str = "inputs",
            machines: tuple[str, ...] = (), **detail: object) -> Finding:
    return Finding(family, rule, subject, severity, 3.0, 1.0, "", machines, detail)  # type: ignore[arg-type]


def book(**changes: object) -> AlertBook:
    return AlertBook(frames.rules().alerts.model_copy(update=changes))


def test_an_alert_opens_once_and_closes_after_calm_windows() -> None:
    alerts = book(calm_windows=2, silence_windows=0)
    opened = [len(alerts.enter(window, [finding()] if window in (1, 2, 4) else [])) for window in range(8)]
    assert opened == [0, 1, 0, 0, 0, 0, 0, 0]
    assert [(alert.opened, alert.latest, alert.closed) for alert in alerts.alerts] == [(1, 4, 6)]


def test_after_it_closed_the_same_subject_is_silent_for_a_while_and_another_is_not() -> None:
    alerts = book(calm_windows=1, silence_windows=3)
    alerts.enter(0, [finding()])
    alerts.enter(1, [])
    assert alerts.enter(2, [finding()]) == []
    assert [alert.key for alert in alerts.enter(3, [finding(), finding(subject="flow")])] == ["inputs:flow"]
    assert [alert.key for alert in alerts.enter(5, [finding()])] == ["inputs:heat"]


def test_a_window_that_cannot_be_judged_is_not_a_calm_one() -> None:
    alerts = book(calm_windows=1)
    alerts.enter(0, [finding()])
    alerts.enter(1, [], [Unknown("inputs", "not enough data")])
    assert len(alerts.open) == 1
    alerts.enter(2, [])
    assert alerts.open == []


def test_a_notice_opens_no_alert() -> None:
    assert book().enter(0, [finding(severity="notice")]) == []


def test_findings_about_one_sensor_are_one_alert_of_the_highest_severity() -> None:
    new = book().enter(0, [finding("psi", severity="warning"), finding("shift")])
    assert [(alert.severity, [each.rule for each in alert.findings]) for alert in new] == [("alert", ["shift", "psi"])]


@pytest.mark.parametrize(("machines", "words"), [
    ((), "the fleet"), (("a",), "machine a"), (("a", "b"), "all machines of model A"),
    (("a", "c"), "2 machines (a, c)"), (tuple("abcdef"), "6 machines (a, b, c, d, ...)"),
])
def test_the_scope_is_the_smallest_kind_that_holds_the_machines(machines: tuple[str, ...], words: str) -> None:
    assert scope_of(finding(machines=machines), KINDS) == words


@pytest.mark.parametrize(("found", "others", "cause"), [
    (finding("together", machines=("a", "b")), [], "sensor fault"),
    (finding("shift"), [], "sensor drift"),
    (finding("resting", family="quality", machines=("a",)), [], "sensor fault"),
    (finding("unit", family="quality", machines=("a",), units="bar and kPa"), [], "unit changed"),
    (finding("silent", "machines", family="quality", machines=("a",)), [], "recording fault"),
    (finding("new_kind", "model C", family="fleet", machines=("a",)), [], "new kind of machine"),
    (finding("rate", "failures", family="events", direction="more"), [], "changed mechanism"),
    (finding("rate", "failures", family="events", direction="more"), [finding("shift")], "sensor drift"),
    (finding("rate", "failures", family="events", direction="more"),
     [finding("rate", "planned work", family="events", direction="fewer")], "changed policy"),
    (finding("rate", "planned work", family="events", direction="fewer"), [], "changed policy"),
    (finding("rate", "alarms", family="events", direction="more"), [], "alarm flood"),
    (finding("rate", "alarms", family="events", direction="fewer"), [], "alarm drought"),
])
def test_the_pattern_of_an_alert_says_what_it_most_likely_is(found: Finding, others: list[Finding], cause: str) -> None:
    alerts = book()
    alerts.enter(0, [found, *others])
    mine = next(alert for alert in alerts.open if alert.finding == found)
    diagnosis = diagnose(mine, "2024-05-13", frames.learned().reference, KINDS, alerts.open)
    assert diagnosis.cause == cause
    assert "2024-05-13" in diagnosis.sentence
    assert diagnosis.action.endswith(".")


def signals(*causes: str, **changes: object) -> Signals:
    values: dict[str, object] = {
        "alerts": [OpenAlert(f"inputs:{cause}", cause, "alert") for cause in causes],
        "state": "alert" if causes else "calm", "age_days": 100.0, "failures": 50, "loss_per_machine_month_eur": 0.0,
        "loss_at_least_per_machine_month_eur": -300.0, "outcomes_known": True, "days_since_action": None}
    return Signals(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(("given", "action"), [
    (signals(), "nothing"),
    (signals("sensor fault", "unit changed"), "nothing"),
    (signals("changed mechanism"), "retrain"),
    (signals("changed mechanism", failures=5), "collect"),
    (signals("changed mechanism", failures=15), "collect"),
    (signals("sensor drift", failures=15), "recalibrate"),
    (signals("alarm flood", failures=15), "recalibrate"),
    (signals("changed policy", days_since_action=3.0), "collect"),
    (signals(age_days=400.0), "retrain"),
    (signals(loss_per_machine_month_eur=500.0, loss_at_least_per_machine_month_eur=60.0), "retrain"),
    (signals(loss_per_machine_month_eur=500.0), "nothing"),                     # chance may explain it
    (signals(loss_per_machine_month_eur=500.0, loss_at_least_per_machine_month_eur=None), "nothing"),
    (signals(outcomes_known=False, loss_per_machine_month_eur=None), "nothing"),
    (signals(alerts=None), "cannot_tell"), (signals(state=None), "cannot_tell"),
    (signals(state="unknown"), "cannot_tell"),
    (signals(age_days=None), "cannot_tell"), (signals(age_days=-2.0), "cannot_tell"),
    (signals(failures=None), "cannot_tell"), (signals(loss_per_machine_month_eur=None), "cannot_tell"),
])
def test_the_decision_has_reasons_and_fails_closed(given: Signals, action: Action) -> None:
    decision = decide(given, frames.rules().decision)
    assert decision.action == action
    assert decision.reasons


@pytest.mark.parametrize(("given", "by"), [
    (signals(), ()), (signals("sensor fault"), ()), (signals("sensor drift"), ("alerts",)),
    (signals(age_days=400.0), ("age",)), (signals(age_days=400.0, days_since_action=3.0), ("age",)),
    (signals("alarm flood", age_days=400.0, loss_per_machine_month_eur=500.0, loss_at_least_per_machine_month_eur=60.0),
     ("alerts", "cost", "age")),
])
def test_the_decision_says_what_asked_for_it(given: Signals, by: tuple[str, ...]) -> None:
    assert decide(given, frames.rules().decision).by == by


@pytest.mark.parametrize(("cause", "can_help"), [("sensor fault", False), ("unit changed", False),
    ("recording fault", False), ("sensor drift", True), ("changed mechanism", True), ("alarm flood", True)])
def test_a_newer_model_helps_with_everything_but_faults_of_sensors_and_recording(cause: str, can_help: bool) -> None:
    assert OpenAlert("inputs:heat", cause, "alert").is_learned_from is can_help


def test_alarms_are_read_once_and_not_at_all_without_an_alert_about_a_sensor() -> None:
    readings, read = frames.telemetry(6, seed=9), []
    calm = frames.observe(readings)
    changed = readings[TIME] >= frames.MONDAY + pd.Timedelta(weeks=4)
    readings.loc[changed, ["heat", "flow"]] += 6.0
    judge, subjects = frames.watcher(), []
    for seen in (calm, frames.observe(readings)):
        seen, book = replace(seen, alarms=lambda: read.append(1) or ()), AlertBook(frames.rules().alerts)
        verdict = judge.window(seen, frames.week(4))
        book.enter(frames.week(4), verdict.findings, verdict.unknown)
        report = report_on([verdict], book, judge.reference, seen, judge.contract, judge.axis)
        subjects.append({each.alert.finding.subject for each in report.open} & {"heat", "flow"})
    assert (subjects, read) == ([set(), {"heat", "flow"}], [1])


def test_an_input_alert_says_how_much_of_the_alarms_is_due_to_its_sensor() -> None:
    readings = frames.telemetry(6, seed=9)
    readings.loc[readings[TIME] >= frames.MONDAY + pd.Timedelta(weeks=4), "heat"] += 6.0
    window = frames.week(4)
    since = frames.watcher().axis.start(window)
    seen = replace(frames.observe(readings), alarms=lambda: (
        AlarmReasons(since - 1, {"flow": 1.0}), AlarmReasons(since, {"heat": 0.6, "flow": 0.4}),
        AlarmReasons(since + 1, {"heat": 0.2})))
    judge, book = frames.watcher(), AlertBook(frames.rules().alerts)
    verdict = judge.window(seen, window)
    book.enter(window, verdict.findings, verdict.unknown)
    report = report_on([verdict], book, judge.reference, seen, judge.contract, judge.axis)
    of_heat = next(each for each in report.open if each.alert.finding.subject == "heat")
    assert of_heat.diagnosis.share_of_alarms == pytest.approx(0.4)
    assert "40% of the weight among the reasons" in of_heat.diagnosis.sentence

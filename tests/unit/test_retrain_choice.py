"""When a new model is made: each policy, the cooldown, and what cannot be read."""

import pytest
from tests.stages.running import ROOT

from oilcan.governance.retrain_choice import JudgedWindow, RetrainSignals, choose
from oilcan.ground.errors import ParamsError
from oilcan.ground.section import section
from oilcan.io.stage import stage_inputs
from oilcan.monitoring.alerts.decision import Decision
from oilcan.operations.replay.retrain_policies import POLICIES
from oilcan.params.operating.retrain_rules import RetrainRules

RULES = section(RetrainRules, stage_inputs.read_yaml(ROOT / "retrain.yaml"), "retrain.yaml")


def weeks(*alerts, days_ago=1.0, loss=None, age=20.0):
    return [JudgedWindow(f"W{50 - at}", days_ago + 7 * at, count, loss, age) for at, count in enumerate(alerts)]


def asked(windows, since=None, **rules):
    return choose(RetrainSignals(windows, since), RULES.model_copy(update=rules))


@pytest.mark.parametrize(("action", "by", "asks"), [
    ("retrain", ("alerts",), True), ("retrain", ("cost",), True), ("retrain", ("alerts", "age"), True),
    ("recalibrate", ("alerts",), True),             # Oilcan recalibrates by training again
    ("retrain", ("age",), False),                   # a calendar of a year
    ("collect", ("alerts",), False), ("nothing", (), False), ("cannot_tell", (), False),
])
def test_a_replay_retrains_on_drift_when_alerts_or_cost_ask_for_a_newer_model(action, by, asks):
    decision = Decision(action, ("because",), by)
    rules = RULES.model_copy(update={"calendar_days": 28.0})
    for name in ("drift", "drift-ungated"):
        found = POLICIES[name].reasons(weeks(1)[0], decision, rules, days_since_calendar=400.0)
        assert found == (("because",) if asks else ())
    assert POLICIES["never"].reasons(weeks(1)[0], decision, rules, days_since_calendar=400.0) == ()


@pytest.mark.parametrize(("windows", "since", "by"), [
    (weeks(0, 0, 0), None, ()),
    (weeks(1, 1, 0), None, ("drift",)),
    (weeks(2, 0, 1), None, ("drift",)),
    (weeks(0, 1, 1), None, ()),                     # the newest must be one of them
    (weeks(1, 0, 0), None, ()),
    (weeks(1), None, ()),
    (weeks(0, loss=51.0), None, ("cost",)),
    (weeks(0, loss=50.0), None, ()),
    (weeks(0, age=366.0), None, ("calendar", "age")),
    (weeks(0, age=366.0), 20.0, ("age",)),
    (weeks(0), 30.0, ("calendar",)),
    (weeks(1, 1), 31.0, ("calendar", "drift")),
])
def test_each_policy_asks_by_itself(windows, since, by):
    choice = asked(windows, since)
    assert choice.by == by
    assert choice.retrain is bool(by)
    assert len(choice.reasons) == (len(by) or len(RULES.policies))


def test_after_a_retraining_nothing_asks_until_the_cooldown_is_over():
    choice = asked(weeks(3, 3, 3, loss=900.0, age=900.0), 13.9)
    assert (choice.retrain, choice.reasons) == (
        False, ("cooldown: the last retraining was 13.9 days ago (wanted 14)",))
    assert asked(weeks(3, 3, 3), 14.0).by == ("drift",)


@pytest.mark.parametrize(("windows", "reason"), [
    ([], "no fresh decision: none is recorded"),
    (weeks(3, 3, 3, days_ago=10.5), "no fresh decision: the newest is 10.5 days old"),
    (weeks(None, 3, 3), "W50: the monitoring has no verdict"),
])
def test_what_cannot_be_read_starts_nothing(windows, reason):
    choice = asked(windows, 100.0)
    assert choice.retrain is None
    assert choice.reasons[0].startswith(reason)


def test_rules_that_contradict_each_other_are_refused():
    values = RULES.model_dump() | {"drift_needed": 4}
    with pytest.raises(ParamsError, match=r"drift_needed is larger than drift_windows \(found 4 of 3\)"):
        section(RetrainRules, values, "retrain.yaml")

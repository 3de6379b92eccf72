"""Models in service one after the other, and what their alarms were worth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.evaluation.operated.operated_year import Service, operate
from oilcan.evaluation.operated.policy_summary import over_machines, summarise
from oilcan.governance.gate_findings import Comparison
from oilcan.governance.rollback_rule import reason_to_roll_back
from oilcan.io.stage.stage_inputs import read_contract

CONTRACT = read_contract(Path(__file__).parents[2] / "datasets/demo_fleet.yaml")        # 72 h ahead, 12 h lead time
HOURS = pd.date_range("2024-01-01", periods=120, freq="6h", tz="UTC").as_unit("us")
ROWS = pd.DataFrame({"machine_id": np.repeat(["a", "b"], len(HOURS)), "time": np.tile(HOURS, 2)})
FAILURES = pd.DataFrame({"machine_id": ["a", "b"], "time": [HOURS[60], HOURS[90]], "mode": "seal"})
END = int((HOURS[-1] + pd.Timedelta("6h")).value // 1000)


def service(at: int, alarms: dict[str, list[int]], *, refractory: float = 84.0) -> Service:
    p = np.zeros(len(ROWS))
    for machine, rows in alarms.items():
        p[np.array(rows) + (0 if machine == "a" else len(HOURS))] = 0.9
    return Service(int(HOURS[at].value // 1000), p, AlarmPolicy.plain(0.5, refractory))


def test_each_model_forecasts_the_rows_of_its_time_only():
    blind, seeing = service(0, {}), service(70, {"a": [55], "b": [85]})
    year = operate(CONTRACT, ROWS, [blind, seeing], FAILURES, end=END)
    assert year.events()[["machine_id", "kind"]].to_numpy().tolist() == [["a", "missed"], ["b", "caught"]]
    assert year.figures()["cost_eur"] == 24_000.0
    assert year.events()["lead"].to_numpy()[1] == 30.0


def test_the_silence_of_a_machine_outlasts_a_change_of_model():
    first, second = service(0, {"a": [55]}), service(57, {"a": [58]})
    assert operate(CONTRACT, ROWS, [first, second], FAILURES, end=END).onset.sum() == 1
    brief = [service(0, {"a": [55]}, refractory=6.0), service(57, {"a": [58]}, refractory=6.0)]
    assert operate(CONTRACT, ROWS, brief, FAILURES, end=END).onset.sum() == 2


def test_weeks_add_up_to_the_cost():
    year = operate(CONTRACT, ROWS, [service(0, {"a": [10], "b": [85]})], FAILURES, end=END)
    assert year.figures() | {"false_alarms_per_machine_month": None} == {
        "failures": 2, "caught": 1, "missed": 1, "false_alarms": 1, "false_alarms_per_machine_month": None,
        "median_lead_time_h": 30.0, "cost_eur": 24_800.0}
    assert year.weekly_cost(5).tolist() == [800.0, 0.0, 20_000.0, 4_000.0, 0.0]


def test_what_is_not_known_at_the_end_is_not_judged():
    late = operate(CONTRACT, ROWS, [service(0, {"a": [118]})], FAILURES, end=END)
    assert late.figures()["false_alarms"] == 0


def test_the_saving_is_compared_machine_by_machine():
    assert over_machines(np.array([5.0, 1.0]), np.array([5.0, 1.0]), seed=1) == [0.0, 0.0]
    runs = [{"policy": name, "seed": seed, "cost_eur": cost, "saved_eur": 100.0 - cost, "retrainings": n}
            for seed in (1, 2) for name, cost, n in (("never", 100.0, 0), ("monthly", 50.0, 12), ("drift", 60.0, 2))]
    found = summarise(runs)
    assert found["drift"]["share_of_monthly_saving"] == 0.8
    assert "share_of_monthly_saving" not in summarise([run for run in runs if run["policy"] != "monthly"])["drift"]
    assert found["drift"]["cost_eur"] == {"mean": 60.0, "low": 60.0, "high": 60.0}


@pytest.mark.parametrize(("metric", "high", "is_put_back"), [
    ("cost", -0.01, True), ("cost", 0.0, False), ("false_alarms", -0.5, False)])
def test_a_model_is_put_back_only_for_cost_and_beyond_noise(metric, high, is_put_back):
    found = Comparison(metric, "test part", 100.0, 180.0, -0.8, -1.1, high)
    assert (reason_to_roll_back([found]) is not None) == is_put_back

import dataclasses
import json
import re
import types
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.evaluation_frames import Evidence, evaluate, fleet, in_cycles, lots, page

from oilcan.contract import Alarms, Task, parse_contract
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.judging import bootstrap, row_metrics
from oilcan.core.judging.exact_intervals import clopper_pearson
from oilcan.evaluation.comparisons.baselines import logged_codes
from oilcan.evaluation.event_rows import EventRows
from oilcan.evaluation.fleet_and_forecasts import wanted_readings
from oilcan.evaluation.plots import COLUMNS, thin
from oilcan.evaluation.results import Evaluation
from oilcan.evaluation.stated_quality import class_quality, number_quality
from oilcan.ground.errors import DataError
from oilcan.reports.weaknesses import weaknesses

FIXED = {
    "test": ["roc_auc", "pr_auc", "brier", "ece", "f1", "precision", "recall", "n", "prevalence", "rmse", "mae",
             "phm_score", "coverage_90", "rmse_capped", "phm_score_capped"],
    "events": ["detected_share", "median_lead_time_h", "false_alarms_per_machine_month"],
    "costs": ["model", "run_to_failure", "periodic", "perfect", "saving_captured"],
    "achievable": ["pr_auc", "share_reached"],
}


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return fleet()


@pytest.fixture(scope="module")
def found(evidence: Evidence) -> Evaluation:
    return evaluate(evidence)


def _with_p(evidence: Evidence, p: Any) -> Evidence:
    return dataclasses.replace(evidence, predictions=evidence.predictions.assign(p_failure=p))


def test_the_names_that_scripts_rely_on_are_there(found: Evaluation) -> None:
    missing = [f"{block}.{name}" for block, names in FIXED.items() for name in names
               if name not in found.metrics[block]]
    assert missing == []
    assert {"pr_auc", "roc_auc", "detected_share", "n_failures"} <= set(found.metrics["modes"]["seal"])


def test_the_best_f1_is_cut_on_validation_and_stands_with_its_threshold(evidence: Evidence, found: Evaluation) -> None:
    rows = EventRows.of(evidence.fleet, "failure", evidence.part("validation"))
    p = rows.frame["p_failure"].to_numpy()
    best = row_metrics.best_f1_threshold(rows.target[rows.known], p[rows.known])
    assert found.metrics["test"]["f1_best_threshold"] == pytest.approx(best, abs=1e-6)
    low, high = found.metrics["test"]["f1_best_ci95"]
    assert low <= found.metrics["test"]["f1_best"] <= high


def test_the_uncalibrated_score_is_judged_beside_the_calibrated(evidence: Evidence) -> None:
    shifted = dataclasses.replace(evidence, predictions=evidence.predictions.assign(
        score_failure=np.sqrt(evidence.predictions["p_failure"])))
    test = evaluate(shifted).metrics["test"]
    assert test["brier_uncalibrated"] > test["brier"]
    assert test["ece_uncalibrated"] > test["ece"]


def test_each_slice_has_its_reliability_table(found: Evaluation) -> None:
    table = found.slices["site"]["south"]["reliability"]
    assert sum(table["n"]) == found.slices["site"]["south"]["n"]
    assert len(table["p"]) == len(table["frequency"]) <= 5


def test_cost_curves_hold_a_line_for_every_simple_policy(found: Evaluation) -> None:
    curve = found.tables["cost_curve"]
    for name in ("always", "age", "error_codes", "limits"):
        assert curve[name].unique() == pytest.approx([found.metrics["baselines"][name]["cost"]])
    assert found.tables["cost_ratio"][["always", "age", "error_codes", "limits"]].notna().all(axis=None)


def test_a_budget_holds_alarms_back_and_says_how_many(evidence: Evidence) -> None:
    spec = evidence.contract.model_copy(update={"alarms": Alarms(per_week=1, crew="site")})
    policy = AlarmPolicy.plain(0.2, 60.0, per_week=1).as_json()
    free, tight = (dataclasses.replace(evidence, model={"policies": {"failure": kept}})
                   for kept in (policy | {"per_week": None}, policy))
    few, many = evaluate(dataclasses.replace(tight, contract=spec)).metrics["events"], evaluate(free).metrics["events"]
    assert few["held_back"] > 0
    assert few["alarms"] < many["alarms"]
    assert "held_back" not in many


def test_intervals_stand_beside_and_hold_their_number(found: Evaluation) -> None:
    for block in ("test", "events", "costs"):
        for name, pair in found.metrics[block].items():
            if name.endswith("_ci95") and name != "ece_ci95":       # resampling raises the ECE
                assert pair[0] <= found.metrics[block][name.removesuffix("_ci95")] <= pair[1], name


@pytest.mark.parametrize("make", [fleet, lots])
def test_results_are_valid_json_with_six_digits(make: Any) -> None:
    found = evaluate(make())
    text = json.dumps([found.metrics, found.slices], allow_nan=False)
    numbers = [float(word) for word in text.replace("[", " ").replace("]", " ").replace(",", " ").replace("}", " ")
               .split() if word.replace(".", "", 1).lstrip("-").isdigit()]
    assert all(round(number, 6) == number for number in numbers)


def test_the_same_evidence_gives_the_same_results(evidence: Evidence, found: Evaluation) -> None:
    again = evaluate(evidence)
    assert (again.metrics, again.slices) == (found.metrics, found.slices)
    assert page(evidence, again) == page(evidence, found)


def test_knowing_the_outcome_captures_the_whole_saving(evidence: Evidence) -> None:
    found = evaluate(_with_p(evidence, evidence.predictions["target_failure"].fillna(0.0))).metrics
    assert found["events"]["detected_share"] == 1.0
    assert found["events"]["false_alarms"] == 0
    assert found["costs"]["model"] == found["costs"]["perfect"]
    assert found["costs"]["saving_captured"] == 1.0


def test_a_forecast_that_never_warns_costs_what_running_to_failure_costs(evidence: Evidence) -> None:
    found = evaluate(_with_p(evidence, 0.0)).metrics
    assert found["costs"]["model"] == found["costs"]["run_to_failure"] == found["baselines"]["never"]["cost"]
    assert "median_lead_time_h" not in found["events"]
    assert "precision" not in found["test"]


def test_rows_with_an_unknown_outcome_do_not_change_row_metrics(evidence: Evidence, found: Evaluation) -> None:
    unknown = evidence.predictions["target_failure"].isna()
    assert unknown.any()
    loud = evidence.predictions["p_failure"].where(~unknown, 1.0)
    assert evaluate(_with_p(evidence, loud)).metrics["test"]["brier"] == found.metrics["test"]["brier"]


def test_without_a_failure_in_the_test_part_rankings_and_shares_are_left_out(evidence: Evidence) -> None:
    quiet = evidence.predictions["target_failure"].where(evidence.predictions["part"] != "test", 0.0)
    found = evaluate(dataclasses.replace(
        evidence, predictions=evidence.predictions.assign(target_failure=quiet),
        failures=evidence.failures[evidence.failures["time"] < pd.Timestamp("2024-02-01", tz="UTC")]))
    assert not {"roc_auc", "pr_auc"} & set(found.metrics["test"])
    assert found.metrics["events"]["n_failures"] == 0
    assert "detected_share" not in found.metrics["events"]
    assert found.tables["roc"].empty
    assert "No failure of the test part" in page(evidence, found)


def test_a_slice_of_few_machines_carries_no_metric(found: Evaluation) -> None:
    assert found.slices["seen_in_training"]["no"] == {"machines": 2, "n": 270, "too_few": True}
    assert "detected_share" in found.slices["site"]["south"]
    assert "machines" in found.slices["site"]["north"]


def test_slices_part_the_rows_and_the_money(found: Evaluation) -> None:
    sites = found.slices["site"].values()
    assert sum(site["n"] for site in sites) == found.metrics["test"]["n"]
    assert sum(site["cost"] for site in sites) == pytest.approx(found.metrics["costs"]["model"])
    assert sum(site["n_failures"] for site in sites) == found.metrics["events"]["n_failures"]


def test_baselines_choose_before_the_test_part(evidence: Evidence, found: Evaluation) -> None:
    cut = evidence.rows.loc[evidence.rows["part"] == "test", "time"].min()
    cut = max(cut, evidence.rows.loc[evidence.rows["part"] == "validation", "time"].max())
    late = evidence.errors["time"] > cut
    swapped = evidence.errors.assign(code=evidence.errors["code"].where(~late, "E9"))
    other = evaluate(dataclasses.replace(evidence, errors=swapped)).metrics["baselines"]
    assert other["error_codes"]["codes"] == found.metrics["baselines"]["error_codes"]["codes"] == "E7"
    assert other["error_codes"]["detected_share"] < found.metrics["baselines"]["error_codes"]["detected_share"]
    assert other["age"] == found.metrics["baselines"]["age"]


def test_an_error_counts_at_the_first_row_at_or_after_it() -> None:
    start = pd.Timestamp("2024-01-01", tz="UTC")
    frame = pd.DataFrame({"machine_id": ["a", "a", "b"],
                          "time": start + pd.to_timedelta([6, 12, 6], unit="h")})
    errors = pd.DataFrame({"machine_id": ["a", "a", "a", "b"], "code": "E1",
                           "time": start + pd.to_timedelta([3, 7, 13, 6], unit="h")})
    assert logged_codes(errors, frame, ["E1"])[:, 0].tolist() == [False, True, True]


def test_the_sensor_limits_of_the_contract_are_a_rule(evidence: Evidence, found: Evaluation) -> None:
    assert wanted_readings(evidence.contract) == ["machine_id", "time", "heat"]
    assert 0 < found.metrics["baselines"]["limits"]["detected_share"] <= 1


def test_without_known_truth_nothing_is_said_about_the_achievable(evidence: Evidence) -> None:
    blind = dataclasses.replace(evidence, predictions=evidence.predictions.drop(columns="p_true"))
    assert "achievable" not in evaluate(blind).metrics


def test_a_mode_too_rare_for_a_forecast_still_has_its_failures_counted(evidence: Evidence) -> None:
    found = evaluate(dataclasses.replace(evidence, predictions=evidence.predictions.drop(columns="p_failure__seal")))
    assert set(found.metrics["modes"]["seal"]) == {"n_failures", "detected_share", "detected_share_ci95"}


def test_remaining_life_alone_fills_test_and_no_money(evidence: Evidence) -> None:
    contract = evidence.contract.model_copy(update={"tasks": {"rul": evidence.contract.tasks["rul"]}})
    alone = dataclasses.replace(evidence, contract=contract)
    found = evaluate(alone)
    assert not {"events", "costs", "threshold"} & set(found.metrics)
    assert found.metrics["test"]["n"] == found.metrics["test"]["n_rul"]
    assert found.tables["pr"].empty
    assert "typically" in page(alone, found)


def test_a_life_counted_in_cycles_is_named_in_cycles(evidence: Evidence) -> None:
    counted = in_cycles(evidence)
    found = evaluate(counted)
    assert {"median_lead_time_cycles", "false_alarms_per_1000_cycles", "exposure_cycles"} <= set(
        found.metrics["events"])
    assert not [name for name in found.metrics["events"] if name.endswith(("_h", "_month"))]
    assert "false alarms per 1000 cycles" in page(counted, found)


def test_a_further_task_stands_under_its_name(evidence: Evidence, found: Evaluation) -> None:
    second = Task(kind="failure_within", horizon="24h", lead_time="12h")
    contract = evidence.contract.model_copy(update={"tasks": evidence.contract.tasks | {"soon": second}})
    predictions = evidence.predictions.assign(p_soon=evidence.predictions["p_failure"],
                                              target_soon=evidence.predictions["target_failure"])
    rows = evidence.rows.assign(target_soon=evidence.rows["target_failure"])
    both = dataclasses.replace(evidence, contract=contract, predictions=predictions, rows=rows,
                               model={"policies": {task: AlarmPolicy.plain(0.4, 60.0).as_json()
                                                   for task in ("failure", "soon")}})
    metrics = evaluate(both).metrics
    assert metrics["test"] == found.metrics["test"]
    assert {"test", "events", "costs"} <= set(metrics["tasks"]["soon"])


def test_the_capped_error_cuts_both_sides(evidence: Evidence) -> None:
    predictions = evidence.predictions.assign(rul_rul=400.0, target_rul=240.0)
    test = evaluate(dataclasses.replace(evidence, predictions=predictions)).metrics["test"]
    assert (test["rmse"], test["rmse_capped"]) == (160.0, 0.0)


def test_missing_forecasts_policies_and_rows_are_refused(evidence: Evidence) -> None:
    with pytest.raises(DataError, match="no column 'p_failure' for task 'failure'"):
        evaluate(dataclasses.replace(evidence, predictions=evidence.predictions.drop(columns="p_failure")))
    with pytest.raises(DataError, match="no alarm policy for task 'failure'"):
        evaluate(dataclasses.replace(evidence, model={}))
    with pytest.raises(DataError, match="no rows of the test part"):
        evaluate(dataclasses.replace(
            evidence, predictions=evidence.predictions[evidence.predictions["part"] != "test"]))


def test_every_table_is_there_for_every_data_set_and_small(found: Evaluation) -> None:
    for tables in (found.tables, evaluate(lots()).tables):
        assert {name: list(table.columns) for name, table in tables.items()} == COLUMNS
        assert max(len(table) for table in tables.values()) <= 300
    assert evaluate(lots()).tables["lead_time"].empty


def test_tables_agree_with_the_metrics(found: Evaluation) -> None:
    events, test = found.metrics["events"], found.metrics["test"]
    assert found.tables["lead_time"]["failures"].sum() == events["detected"]
    assert found.tables["confusion"]["n"].sum() == test["n"]
    assert found.tables["cost_curve"]["perfect"].unique().tolist() == [found.metrics["costs"]["perfect"]]
    assert found.tables["cost_curve"]["model"].iloc[-1] == found.metrics["costs"]["run_to_failure"]
    assert found.tables["calibration"]["n"].sum() == test["n"]


def test_thinning_keeps_both_ends() -> None:
    curve = pd.DataFrame({"x": np.linspace(0, 1, 5000), "y": np.linspace(0, 1, 5000) ** 4})
    thinned = thin(curve, "x", "y", 100)
    assert len(thinned) <= 100
    assert thinned["x"].iloc[[0, -1]].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("make", [fleet, lots])
def test_the_report_needs_no_network_and_no_script(make: Any) -> None:
    evidence = make()
    html = page(evidence, evaluate(evidence))
    for forbidden in ("http:", "https:", "<script", "<link", "@import", "url("):
        assert forbidden not in html
    assert html.count("<svg") == html.count("</svg>") >= 4


def test_the_report_says_in_words_what_was_announced_and_what_is_weak(evidence: Evidence, found: Evaluation) -> None:
    html = page(evidence, found)
    assert "21 of 21 failures were announced in time: 100\u00a0% (95\u00a0% interval 84\u00a0% to 100\u00a0%)." in html
    assert "false alarms per machine and month" in html
    assert "All of this rests on only 21 failures." in html


def test_text_of_a_contract_cannot_break_the_report(evidence: Evidence, found: Evaluation) -> None:
    contract = evidence.contract.model_copy(update={"description": "<script>alert(1)</script>"})
    assert "<script>" not in page(dataclasses.replace(evidence, contract=contract), found)


def test_a_number_with_many_values_is_cut_into_quarters_and_missing_ones_are_unknown() -> None:
    ages = np.append(np.repeat(np.nan, 3), np.linspace(0.0, 100.0, 17))
    many = fleet(machines=20)
    found = evaluate(dataclasses.replace(many, machines=many.machines.assign(site=ages))).slices["site"]
    of_events = [group for group in found.values() if "prevalence" in group]
    assert found["unknown"]["machines"] == 3
    assert len(of_events) == 5
    assert sum(group["machines"] for group in of_events) == 20
    assert all(re.fullmatch(r"-?[\d.]+ to [\d.]+|unknown", name) for name in found)


def _with_outlook(evidence: Evidence) -> Evidence:
    rows = evidence.predictions
    wait = rows["next_failure_failure"].where(np.isfinite(rows["next_failure_failure"])) - 12.0
    said = {f"by_failure_{hours}h": np.where(wait <= hours, 0.9, 0.1) for hours in (24, 48, 96)}
    return dataclasses.replace(evidence, predictions=rows.assign(
        wait_failure=wait, seen_failure=(rows["bound_rul"] - 12.0).clip(lower=0.0), **said))


def test_each_horizon_is_judged_on_the_rows_watched_for_so_long(evidence: Evidence) -> None:
    judged = _with_outlook(evidence)
    found = evaluate(judged)
    test = judged.part("test")
    assert list(found.metrics["outlook"]) == ["24h", "48h", "96h"]
    for hours in (24, 48, 96):
        assert found.metrics["outlook"][f"{hours}h"]["n"] == (test["seen_failure"] >= hours).sum()
        assert found.metrics["outlook"][f"{hours}h"]["brier"] == pytest.approx(0.01)
    assert found.tables["outlook"]["horizon"].tolist() == [24.0, 48.0, 96.0]


def test_the_report_draws_what_the_forecast_rests_on_in_the_crews_words(evidence: Evidence) -> None:
    judged = _with_outlook(evidence)
    html = page(judged, evaluate(judged))
    assert html.index("Heat") < html.index("Age of the machine")
    for heading in ("What the forecast rests on", "<h3>When</h3>", "mean 30 %, by site?"):
        assert heading in html


def test_a_forecast_without_outlook_or_importance_leaves_both_out() -> None:
    found = evaluate(lots())
    assert "outlook" not in found.metrics
    assert found.tables["outlook"].empty
    assert found.tables["importance"].empty


def test_saving_is_counted_against_the_cheapest_of_all_policies_shown(evidence: Evidence, found: Evaluation) -> None:
    costs, rules = found.metrics["costs"], found.metrics["baselines"]
    shown = [costs["run_to_failure"], costs["periodic"], *(rule["cost"] for rule in rules.values() if "cost" in rule)]
    assert costs["saving"] == pytest.approx(min(shown) - costs["model"])
    free = evidence.contract.model_copy(update={"costs": evidence.contract.costs.model_copy(
        update={"false_alarm_eur": 0.0})})
    cheap = evaluate(dataclasses.replace(evidence, contract=free)).metrics["costs"]
    assert (cheap["cheapest_simple"], cheap["saving"], cheap["saving_ci95"]) == ("limits", 0.0, [0.0, 0.0])


def test_few_failures_all_announced_are_not_certainty(evidence: Evidence) -> None:
    few = evidence.failures["time"] < pd.Timestamp("2024-04-08", tz="UTC")
    rare = dataclasses.replace(evidence, failures=evidence.failures[few], predictions=evidence.predictions.assign(
        p_failure=evidence.predictions["target_failure"].fillna(0.0)))
    events = evaluate(rare).metrics["events"]
    assert events["detected_share"] == 1.0
    assert 2 < events["n_failures"] < 30
    assert events["detected_share_ci95"][0] == pytest.approx(0.025 ** (1 / events["n_failures"]), abs=1e-6)
    assert events["detected_share_ci95"][1] == 1.0


def test_the_worst_is_said_first(evidence: Evidence) -> None:
    noise = np.random.default_rng(3).random(len(evidence.predictions))
    dear = evidence.contract.model_copy(update={"costs": evidence.contract.costs.model_copy(
        update={"false_alarm_eur": 5000.0})})
    poor = dataclasses.replace(_with_p(evidence, noise), contract=dear)
    html = page(poor, evaluate(poor))
    weak = html[html.index("What is weak"):]
    assert weak.index("not shown to be better than chance") < weak.index("A simple policy is cheaper")
    assert weak.index("worse than doing nothing") < weak.index("A simple policy is cheaper")
    assert "The gate: reject" in html
    assert 'class="tile bad"' in html


def test_alarms_that_are_all_false_are_called_so(evidence: Evidence) -> None:
    wrong = 1.0 - evidence.predictions["target_failure"].fillna(1.0)
    late = _with_p(evidence, np.where(evidence.predictions["next_failure_failure"] > 200.0, wrong, 0.0))
    found = evaluate(late)
    assert found.metrics["events"]["alarm_precision"] == 0.0
    html = page(late, found)
    assert re.search(r"All \d+ alarms were false", html)
    assert "None of the" in html


def test_independent_rows_are_not_called_machines() -> None:
    evidence = lots()
    html = page(evidence, evaluate(evidence))
    body = html[html.index("<main>"):html.index("<h2>How it was measured")]
    assert "failure followed" not in body
    assert "<th>machines</th>" not in body


@pytest.mark.parametrize("make", [fleet, lots])
def test_the_lower_end_of_every_interval_stands_first(make: Any) -> None:
    evidence = make()
    html = page(evidence, evaluate(evidence)).replace("\u00a0", " ")
    pairs = re.findall(r"interval (?:EUR )?(-?[\d.,]+)[^<)]*? to (?:EUR )?(-?[\d.,]+)", html)
    assert len(pairs) > 2
    assert [(low, high) for low, high in pairs if float(low.replace(",", "")) > float(high.replace(",", ""))] == []


def test_a_slice_of_few_failures_states_how_sure_it_is(evidence: Evidence) -> None:
    perfect = _with_p(evidence, evidence.predictions["target_failure"].fillna(0.0))
    found = evaluate(perfect)
    south = found.slices["site"]["south"]
    assert 0 < south["n_failures"] < 30
    assert south["detected_share"] == 1.0
    assert south["detected_share_ci95"] == pytest.approx([0.025 ** (1 / south["n_failures"]), 1.0], abs=1e-6)
    assert "95 % interval</th>" in page(perfect, found)


@pytest.mark.parametrize(("announced", "of", "is_sure"), [(0, 2, False), (0, 12, True)])
def test_a_weak_slice_of_few_failures_may_be_chance(
        evidence: Evidence, found: Evaluation, announced: int, of: int, is_sure: bool) -> None:
    metrics = found.metrics | {"events": found.metrics["events"] | {"detected_share": 0.8}}
    low, high = clopper_pearson(announced, of)
    west = {"detected_share": announced / of, "n_failures": of, "detected_share_ci95": [low, high]}
    slices = {"site": {"west": west}}
    text = next(line for line in weaknesses(metrics, slices, evidence.contract.tasks, "h") if "west" in line)
    assert f"of {of} failures announced (overall 80 %, 95 % interval" in text
    assert ("prove no difference" not in text) is is_sure


CASTINGS = """
name: castings
version: 1
description: Castings.
source: {licence: our own}
time: {kind: none}
tables:
  telemetry:
    grain: one row per casting
    files: [a.csv]
    columns:
      machine_id: {type: text, unit: none, description: Serial number}
      load: {type: number, unit: kN, description: Load}
      heat: {type: number, unit: K, role: label, description: Heat}
      state: {type: text, unit: none, role: label, values: [sound, worn], description: State}
failures: {from: none}
tasks: {state: {kind: class, column: state}, heat: {kind: number, column: heat}}
split: {by: row, validation: 0.2, test: 0.2}
"""


@pytest.mark.parametrize(("machines", "low"), [([0, 1, 2], 0.025 ** (1 / 3)), ([0, 0, 1], 0.025 ** (1 / 2)),
                                               ([0, 0, 0], 0.025)])
def test_three_rows_of_three_right_are_not_certainty(machines: list[int], low: float) -> None:
    rows = pd.DataFrame({"target_state": [0.0, 1.0, 0.0], "p_state__sound": [0.9, 0.2, 0.8],
                         "p_state__worn": [0.1, 0.8, 0.2], "target_heat": 5.0, "number_heat": 5.0,
                         "number_heat_low": 4.0, "number_heat_high": 6.0})
    judged = types.SimpleNamespace(contract=parse_contract(CASTINGS, "castings"))
    code = np.array(machines)
    draws = bootstrap.multiplicities(len(set(machines)), 200, 0) if len(set(machines)) > 1 else None
    classes = class_quality(judged, "state", rows, code, draws)
    numbers = number_quality(judged, "heat", rows, code, draws)
    assert (classes["accuracy"], numbers["coverage_90"]) == (1.0, 1.0)
    assert classes["accuracy_ci95"] == numbers["coverage_90_ci95"] == pytest.approx([low, 1.0])

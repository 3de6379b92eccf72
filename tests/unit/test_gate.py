"""The gate promotes, holds and rejects for the right reasons, with two different models in both orders."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from tests.evaluation_frames import gate_policy

from oilcan.contract import Task, parse_contract
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.governance.compare import PairedForecasts, against_champion, compare, everywhere
from oilcan.governance.event_comparison import Alarms
from oilcan.governance.gate import judge
from oilcan.governance.gate_findings import Comparison
from oilcan.ground.errors import DataError, ParamsError
from oilcan.ground.section import section
from oilcan.params.operating.gate_policy import GatePolicy
from oilcan.params.stages.review import ReviewParams

ROOT = Path(__file__).parents[2]
PARAMS = ReviewParams(seed=3, bootstrap=100)
POLICY = gate_policy()
GOOD = {
    "basis": {"machines": 50},
    "test": {"pr_auc": 0.6, "pr_auc_ci95": [0.5, 0.7], "prevalence": 0.1, "ece": 0.01, "n": 4000},
    "costs": {"model": 50.0, "run_to_failure": 100.0, "periodic": 80.0},
}
QUALITY = {"passed": True}
TASKS = {"failed": Task(kind="label", column="failed")}


def rival(*, better: bool, is_event: bool = True) -> PairedForecasts:
    rng = np.random.default_rng(11)
    n = 4000
    machines = np.repeat(np.arange(50), n // 50)
    if is_event:
        target = (rng.random(n) < 0.1).astype(float)
        noisy = [target + rng.normal(0, spread, n) for spread in (0.3, 0.6)]
    else:
        target = rng.uniform(0, 125, n)
        noisy = [target + rng.normal(0, spread, n) for spread in (8.0, 16.0)]
    sharp, dull = noisy
    return PairedForecasts(machines, target, sharp if better else dull, dull if better else sharp, is_event)


def changed(**test: object) -> dict:
    return GOOD | {"test": GOOD["test"] | test}


def test_a_good_model_without_champion_is_promoted():
    assert judge(GOOD, QUALITY, [], POLICY, TASKS).decision == "promote"


@pytest.mark.parametrize("is_event", [True, False])
def test_a_better_challenger_is_promoted_and_a_worse_one_held(is_event):
    for better, wanted in ((True, "promote"), (False, "hold")):
        comparisons = everywhere(rival(better=better, is_event=is_event), {}, POLICY, PARAMS)
        assert judge(GOOD, QUALITY, comparisons, POLICY, TASKS).decision == wanted


def test_the_same_model_again_passes_with_a_gain_of_zero():
    sharp = rival(better=True)
    same = PairedForecasts(sharp.machine_id, sharp.target, sharp.challenger, sharp.challenger, True)
    found = compare(same, "test part", POLICY.line("pr_auc"), draws=50, seed=1)
    assert (found.gain, found.gain_low, found.gain_high) == (0.0, 0.0, 0.0)
    assert judge(GOOD, QUALITY, [found], POLICY, TASKS).decision == "promote"


@pytest.mark.parametrize(("brier", "rmse", "policy", "decision"), [
    ((0.4, 0.1), (0.13, -0.03), POLICY, "promote"),         # shown better: the estimate of the other is enough
    ((0.4, 0.1), (-0.03, -0.09), POLICY, "hold"),           # and it must hold
    ((0.4, -0.01), (0.13, -0.03), POLICY, "hold"),          # the interval reaches 0: no proof
    ((0.4, 0.1), (0.13, -0.03), POLICY.model_copy(update={"proof": None}), "hold"),
])
def test_where_a_gain_is_shown_other_figures_are_judged_by_their_estimate(brier, rmse, policy, decision):
    found = [Comparison("brier", "test part", 0.03, 0.02, brier[0], brier[1], 0.6, "failed"),
             Comparison("rmse", "test part, task life", 246.0, 213.0, rmse[0], rmse[1], 0.33, "life")]
    assert judge(GOOD, QUALITY, found, policy, TASKS).decision == decision


@pytest.mark.parametrize("proof", [
    Comparison("brier", "site = north", 0.03, 0.02, 0.4, 0.1, 0.6, "failed", is_slice=True),
    Comparison("pr_auc", "test part", 0.5, 0.7, 0.4, 0.1, 0.6, "failed"),
    Comparison("brier", "test part", 0.03, 0.02, 0.4, 0.1, 0.6, "noted"),
])
def test_a_gain_of_a_slice_of_another_figure_or_of_an_informational_task_is_no_proof(proof):
    tasks = TASKS | {"noted": Task(kind="label", column="noted", informational=True)}
    life = Comparison("rmse", "test part, task life", 246.0, 213.0, 0.13, -0.03, 0.33, "life")
    metrics = GOOD | {"tasks": {"noted": GOOD}}
    assert judge(metrics, QUALITY, [proof, life], POLICY, tasks).decision == "hold"


def test_one_slice_that_fell_is_enough_to_hold():
    whole = rival(better=True)
    worse = whole.machine_id < 6
    mixed = PairedForecasts(whole.machine_id, whole.target, np.where(worse, whole.champion, whole.challenger),
                  np.where(worse, whole.challenger, whole.champion), True)
    verdict = judge(GOOD, QUALITY, everywhere(mixed, {"site = north": worse}, POLICY, PARAMS), POLICY, TASKS)
    assert verdict.decision == "hold"
    assert any("site = north" in reason for reason in verdict.reasons)


def test_a_slice_with_few_machines_is_not_compared():
    few = rival(better=True).machine_id < 4
    found = everywhere(rival(better=True), {"tiny": few}, POLICY, PARAMS)
    assert [comparison.where for comparison in found] == ["test part", "test part"]


@pytest.mark.parametrize(("failed", "is_compared"), [(0, False), (1, False), (2, False), (3, True)])
def test_a_slice_in_which_few_machines_failed_is_not_compared(failed, is_compared):
    assert POLICY.slices.fewest_failures == 3
    whole = rival(better=True)
    north = whole.machine_id < 10
    target = np.where(north & (whole.machine_id >= failed), 0.0, whole.target)
    few = PairedForecasts(whole.machine_id, target, whole.challenger, whole.champion, True)
    found = everywhere(few, {"site = north": north}, POLICY, PARAMS)
    assert ("site = north" in [comparison.where for comparison in found]) is is_compared


def test_a_slice_of_lives_needs_no_failures():
    whole = rival(better=True, is_event=False)
    found = everywhere(whole, {"site = north": whole.machine_id < 10}, POLICY, PARAMS)
    assert "site = north" in [comparison.where for comparison in found]


def test_the_verdict_names_the_slices_with_too_few_failures(contract):
    challenger, champion, alarms = fleet_of_alarms(contract, 0.0)
    machines = alarms.machines.assign(site=np.where(alarms.machines["machine_id"] < "M02", "south", "north"))
    kept = champion[["machine_id", "time", "p_failure", "rul_rul"]]
    comparisons = against_champion(contract, challenger, machines, kept, PARAMS, POLICY, None)
    verdict = judge(BOTH, QUALITY, comparisons, POLICY, {"failure": contract.tasks["failure"]})
    notes = [check.found for check in verdict.checks if check.severity == "note" and "too few" in check.found]
    assert notes == ["not compared: site = south: too few machines or failures for a comparison"]
    assert "champion, site = north" in {check.name for check in verdict.checks}


@pytest.mark.parametrize(
    ("metrics", "quality", "reason"),
    [
        (GOOD, {"passed": False}, "data quality"),
        (GOOD, {}, "data quality"),
        (changed(pr_auc_ci95=[0.09, 0.7]), QUALITY, "better than chance"),
        (changed(ece=0.2), QUALITY, "calibration"),
        (changed(ece=None), QUALITY, "calibration"),
        ({"test": {}}, QUALITY, "metrics present"),
    ],
)
def test_a_broken_floor_rejects_and_says_which(metrics, quality, reason):
    verdict = judge(metrics, quality, [], POLICY, TASKS)
    assert verdict.decision == "reject"
    assert any(reason in line for line in verdict.reasons)


def test_alarms_that_cost_more_than_a_simple_policy_hold():
    costly = GOOD | {"costs": {"model": 90.0, "run_to_failure": 100.0, "periodic": 80.0}}
    assert judge(costly, QUALITY, [], POLICY, TASKS).decision == "hold"


def test_a_rejection_leaves_as_full_a_record_as_a_promotion():
    passed, failed = judge(GOOD, QUALITY, [], POLICY, TASKS), judge(changed(ece=0.2), QUALITY, [], POLICY, TASKS)
    assert [check.name for check in passed.checks] == [check.name for check in failed.checks]
    assert failed.as_json()["reasons"]


# every task

LIFE = {"life": Task(kind="rul", cap="100h")}
SECOND = {"test": {"pr_auc": 0.11, "pr_auc_ci95": [0.09, 0.14], "prevalence": 0.1, "ece": 0.01, "n": 4000}}


@pytest.mark.parametrize(("test", "naive", "decision"), [
    ({"rmse": 30.0}, {"rmse": 20.0}, "reject"),
    ({"rmse": 10.0}, {"rmse": 20.0}, "promote"),
    # lives far above the cap: the raw errors say nothing, so capped is held against capped
    ({"rmse": 400.0, "rmse_capped": 30.0}, {"rmse": 500.0, "rmse_capped": 25.0}, "reject"),
    ({"rmse": 500.0, "rmse_capped": 20.0}, {"rmse": 400.0, "rmse_capped": 25.0}, "promote"),
])
def test_remaining_life_is_held_against_the_median_life(test, naive, decision):
    metrics = {"test": test, "baselines": {"median_life": naive}, "basis": {"machines": 50}}
    assert judge(metrics, QUALITY, [], POLICY, LIFE).decision == decision


def test_a_further_task_of_random_labels_rejects():
    tasks = TASKS | {"second": Task(kind="label", column="other")}
    verdict = judge(GOOD | {"tasks": {"second": SECOND}}, QUALITY, [], POLICY, tasks)
    assert verdict.decision == "reject"
    assert "better than chance, task second" in verdict.reasons[0]


def test_a_task_that_was_never_evaluated_rejects():
    tasks = TASKS | {"second": Task(kind="label", column="other")}
    assert judge(GOOD, QUALITY, [], POLICY, tasks).decision == "reject"


def test_an_informational_task_decides_nothing_and_is_still_reported():
    tasks = TASKS | {"second": Task(kind="label", column="other", informational=True)}
    verdict = judge(GOOD | {"tasks": {"second": SECOND}}, QUALITY, [], POLICY, tasks)
    assert verdict.decision == "promote"
    assert any("second" in reason and "informational" in reason for reason in verdict.reasons)
    assert [check.passed for check in verdict.checks if check.name == "better than chance, task second"] == [False]


def test_a_failure_mode_no_better_than_chance_is_withheld_alone():
    modes = {"bearing": {"pr_auc": 0.5, "pr_auc_ci95": [0.4, 0.6], "prevalence": 0.02, "n_failures": 9},
             "seal": {"pr_auc": 0.03, "pr_auc_ci95": [0.01, 0.06], "prevalence": 0.02, "n_failures": 4},
             "motor": {"n_failures": 0}}
    within = Task(kind="failure_within", horizon="24h", lead_time="1h", modes=True)
    metrics = GOOD | {"modes": modes, "test": GOOD["test"] | {"rmse": 3.0}}
    verdict = judge(metrics, QUALITY, [], POLICY, {"failure": within, "rul": Task(kind="rul")})
    assert (verdict.decision, verdict.withheld) == ("promote", ("failure__seal",))
    assert verdict.as_json()["withheld"] == ["failure__seal"]
    assert len({check.name for check in verdict.checks}) == len(verdict.checks)


def test_any_policy_that_is_cheaper_holds():
    cheaper = GOOD | {"baselines": {"never": {"cost": 100.0}, "always": {"cost": 40.0}}}
    verdict = judge(cheaper, QUALITY, [], POLICY, TASKS)
    assert verdict.decision == "hold"
    assert "always alarm" in verdict.reasons[0]


# champion and challenger on every task


@pytest.fixture(scope="module")
def contract():
    return parse_contract((ROOT / "datasets/demo_fleet.yaml").read_text(encoding="utf-8"), "datasets/demo_fleet.yaml")


def forecasts(spread_event: float, spread_life: float) -> pd.DataFrame:
    """Key, targets and forecasts of 60 machines; the noise of the forecasts differs, their rows do not."""
    rng = np.random.default_rng(5)
    n = 3000
    event, life = (rng.random(n) < 0.1).astype(float), rng.uniform(0, 500, n)
    noise = rng.normal(0, 1, (2, n))
    return pd.DataFrame({
        "machine_id": np.repeat([f"M{at:02d}" for at in range(60)], n // 60), "part": "test",
        "time": np.tile(pd.date_range("2024-01-01", periods=n // 60, freq="h", tz="UTC"), 60),
        "target_failure": event, "target_rul": life,
        "p_failure": event + spread_event * noise[0], "rul_rul": life + spread_life * noise[1]})


MACHINES = pd.DataFrame({"machine_id": [f"M{at:02d}" for at in range(60)], "site": ["north", "south"] * 30})
BOTH = GOOD | {"test": GOOD["test"] | {"rmse": 30.0}, "baselines": {"median_life": {"rmse": 90.0}}}


def against(contract, challenger, champion):
    kept = champion.drop(columns=["part", *(name for name in champion if str(name).startswith("target_"))])
    comparisons = against_champion(contract, challenger, MACHINES, kept, PARAMS, POLICY)
    return judge(BOTH, QUALITY, comparisons, POLICY, contract.tasks)


@pytest.mark.parametrize(("spreads", "decision"), [
    ((0.3, 20.0), "promote"), ((0.6, 20.0), "hold"), ((0.3, 40.0), "hold")])
def test_a_challenger_that_is_worse_at_any_task_is_held(contract, spreads, decision):
    verdict = against(contract, forecasts(*spreads), forecasts(0.3, 20.0))
    assert verdict.decision == decision
    names = [check.name for check in verdict.checks]
    assert {"champion, test part", "champion, test part, task rul"} <= set(names)
    assert len(set(names)) == len(names)


def test_a_task_that_the_champion_does_not_forecast_is_named_and_decides_nothing(contract):
    verdict = against(contract, forecasts(0.3, 20.0), forecasts(0.3, 20.0).drop(columns="rul_rul"))
    assert verdict.decision == "promote"
    assert ("champion, task rul", "not compared: the champion does not forecast it") in {
        (check.name, check.found) for check in verdict.checks}
    with pytest.raises(DataError, match=r"cannot be judged on this test part \(wanted \['p_failure'\]"):
        against(contract, forecasts(0.3, 20.0), forecasts(0.3, 20.0).drop(columns="p_failure"))


def test_a_task_on_which_nothing_came_true_is_named_unless_it_is_the_headline(contract):
    nothing = forecasts(0.3, 20.0).assign(target_rul=np.nan)
    verdict = against(contract, nothing, nothing)
    assert "not compared: nothing to forecast came true in the test part" in {c.found for c in verdict.checks}
    nothing = forecasts(0.3, 20.0).assign(target_failure=0.0)
    verdict = against(contract, nothing, nothing)
    assert verdict.decision == "hold"
    assert "champion, task failure: found not compared: nothing to forecast came true" in verdict.reasons[0]


def test_a_worse_informational_task_does_not_hold(contract):
    tasks = contract.tasks | {"rul": contract.tasks["rul"].model_copy(update={"informational": True})}
    free = contract.model_copy(update={"tasks": tasks})
    assert against(free, forecasts(0.3, 40.0), forecasts(0.3, 20.0)).decision == "promote"


# the policy: evidence, floors, figures of the alarms, slices by failure mode


@pytest.mark.parametrize(("metrics", "wanted"), [
    (GOOD | {"events": {"n_failures": 7}}, "evidence, failures: found 7 in the test part, wanted at least 8"),
    (GOOD | {"test": GOOD["test"] | {"n": 0}}, "evidence, failures: found 0"),
    ({**GOOD, "basis": {"machines": 4}}, "evidence, machines: found 4"),
    ({name: value for name, value in GOOD.items() if name != "basis"}, "evidence, machines: found 0")])
def test_too_little_evidence_holds_however_good_it_looks(metrics, wanted):
    verdict = judge(metrics, QUALITY, [], POLICY, TASKS)
    assert verdict.decision == "hold"
    assert wanted in verdict.reasons[0]


def test_a_floor_of_the_policy_gives_its_reason():
    verdict = judge(changed(ece=0.2), QUALITY, [], POLICY, TASKS)
    assert "at most 0.05 (Costs are weighed by the probability" in verdict.reasons[0]


def test_a_model_that_ranks_as_well_and_is_less_calibrated_is_held():
    sharp = rival(better=True)
    off = PairedForecasts(sharp.machine_id, sharp.target, sharp.challenger * 3.0, sharp.challenger, True)
    verdict = judge(GOOD, QUALITY, everywhere(off, {}, POLICY, PARAMS), POLICY, TASKS)
    assert [check.name for check in verdict.checks if not check.passed] == ["champion, brier, test part"]
    assert verdict.decision == "hold"


def fleet_of_alarms(contract, quiet: float):
    """Challenger and champion with one failure a machine; the challenger misses a share of them."""
    hours, machines = 400, 40
    start = pd.Timestamp("2024-01-01", tz="UTC")
    rows = pd.DataFrame({"machine_id": np.repeat([f"M{at:02d}" for at in range(machines)], hours), "part": "test",
                         "time": np.tile(pd.date_range(start, periods=hours, freq="h"), machines)})
    task = contract.tasks["failure"]
    due = 300 - np.tile(np.arange(hours), machines)
    positive = (due > task.lead_time.ticks) & (due <= task.lead_time.ticks + task.horizon.ticks)
    failures = pd.DataFrame({"machine_id": [f"M{at:02d}" for at in range(machines)],
                             "time": start + pd.Timedelta(hours=300), "mode": "bearing"})
    rows = rows.assign(target_failure=positive.astype(float), target_failure__bearing=positive.astype(float),
                       target_rul=np.nan, rul_rul=1.0)
    silent = rows["machine_id"].isin([f"M{at:02d}" for at in range(int(machines * quiet))]).to_numpy()
    policy = AlarmPolicy.plain(0.5, 48.0)
    alarms = Alarms(failures, failures[["machine_id"]].assign(site="north"), {"failure": policy}, {"failure": policy})
    champion = rows.assign(p_failure=np.where(positive, 0.9, 0.01))
    # ranks above all negatives, and below the threshold
    challenger = rows.assign(p_failure=np.where(positive, np.where(silent, 0.49, 0.9), 0.01))
    return challenger, champion, alarms


@pytest.mark.parametrize(("quiet", "failed"), [
    (0.0, set()), (0.05, {"champion, cost, test part"}),
    (0.3, {"champion, detected_share, test part", "champion, cost, test part"})])
def test_a_challenger_that_ranks_as_well_and_announces_less_is_held(contract, quiet, failed):
    challenger, champion, alarms = fleet_of_alarms(contract, quiet)
    kept = champion[["machine_id", "time", "p_failure", "rul_rul"]]
    comparisons = against_champion(contract, challenger, alarms.machines, kept, PARAMS, POLICY, alarms)
    verdict = judge(BOTH, QUALITY, comparisons, POLICY, {"failure": contract.tasks["failure"]})
    assert {check.name for check in verdict.checks if check.name in failed | {
        "champion, detected_share, test part", "champion, cost, test part", "champion, false_alarms, test part",
        "champion, test part"} and not check.passed} == failed
    assert {check.name for check in verdict.checks} >= {"champion, failure mode = bearing", "champion, site = north"}


def test_a_failure_mode_that_fell_is_enough_to_hold(contract):
    challenger, champion, alarms = fleet_of_alarms(contract, 0.0)
    seal = challenger["machine_id"].isin([f"M{at:02d}" for at in range(5)]).to_numpy()
    for frame in (challenger, champion):
        frame["target_failure__seal"] = np.where(seal, frame["target_failure"], 0.0)
        frame["target_failure__bearing"] = np.where(seal, 0.0, frame["target_failure"])
    challenger["p_failure"] = np.where(seal & (challenger["target_failure"] == 1), 0.005, challenger["p_failure"])
    rest = challenger["target_failure"].eq(1) & ~seal
    champion["p_failure"] = np.where(rest & (np.arange(len(rest)) % 2 == 0), 0.005, champion["p_failure"])
    kept = champion[["machine_id", "time", "p_failure", "rul_rul"]]
    comparisons = against_champion(contract, challenger, alarms.machines, kept, PARAMS, POLICY)
    verdict = judge(BOTH, QUALITY, comparisons, POLICY, {"failure": contract.tasks["failure"]})
    assert "champion, failure mode = seal" in {check.name for check in verdict.checks if not check.passed}
    assert "champion, test part" not in {check.name for check in verdict.checks if not check.passed}
    assert verdict.decision == "hold"


@pytest.mark.parametrize(("change", "wanted"), [
    ({"evidence": None}, "gate.yaml is not valid:\n  - evidence"),
    ({"metrics": [{"metric": "pr_auc"}]}, r"metrics.0.better: Field required"),
    ({"extra": 1}, "extra: no such word"),
    ({"approval": {"required": "yes"}}, r"approval.required")])
def test_a_wrong_policy_is_refused_by_its_words(change, wanted):
    values = yaml.safe_load((ROOT / "gate.yaml").read_text(encoding="utf-8")) | change
    with pytest.raises(ParamsError, match=wanted):
        section(GatePolicy, values, "gate.yaml")


def test_every_line_of_the_policy_has_its_reason_and_stands_once():
    assert len({line.reason for line in POLICY.metrics}) == len(POLICY.metrics)
    values = POLICY.model_dump()
    values["metrics"].append(values["metrics"][0])
    with pytest.raises(ParamsError, match=r"metrics: .*a metric stands twice \(\['pr_auc'\]\)"):
        section(GatePolicy, values, "gate.yaml")

"""Two models on the same test rows: equal models differ by nothing, and a better one is better in both orders."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from tests.evaluation_frames import Evidence, evaluate, fleet

from oilcan.evaluation.comparisons.paired import Difference, differences
from oilcan.evaluation.fleet_and_forecasts import Forecasts
from oilcan.evaluation.split_table import TableInMemory
from oilcan.ground.errors import DataError
from oilcan.reports.pull_request_page import Line, judgement, metrics_table, pictures

LESS_IS_BETTER = ("costs.model", "test.brier", "test.rmse")


def blurred(evidence: Evidence) -> Forecasts:
    """Forecasts of a worse model: noise on the risk and on the remaining life."""
    rng = np.random.default_rng(3)
    table = evidence.predictions
    risk = np.clip(table["p_failure"] + rng.normal(0, 0.4, len(table)), 0, 1)
    life = np.clip(table["rul_rul"] + rng.normal(0, 90, len(table)), 0, 240)
    return Forecasts(TableInMemory(table.assign(p_failure=risk, rul_rul=life)), evidence.model["policies"])


def paired(evidence: Evidence, base: Forecasts, head: Forecasts) -> dict[str, Difference]:
    return {each.name: each for each in differences(evidence.fleet, base, head, draws=60, seed=1)}


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return fleet(machines=20)


def test_a_model_beside_itself_differs_by_nothing(evidence):
    found = paired(evidence, evidence.forecasts, evidence.forecasts)
    assert {"events.detected_share", "costs.model", "test.pr_auc", "test.rmse"} <= set(found)
    assert all((each.low, each.high) == (0.0, 0.0) and not each.is_beyond_noise for each in found.values())


def test_figures_are_those_of_the_evaluation(evidence):
    metrics = evaluate(evidence).metrics
    found = paired(evidence, blurred(evidence), evidence.forecasts)
    for name in ("events.detected_share", "events.false_alarms_per_machine_month", "costs.model", "test.pr_auc",
                 "test.brier", "test.rmse"):
        block, _, word = name.partition(".")
        assert found[name].head == pytest.approx(metrics[block][word], abs=1e-6)


def test_a_worse_model_is_worse_in_both_orders(evidence):
    worse = paired(evidence, evidence.forecasts, blurred(evidence))
    better = paired(evidence, blurred(evidence), evidence.forecasts)
    for name in (*LESS_IS_BETTER, "test.pr_auc"):
        sign = 1 if name in LESS_IS_BETTER else -1
        assert sign * worse[name].low > 0
        assert worse[name].is_beyond_noise
        assert (better[name].low, better[name].high) == pytest.approx((-worse[name].high, -worse[name].low))


def test_other_rows_are_not_compared(evidence):
    fewer = Forecasts(TableInMemory(evidence.predictions.iloc[:-1]), evidence.model["policies"])
    with pytest.raises(DataError, match=r"the test rows differ \(found .* and .*\)"):
        differences(evidence.fleet, fewer, evidence.forecasts, draws=10, seed=1)
    nameless = dataclasses.replace(evidence.forecasts, predictions=TableInMemory(
        evidence.predictions.drop(columns="p_failure")))
    with pytest.raises(DataError, match="one of both does not forecast task 'failure'"):
        differences(evidence.fleet, nameless, evidence.forecasts, draws=10, seed=1)


@pytest.mark.parametrize(("name", "base", "head", "change", "word"), [
    ("costs.model", 9.0, 5.0, (-6.0, -1.0), "**better**"),
    ("costs.model", 5.0, 9.0, (1.0, 6.0), "**worse**"),
    ("test.pr_auc", 0.5, 0.6, (0.05, 0.2), "**better**"),
    ("test.pr_auc", 0.6, 0.5, (-0.2, -0.05), "**worse**"),
    ("test.pr_auc", 0.5, 0.6, (-0.01, 0.2), "within noise"),
    ("test.pr_auc", 0.5, 0.6, None, "not compared"),
    ("test.pr_auc", 0.5, 0.5, None, "same"),
    ("test.pr_auc", 0.5, None, None, "**missing**"),
    ("test.pr_auc", None, 0.5, None, "new"),
    ("test.coverage_90", 0.9, 0.8, (-0.2, -0.05), "changed"),
])  # fmt: skip
def test_no_more_is_claimed_than_was_seen(name, base, head, change, word):
    line = Line(name, base, head, None, None, change)
    assert judgement(line) == word
    assert word in metrics_table([line])


def test_pictures_stand_alone_and_need_both_sides():
    table = pd.DataFrame({"recall": [0.0, 0.5, 1.0], "precision": [1.0, 0.8, 0.1]})
    (heading, svg) = pictures({"pr": table}, {"pr": table})["pr"]
    assert heading == "Precision and recall"
    assert svg.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert svg.count("<polyline") == 2
    assert pictures({"pr": table}, {}) == {}

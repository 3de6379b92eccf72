import dataclasses

import numpy as np
import pytest
from tests.evaluation_frames import Evidence, fleet

from oilcan.core.judging import bootstrap, row_metrics
from oilcan.evaluation.comparisons.baselines import SimpleRule, above_limits
from oilcan.evaluation.event_rows import EventRows
from oilcan.evaluation.machine_ranking import COLUMNS, per_machine


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return fleet(machines=40, days=40)


def _judged(evidence, p=None, rule=None):
    rows = EventRows.of(evidence.fleet, "failure", evidence.part("test"))
    p = rows.frame["p_failure"].to_numpy() if p is None else p(rows)
    weights = bootstrap.multiplicities(rows.n_machines, 50, 1)
    return rows, per_machine(rows, p, rule and rule(rows), weights)


def test_a_machine_counts_once_with_its_highest_probability(evidence):
    rows, (numbers, _) = _judged(evidence)
    known = rows.frame[rows.known]
    by_machine = known.groupby("machine_id")[["p_failure", "target_failure"]].max()
    assert numbers["n"] == len(by_machine)
    target, highest = (by_machine[name].to_numpy() for name in ("target_failure", "p_failure"))
    assert numbers["pr_auc"] == row_metrics.pr_auc(target, highest)
    assert 0 < numbers["positives"] < numbers["n"]


def test_intervals_hold_their_number_and_the_curve_lies_in_its_band(evidence):
    _, (numbers, table) = _judged(evidence)
    assert numbers["pr_auc_ci95"][0] <= numbers["pr_auc"] <= numbers["pr_auc_ci95"][1]
    assert list(table.columns) == COLUMNS
    assert (table["low"] <= table["high"]).all()


def test_the_oracle_has_precision_one_at_every_recall(evidence):
    _, (numbers, table) = _judged(evidence, p=lambda rows: np.nan_to_num(rows.target))
    assert numbers["pr_auc"] == 1.0
    assert (table["precision"] == 1.0).all()


def test_the_rule_of_the_contract_stands_beside(evidence):
    _, (numbers, table) = _judged(evidence, rule=lambda rows: SimpleRule(above_limits(evidence.fleet, rows.frame)))
    assert numbers["rule_flagged"] >= 1
    assert table["rule"].dropna().unique() == pytest.approx([numbers["rule_precision"]])
    assert table["recall"][table["rule"].notna()].max() == pytest.approx(numbers["rule_recall"], abs=0.01)


def test_machines_of_one_kind_have_no_curve(evidence):
    healthy = dataclasses.replace(evidence, predictions=evidence.predictions.assign(target_failure=0.0))
    _, (numbers, table) = _judged(healthy)
    assert table.empty
    assert numbers["pr_auc"] is None

"""Independent rows in the service: the contract's own columns come in, derived columns and features are made there."""

import textwrap

import httpx
import numpy as np
import pandas as pd
import pytest
from tests.service.crew_page import Server
from tests.stages.pipeline import STAGES, place, run_stages

pytestmark = pytest.mark.slow

MILL = """
    name: mill
    version: 1
    description: Jobs of a milling machine, each a row of its own; the tool breaks under power.
    source: {licence: our own}
    time: {kind: none}
    tables:
      telemetry:
        grain: one row per job
        files: [jobs.csv]
        columns:
          machine_id: {from: job, type: text, unit: none, description: Job}
          quality: {type: text, unit: none, role: static, values: [L, M, H], description: Quality}
          torque: {type: number, unit: N m, range: [0, 200], description: Torque}
          speed: {type: number, unit: rad/s, range: [0, 400], description: Speed}
          broke: {type: flag, unit: none, role: label, description: The tool broke}
    derived:
      power: {expression: "torque * speed", unit: W, description: Power}
    failures: {from: none}
    tasks:
      broke: {kind: label, column: broke}
    split: {by: row, validation: 0.2, test: 0.2}
    costs: {missed_failure_eur: 500, false_alarm_eur: 20, planned_repair_eur: 50}
"""


def jobs():
    random = np.random.default_rng(6)
    n = 800
    torque, speed = random.uniform(10, 80, n).round(2), random.uniform(100, 300, n).round(2)
    return pd.DataFrame({"job": [f"J{at:04d}" for at in range(n)], "quality": random.choice(["L", "M", "H"], n),
                         "torque": torque, "speed": speed,
                         "broke": (torque * speed + random.normal(0, 500, n) > 13_000).astype(int)})


@pytest.fixture(scope="module")
def mill(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mill")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        place(folder, "mill", textwrap.dedent(MILL), {"jobs.csv": jobs().to_csv(index=False)})
        run_stages(folder, "mill", STAGES[:STAGES.index("monitor")])
    server = Server(folder / "models/bundle", folder / "service.db")
    yield folder, server
    server.stop()


def predict(server, *rows):
    return httpx.post(f"{server.url}/v1/predict", json={"history": {"telemetry": list(rows)}}, timeout=60)


def test_rows_of_the_contract_s_columns_give_the_forecasts_of_batch(mill):
    folder, server = mill
    predicted = pd.read_parquet(folder / "data/predictions/predictions.parquet").set_index("machine_id")
    predicted = predicted[predicted["part"] == "test"]         # the others are forecast by what did not learn from them
    rows = jobs().set_index("job").loc[predicted.index, ["quality", "torque", "speed"]]
    body = [{"machine_id": name, **cells} for name, cells in rows.to_dict("index").items()]
    answer = predict(server, *body).json()
    assert answer["refused"] == []
    found = pd.DataFrame(answer["forecasts"]).set_index("machine_id")
    assert found["row"].tolist() == list(range(len(body)))
    pd.testing.assert_series_equal(found["p_broke"], predicted["p_broke"], check_exact=True)


def test_rows_need_no_name_and_the_same_row_twice_is_two_forecasts(mill):
    row = {"quality": "L", "torque": 70.0, "speed": 280.0}
    answer = predict(mill[1], row, row, row | {"torque": 15.0}).json()["forecasts"]
    assert [entry["row"] for entry in answer] == [0, 1, 2]
    assert answer[0]["p_broke"] == answer[1]["p_broke"] > 0.5 > answer[2]["p_broke"]
    assert "machine_id" not in answer[0]
    assert "time" not in answer[0]


def test_a_bad_row_is_refused_alone_and_what_has_no_place_here_is_named(mill):
    answer = predict(mill[1], {"torque": "high", "speed": 200.0}, {"torque": 40.0, "speed": 200.0}).json()
    assert [entry["row"] for entry in answer["forecasts"]] == [1]
    assert [(each["row"], each["wanted"]) for each in answer["refused"]] == [(0, "a number or null")]
    for cells, where in (({"time": 3}, "[0].time"), ({"machine_id": 7}, "[0].machine_id"), ({"power": 9.0}, "row 0")):
        refused = predict(mill[1], {"torque": 40.0, "speed": 200.0} | cells)
        assert refused.status_code == 422
        assert where in refused.json()["error"]["where"]

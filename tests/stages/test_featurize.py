"""The stage: rows in their order, the plan beside them, the same bytes each time."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from tests import feature_frames as frames

from oilcan.core.features.arrays import FLEET_TABLES
from oilcan.core.features.plan import FeaturePlan
from oilcan.ground.errors import DataError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two partitions as prepare writes them; of the second machine's rows only the first half trains."""
    monkeypatch.syspath_prepend(ROOT / "src" / "stages")
    prepared = tmp_path / "prepared"
    (prepared / "telemetry").mkdir(parents=True)
    (tmp_path / "tryout.yaml").write_text(frames.CONTRACT.replace("WINDOWS", "3h, 10h"), encoding="utf-8")
    tables = frames.fleet(5, readings=160)
    rows = []
    for number, group in enumerate((["m0", "m1"], ["m2", "m3"])):
        mine = tables.telemetry[tables.telemetry["machine_id"].isin(group)]
        mine.drop(columns="broken").to_parquet(prepared / "telemetry" / f"part-{number:04d}.parquet")
        rows.append(tables.rows[tables.rows["machine_id"].isin(group)].assign(partition=number))
    rows = pd.concat(rows, ignore_index=True)
    rows.loc[rows["machine_id"] == "m3", "part"] = "test"
    rows.to_parquet(prepared / "rows.parquet")
    for name in FLEET_TABLES:
        getattr(tables, name).to_parquet(prepared / f"{name}.parquet")
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["compute"]["jobs"] = 1
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return tmp_path


def run(place: Path, out: str = "features") -> Path:
    import featurize

    featurize.main([str(place / "tryout.yaml"), str(place / "prepared"), str(place / out),
                    "--params", str(place / "params.yaml")])  # fmt: skip
    return place / out


def change_rows(place: Path, **columns: object) -> None:
    path = place / "prepared" / "rows.parquet"
    pd.read_parquet(path).assign(**columns).to_parquet(path)


def test_the_rows_are_those_of_prepare_in_their_order(place: Path) -> None:
    out = run(place)
    rows = pd.read_parquet(place / "prepared" / "rows.parquet")
    written = pd.concat([pd.read_parquet(out / f"part-{n:04d}.parquet") for n in (0, 1)], ignore_index=True)
    pd.testing.assert_frame_equal(written[["machine_id", "time"]], rows[["machine_id", "time"]])
    plan = FeaturePlan.from_json(json.loads((out / "plan.json").read_text(encoding="utf-8")))
    assert list(written.columns) == ["machine_id", "time", *plan.names]
    assert set(written[plan.names].dtypes) == {np.dtype("float32")}


def test_two_runs_write_the_same_bytes_whatever_the_jobs(place: Path) -> None:
    first = run(place, "one")
    values = yaml.safe_load((place / "params.yaml").read_text(encoding="utf-8"))
    values["compute"]["jobs"] = 2
    (place / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    # a process of its own: workers that another test started would not know this module
    subprocess.run([sys.executable, "-P", ROOT / "src/stages/featurize.py", "tryout.yaml", "prepared", "two"],
                   cwd=place, check=True)
    for name in ("plan.json", "part-0000.parquet", "part-0001.parquet"):
        assert (first / name).read_bytes() == (place / "two" / name).read_bytes(), name


def test_only_training_rows_teach_the_plan(place: Path) -> None:
    before = run(place, "one")
    part = place / "prepared" / "telemetry" / "part-0001.parquet"
    table = pd.read_parquet(part)
    is_test = table["machine_id"] == "m3"
    lied = table.assign(heat=table["heat"].where(~is_test, 1e6), load_pct=table["load_pct"].where(~is_test, -7.0))
    lied.to_parquet(part)
    after = run(place, "two")
    assert (before / "plan.json").read_bytes() == (after / "plan.json").read_bytes()


def test_targets_change_no_feature_but_through_the_health_index(place: Path) -> None:
    rows = pd.read_parquet(place / "prepared" / "rows.parquet")
    before = run(place, "one")
    change_rows(place, target_failure=1.0, next_failure_failure=1.0, bound_rul=2.0, p_true=0.5,
                target_rul=rows["target_rul"].where(rows["part"] == "train", 7.0))  # fmt: skip
    unchanged = run(place, "two")
    assert (before / "plan.json").read_bytes() == (unchanged / "plan.json").read_bytes()
    assert (before / "part-0001.parquet").read_bytes() == (unchanged / "part-0001.parquet").read_bytes()
    change_rows(place, target_rul=np.random.default_rng(0).permutation(rows["target_rul"]))
    left, right = (pd.read_parquet(folder / "part-0000.parquet") for folder in (before, run(place, "three")))
    differing = {name for name in left.columns if not left[name].equals(right[name])}
    assert differing
    assert all(name.startswith("health_index_") for name in differing)


def test_useless_columns_are_dropped_by_rule(place: Path) -> None:
    for path in sorted((place / "prepared" / "telemetry").iterdir()):
        table = pd.read_parquet(path)
        table.assign(odometer=3.0, shake=np.nan).to_parquet(path)
    plan = json.loads((run(place) / "plan.json").read_text(encoding="utf-8"))
    assert {sensor["name"] for sensor in plan["sensors"]} == {"load_pct", "heat", "state"}


def test_no_training_row_is_a_clear_refusal(place: Path) -> None:
    change_rows(place, part="test")
    with pytest.raises(DataError, match="no reading belongs to a training row"):
        run(place)
    assert not (place / "features").exists()


def test_independent_rows_have_levels_and_statics_only(place: Path) -> None:
    text = (place / "tryout.yaml").read_text(encoding="utf-8")
    text = text.replace("{kind: instant, period: 1h}", "{kind: none}").split("failures: {from")[0]
    text = text[: text.index("  machines:")]
    text = text.replace("      time: {type: instant, unit: UTC, description: Instant}\n", "")
    text += ("failures: {from: none}\ntasks: {broken: {kind: label, column: broken}}\n"
             "split: {by: row, validation: 0.2, test: 0.2}\n"
             "costs: {missed_failure_eur: 9, false_alarm_eur: 1, planned_repair_eur: 2}\n")  # fmt: skip
    (place / "tryout.yaml").write_text(text, encoding="utf-8")
    names = [f"p{at}" for at in range(40)]
    prepared = place / "prepared"
    shutil.rmtree(prepared / "telemetry")
    (prepared / "telemetry").mkdir()
    sample = frames.fleet(9).telemetry.head(40).assign(machine_id=names).drop(columns=["time", "broken"])
    sample.to_parquet(prepared / "telemetry" / "part-0000.parquet")
    pd.DataFrame({"partition": 0, "machine_id": names[::-1], "part": "train"}).to_parquet(prepared / "rows.parquet")
    pd.DataFrame({"machine_id": names}).to_parquet(prepared / "machines.parquet")
    table = pd.read_parquet(run(place) / "part-0000.parquet")
    assert list(table.columns) == ["machine_id", "load_pct_level", "heat_level", "shake_level", "odometer_level",
                                   "state_level"]  # fmt: skip
    np.testing.assert_allclose(table["odometer_level"], sample["odometer"].to_numpy()[::-1])


def test_the_plan_comes_back_from_json(place: Path) -> None:
    values = json.loads((run(place) / "plan.json").read_text(encoding="utf-8"))
    plan = FeaturePlan.from_json(values)
    assert plan.to_json() == values
    assert replace(plan, reference=1.0).hash != plan.hash

"""Running time that is no calendar time: a rig whose files count seconds, from its files to the crew's page.

Wherever people look, lengths of time stand in seconds. Beside failures and remaining life the rig's contract asks for
a class and a number, so this is also where the crew's page is seen with tasks of these kinds.
"""

import contextlib
import html
import json
import re
import shutil
import textwrap

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect
from tests.service.crew_page import Server
from tests.stages.pipeline import STAGES, place, run_stages

from oilcan.core.features.plan import Feature, FeaturePlan
from oilcan.core.reasons.wording import sentence
from oilcan.io.stage import stage_inputs
from oilcan.monitoring.window_axis import WindowAxis
from oilcan.serving.model.loaded_bundle import LoadedBundle

pytestmark = pytest.mark.slow

RIG = """
    name: rig
    version: 1
    description: Bearings on a test rig, run until they seize; the logger counts seconds since the start of each run.
    source: {licence: our own}
    time: {kind: elapsed, unit: s, period: 2s, max_gap: 10s}
    tables:
      telemetry:
        grain: one row per run and reading
        files: ["run_*.csv"]
        columns:
          machine_id: {from: file_name, type: text, unit: none, description: Run}
          time: {from: t_s, type: number, unit: s, description: Seconds since the start}
          heat: {type: number, unit: degC, range: [0, 300], description: Temperature}
          shake: {type: number, unit: mm/s, range: [0, 100], description: Vibration}
          phase: {type: text, unit: none, role: label, values: [sound, worn], description: Condition}
          depth: {type: number, unit: um, role: label, description: Wear}
    failures: {from: end_of_life, mode: seized}
    tasks:
      failure: {kind: failure_within, horizon: 60s, lead_time: 4s}
      rul: {kind: rul, cap: 200s}
      condition: {kind: class, column: phase}
      wear: {kind: number, column: depth}
    rows: {stride: 4s, windows: [20s, 60s]}
    split: {by: machine, validation: 0.25, test: 0.25}
    costs: {missed_failure_eur: 8000, false_alarm_eur: 300, planned_repair_eur: 1500}
"""


def runs():
    """Sixteen runs of five to twelve minutes that heat up and shake before they seize."""
    random = np.random.default_rng(2)
    files = {}
    for number in range(16):
        seconds = np.arange(0.0, 300.0 + 26 * number, 2.0)
        wear = (seconds / seconds[-1]) ** 2
        files[f"run_{number:02d}.csv"] = pd.DataFrame({
            "t_s": seconds, "heat": (40 + 60 * wear + random.normal(0, 1, len(seconds))).round(2),
            "shake": np.abs(2 + 6 * wear + random.normal(0, 0.3, len(seconds))).round(3),
            "phase": np.where(wear > 0.4, "worn", "sound"), "depth": (90 * wear).round(2)}).to_csv(index=False)
    return files


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    """The whole pipeline run on the rig's files."""
    folder = tmp_path_factory.mktemp("rig")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        place(folder, "rig", textwrap.dedent(RIG), runs())
        run_stages(folder, "rig", (*STAGES, "explore"))
    return folder


@pytest.fixture(scope="module")
def stated(rig, tmp_path_factory):
    """The same rig with a contract whose first task is a class, and a number beside it."""
    folder = tmp_path_factory.mktemp("stated") / "rig"
    shutil.copytree(rig, folder)
    contract = folder / "datasets/rig.yaml"
    text = contract.read_text()
    contract.write_text("".join(line for line in text.splitlines(keepends=True)
                                if not line.startswith(("  failure: {kind", "  rul: {kind"))))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_stages(folder, "rig", STAGES[STAGES.index("prepare"):STAGES.index("monitor")])
    return folder


def words_of(page):
    """What a person reads on a page, without pictures' data."""
    bare = re.sub(r"(?s)<(style|script).*?</\1>", " ", page.read_text())
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", bare)))


def test_features_are_named_and_described_in_seconds(rig):
    plan = json.loads((rig / "data/features/plan.json").read_text())
    names = {feature["name"] for feature in plan["features"]}
    assert {"heat_mean_20s", "shake_std_60s"} <= names
    assert "Temperature, mean of the last 20 s" in {feature["description"] for feature in plan["features"]}


def test_figures_are_in_seconds(rig):
    found = json.loads((rig / "metrics/detail/evaluate.json").read_text())
    assert 4 < found["events"]["median_lead_time_s"] < 64
    assert found["events"]["exposure_s"] > 1000
    assert "false_alarms_per_1000_s" in found["events"]
    assert 5 < found["test"]["rmse_capped"] < 60                # of lives cut at 200 s
    assert 300 < found["baselines"]["median_life"]["median_s"] < 700
    assert json.loads((rig / "metrics/exploration.json").read_text())["earliest_warning_s"] > 20
    drawn = pd.read_csv(rig / "plots/lead_time.csv")["lead_time"]
    assert (drawn.min(), drawn.max()) == (pytest.approx(4, abs=5), pytest.approx(64, abs=5))


@pytest.mark.parametrize("page", ["evaluation.html", "exploration.html", "data_quality.html", "model_card.md"])
def test_no_page_speaks_of_hours_days_cycles_or_the_calendar(rig, page):
    words = words_of(rig / "reports" / page)
    assert " s " in words
    assert re.findall(r"\d (?:h|hours|days|cycles)\b|1970|\bper machine and month", words) == []


def test_reasons_are_in_seconds(rig):
    plan = FeaturePlan.from_json(json.loads((rig / "data/features/plan.json").read_text()))
    slope = Feature("f", "slope", "heat", "slope", 20 / 3600, "K/h", "", "Temperature", "trend of the last 20 s")
    assert sentence(plan, slope, 7200.0, None) == "Temperature, trend of the last 20 s: rising by 2 K per s"


def test_watching_looks_at_windows_of_each_machine_s_own_time(rig):
    reference = json.loads((rig / "models/reference/reference.json").read_text())
    axis = WindowAxis.of(reference["window"], stage_inputs.read_contract(rig / "datasets/rig.yaml").time)
    assert axis.name(1) == "20-40 s"


def server_of(folder, store):
    started = Server(folder / "models/bundle", store)
    telemetry = pd.concat(map(pd.read_parquet, sorted((folder / "data/canonical/telemetry").iterdir())))
    seconds = telemetry["time"].dt.as_unit("us").astype("int64") / 1e6
    started.post("/v1/telemetry", {"readings": [
        {"machine_id": run, "time": at, "heat": heat, "shake": shake} for run, at, heat, shake in zip(
            telemetry["machine_id"], seconds, telemetry["heat"], telemetry["shake"], strict=True) if run < "run_04"]})
    return started


@contextlib.contextmanager
def crew_page(chromium, folder, store):
    """The crew's page of a service with four runs, open in the browser, which may complain of nothing."""
    complaints = []
    server = server_of(folder, store)
    try:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda err: complaints.append(str(err)))
        page.goto(server.url)
        expect(page.locator(".row")).to_have_count(4)
        yield page
        context.close()                             # before the service ends: the page asks it now and then
    finally:
        server.stop()
    assert complaints == []


def test_the_crew_s_page_speaks_in_seconds_and_shows_class_and_number(rig, tmp_path, chromium):
    with crew_page(chromium, rig, tmp_path / "service.db") as page:
        page.locator(".row").first.click()
        detail = page.locator("#detail")
        expect(detail).to_contain_text("Newest reading 29")             # 298 s, of the shortest run, or later
        expect(detail).to_contain_text("in the 60\u00a0s after the next 4\u00a0s")
        expect(detail.locator(".card", has_text="How long left")).to_contain_text(re.compile(r"\d\u00a0s"))
        expect(detail.locator(".card", has_text="Condition").locator("li").first).to_contain_text("Worn")
        expect(detail.locator(".card", has_text="Wear")).to_contain_text(re.compile(r"\d+ um.*in 9 cases of 10"))
        words = detail.inner_text() + page.locator("#list").inner_text()
        assert not re.findall(r"\d\s(?:h|days|cycles|min)\b|cycle|1970|NaN|undefined|null", words), words


def test_a_task_that_states_a_class_leads_the_crew_s_page(stated, tmp_path, chromium):
    with crew_page(chromium, stated, tmp_path / "service.db") as page:
        assert set(page.locator(".row .risk").all_inner_texts()) == {"Worn"}
        expect(page.locator("#facts")).to_contain_text("4 calm")
        page.locator(".row").first.click()
        detail = page.locator("#detail")
        expect(detail.locator(".card")).to_have_count(2)
        expect(detail.locator(".card", has_text="Condition").locator("li").first).to_contain_text("Worn")
        expect(detail.locator(".card", has_text="Wear")).to_contain_text("um")
        words = detail.inner_text()
        assert not re.findall(r"Which component|Chance of a failure|Risk|NaN|undefined|null", words), words


def test_the_model_s_card_names_class_and_number(stated):
    served = LoadedBundle.load(stated / "models/bundle").card()
    assert {each["kind"] for each in served["forecasts"]} == {"event", "number"}
    assert served["tasks"]["condition"]["classes"] == ["sound", "worn"]
    assert (served["tasks"]["wear"]["unit"], served["tasks"]["wear"]["description"]) == ("um", "Wear")

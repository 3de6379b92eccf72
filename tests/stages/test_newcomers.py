"""The shapes of data that newcomers bring run from YAML alone, from raw files to the bundle."""

import json
import textwrap

import numpy as np
import pandas as pd
import pytest
from tests.stages.pipeline import place, run_stages

pytestmark = pytest.mark.slow


def csv(frame):
    return frame.to_csv(index=False)


def figures(folder, part="evaluate"):
    return json.loads((folder / f"metrics/detail/{part}.json").read_text())


TRUCKS = """
    name: trucks
    version: 1
    description: One file per truck, and the log of the workshop.
    source: {licence: our own}
    time: {kind: instant, zone: Europe/Berlin, period: 1h, max_gap: 6h}
    tables:
      telemetry:
        grain: one row per truck and hour
        files: ["trucks/*.csv"]
        comment: "#"
        columns:
          machine_id: {from_path: "truck-([0-9]+)", type: text, unit: none, description: Number of the truck}
          time: {from: stamp, type: instant, unit: UTC, description: Reading}
          oil_bar: {from: oil, type: number, unit: bar, range: [0, 20], nullable: true, description: Oil pressure}
          heat: {type: number, unit: degC, range: [-40, 200], nullable: true, optional: true, description: Temperature}
      maintenance:
        grain: one row per service
        files: [services.csv]
        only: [{column: component, in: [oil, brake], reason: washing is no maintenance}]
        all_machines: [ALL]
        columns:
          machine_id: {from: vehicle, type: text, unit: none, description: Number of the truck}
          time: {from: done, type: instant, unit: UTC, description: End of the service}
          component:
            from: job
            type: text
            unit: none
            values: [oil, brake, wash]
            map: {Oil change: oil, oil chg.: oil, "Ölwechsel": oil, Brakes: brake, BRK: brake, washed: wash}
            description: What was done
      failures:
        grain: one row per breakdown
        files: [services.csv]
        unlisted: ignore
        columns:
          machine_id: {from: vehicle, type: text, unit: none, description: Number of the truck}
          time: {from: done, type: instant, unit: UTC, description: Breakdown}
          mode: {from: job, type: text, unit: none, map: {TOWED: engine, towed in: engine}, description: What broke}
        only: [{column: mode, equals: engine, reason: planned service}]
    failures: {from: table}
    tasks:
      failure: {kind: failure_within, horizon: 48h, lead_time: 2h}
    rows: {stride: 3h, windows: [6h, 24h]}
    split: {by: time, validation: 0.25, test: 0.25}
    costs: {missed_failure_eur: 8000, false_alarm_eur: 300, planned_repair_eur: 1500}
"""


def trucks():
    random = np.random.default_rng(1)
    files, jobs = {}, [["ALL", "2024-02-01 12:00", "Oil change"]]
    for number in range(8):
        hours = pd.date_range("2024-01-01", periods=24 * 80, freq="1h")
        breaks = np.cumsum(random.integers(200, 600, 4)) % len(hours)
        ahead = np.array([min([b - at for b in breaks if b >= at], default=999) for at in range(len(hours))])
        frame = pd.DataFrame({
            "stamp": hours.strftime("%Y-%m-%d %H:%M"),
            "oil": (4 - 2 * (ahead < 60) + random.normal(0, 0.2, len(hours))).round(3),
            "heat": (80 + 9 * (ahead < 60) + random.normal(0, 1, len(hours))).round(2)})
        if number == 3:                             # an older logger without a thermometer
            frame = frame.drop(columns="heat")
        files[f"trucks/truck-{number:02d}.csv"] = f"# logger {number}\n" + csv(frame)
        services = zip((100, 500, 900, 1300), ("oil chg.", "Ölwechsel", "BRK", "washed"), strict=True)
        jobs += [[f"{number:02d}", hours[at].strftime("%Y-%m-%d %H:%M"), name] for at, name in
                 [*((at, ["TOWED", "towed in"][number % 2]) for at in breaks), *services]]
    return files | {"services.csv": csv(pd.DataFrame(jobs, columns=["vehicle", "done", "job"]))}


def test_a_file_per_vehicle_and_a_log_of_spellings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place(tmp_path, "trucks", textwrap.dedent(TRUCKS), trucks())
    run_stages(tmp_path, "trucks")
    counts = json.loads((tmp_path / "data/canonical/ingest.json").read_text())
    assert counts["telemetry"]["absent_columns"] == {"heat": 24 * 80}
    assert counts["maintenance"]["copied_to_all_machines"] == 8
    jobs = pd.read_parquet("data/canonical/maintenance.parquet")
    assert jobs["component"].value_counts().to_dict() == {"oil": 24, "brake": 8}
    assert figures(tmp_path)["test"]["roc_auc"] > 0.9
    assert (tmp_path / "models/bundle/manifest.json").exists()


RUNS = """
    name: bearings
    version: 1
    description: A bearing run until it fails, one file each.
    source: {licence: our own}
    time: {kind: cycle, period: 1 cycle}
    tables:
      telemetry:
        grain: one row per bearing and minute
        files: ["run_*.txt"]
        header: false
        separator: blank
        skip_lines: 2
        columns:
          machine_id: {from: file_name, type: text, unit: none, description: Run}
          time: {from: row_number, type: integer, unit: cycles, description: Minute of the campaign}
          vibration: {from: 0, type: number, unit: mm/s, range: [0, 100], description: Vibration}
          heat: {from: 1, type: number, unit: degC, range: [0, 200], description: Temperature}
    failures: {from: end_of_life, mode: worn}
    tasks:
      rul: {kind: rul, cap: 100 cycles}
    rows: {windows: [5 cycles, 20 cycles]}
    split: {by: machine, validation: 0.25, test: 0.25}
    costs: {missed_failure_eur: 8000, false_alarm_eur: 300, planned_repair_eur: 1500}
"""


def runs():
    random = np.random.default_rng(2)
    files = {}
    for number in range(16):
        life = 90 + 10 * number
        wear = np.linspace(0, 1, life) ** 2
        rows = zip(2 + 6 * wear + random.normal(0, 0.2, life), 40 + 30 * wear + random.normal(0, 1, life), strict=True)
        files[f"run_{number:02d}.txt"] = "rig 4\nvibration heat\n" + "".join(f"{abs(v):.4f} {t:.2f}\n" for v, t in rows)
    return files


def test_run_to_failure_with_a_file_per_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place(tmp_path, "bearings", textwrap.dedent(RUNS), runs())
    run_stages(tmp_path, "bearings")
    failures = pd.read_parquet("data/canonical/failures.parquet")
    assert failures["machine_id"].tolist() == [f"run_{number:02d}" for number in range(16)]
    assert figures(tmp_path)["test"]["rmse_capped"] < 25


NUMBERS = """
    name: resin
    version: 1
    description: Batches of resin, each measured once; viscosity and gel time are wanted before the laboratory has them.
    source: {licence: our own}
    time: {kind: none}
    tables:
      telemetry:
        grain: one row per batch
        files: [batches.csv]
        separator: ";"
        decimal: ","
        skip_rows: 1
        columns:
          machine_id: {from: row_number, type: integer, unit: none, description: Number of the batch}
          reactor: {type: text, unit: none, role: group, description: Reactor}
          melt_k: {from: melt, type: number, unit: K, range: [300, 700], description: Temperature}
          speed: {type: number, unit: rpm, range: [0, 500], description: Stirrer}
          viscosity: {type: number, unit: Pa s, role: label, nullable: true, description: Viscosity}
          shift_c: {from: shift, type: number, unit: K, role: label, description: Shift of the gel point}
    failures: {from: none}
    tasks:
      viscosity: {kind: number, column: viscosity}
      gel: {kind: number, column: shift_c}
    split: {by: group, validation: 0.2, test: 0.2}
"""


def batches():
    random = np.random.default_rng(3)
    n = 900
    melt, speed = random.uniform(400, 500, n).round(1), random.uniform(50, 300, n).round(1)
    viscosity = (20 - 0.03 * melt + 0.01 * speed + random.normal(0, 0.2, n)).round(4)
    shift = (0.2 * (melt - 450) + random.normal(0, 1, n)).round(4)         # may be negative
    measured = ["" if at % 50 == 0 else viscosity[at] for at in range(n)]
    rows = [f"R{at % 12:02d};{melt[at]};{speed[at]};{measured[at]};{shift[at]}".replace(".", ",") for at in range(n)]
    return {"batches.csv": "\n".join(["reactor;melt;speed;viscosity;shift", ";K;rpm;Pa s;K", *rows]) + "\n"}


def test_a_table_with_two_numbers_to_predict(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place(tmp_path, "resin", textwrap.dedent(NUMBERS), batches())
    run_stages(tmp_path, "resin")
    rows = pd.read_parquet("data/prepared/rows.parquet")
    assert rows.groupby("group")["part"].nunique().max() == 1
    found = figures(tmp_path)["tasks"]
    for task, scale in (("viscosity", 0.6), ("gel", 3.0)):
        assert found[task]["test"]["rmse"] < scale < found[task]["baselines"]["mean"]["rmse"] * 1.5
        assert found[task]["test"]["r2"] > 0.5
        assert 0.75 < found[task]["test"]["coverage_90"] <= 1.0
    assert pd.read_parquet("data/predictions/predictions.parquet")["number_gel"].min() < 0
    assert figures(tmp_path, "review")["decision"] == "promote"


RIG = """
    name: rig
    version: 1
    description: A hydraulic rig. A cycle is sixty seconds; each sensor has a file, and the conditions another.
    source: {licence: our own}
    time: {kind: none}
    tables:
      telemetry:
        grain: one row per cycle
        files: [profile.txt]
        header: false
        separator: "\\t"
        join:
          pressure: {files: [PS1.txt], header: false, separator: "\\t", by: row_order}
          heat: {files: [TS1.txt], header: false, separator: "\\t", by: row_order, unlisted: ignore}
        columns:
          machine_id: {from: row_number, type: integer, unit: none, description: Number of the cycle}
          valve: {from: 0, type: text, unit: none, role: label, values: [sound, lagging, failing],
                  map: {"100": sound, "90": lagging, "73": failing}, description: Condition of the valve}
          leak: {from: 1, type: flag, unit: none, role: label, description: The pump leaks}
          pressure: {join: pressure, from_cells: "mean(x[0:60])", type: number, unit: bar, description: Mean pressure}
          pressure_rms: {join: pressure, from_cells: "rms(x[10:60])", type: number, unit: bar, description: RMS}
          pressure_kurtosis: {join: pressure, from_cells: "kurtosis(x[0:60])", type: number, unit: "1",
                              description: Kurtosis}
          pressure_crest: {join: pressure, from_cells: "crest(x[0:60])", type: number, unit: "1",
                           description: Crest factor}
          heat_rise: {join: heat, from_cells: "x[59] - x[0]", type: number, unit: K, description: Rise in a cycle}
    failures: {from: none}
    tasks:
      leak: {kind: label, column: leak}
      valve: {kind: class, column: valve}
    split: {by: row, validation: 0.2, test: 0.2}
    costs: {missed_failure_eur: 500, false_alarm_eur: 20, planned_repair_eur: 50}
"""


def rig():
    random = np.random.default_rng(4)
    n = 600
    valve, leaks = random.integers(0, 3, n), random.random(n) < 0.3
    pressure = 150 + 10 * valve[:, None] + random.normal(0, 2 + 6 * leaks[:, None], (n, 60))
    heat = 40 + np.linspace(0, 1, 60) * (2 + 4 * leaks[:, None]) + random.normal(0, 0.3, (n, 60))
    profile = [f"{(100, 90, 73)[valve[at]]}\t{int(leaks[at])}" for at in range(n)]

    def text(x):
        return "\n".join("\t".join(f"{value:.3f}" for value in row) for row in x) + "\n"

    return {"profile.txt": "\n".join(profile) + "\n", "PS1.txt": text(pressure), "TS1.txt": text(heat)}, pressure


def test_a_file_per_sensor_with_sixty_samples_a_row(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files, pressure = rig()
    place(tmp_path, "rig", textwrap.dedent(RIG), files)
    run_stages(tmp_path, "rig")
    rows = pd.concat(map(pd.read_parquet, sorted((tmp_path / "data/canonical/telemetry").iterdir())))
    rows = rows.set_index(rows["machine_id"].astype(int)).sort_index()
    samples = pressure.round(3)
    assert np.allclose(rows["pressure"], samples.mean(axis=1))
    assert np.allclose(rows["pressure_crest"], np.abs(samples).max(axis=1) / np.sqrt((samples**2).mean(axis=1)))
    found = figures(tmp_path)
    assert found["test"]["roc_auc"] > 0.9
    assert found["tasks"]["valve"]["test"]["accuracy"] > 0.9
    assert set(found["tasks"]["valve"]["test"]["classes"]) == {"sound", "lagging", "failing"}
    assert "Task valve: the class was right in" in (tmp_path / "reports/evaluation.html").read_text()


MILLS = """
    name: mills
    version: 1
    description: Mills that report only while they run; the liner is inspected, its wear to be known a shift ahead.
    source: {licence: our own}
    time: {kind: instant}
    tables:
      telemetry:
        grain: one row per mill and reading
        files: [historian.csv]
        pivot: {tag: tag, value: value}
        columns:
          machine_id: {from: mill, type: text, unit: none, description: Mill}
          time: {from: at, type: instant, unit: UTC, format: epoch_s, description: Reading}
          power: {from_tag: JI-1, type: number, unit: kW, range: [0, 5000], nullable: true, description: Power}
          shake: {from_tag: VI-7, type: number, unit: mm/s, range: [0, 100], nullable: true, description: Vibration}
          wear: {from_tag: WEAR, type: number, unit: mm, role: label, nullable: true, description: Wear}
      labels:
        grain: one row per inspection
        files: [inspections.csv]
        columns:
          machine_id: {from: mill, type: text, unit: none, description: Mill}
          time: {from: at, type: instant, unit: UTC, format: epoch_s, description: Inspection}
          liner: {type: text, unit: none, values: [good, worn], description: Finding}
    failures: {from: none}
    tasks:
      liner: {kind: class, column: liner}
      wear: {kind: number, column: wear, lead_time: 8h}
    rows: {stride: 4h, windows: [8h, 24h]}
    split: {by: time, validation: 0.25, test: 0.25}
"""


def mills():
    random = np.random.default_rng(5)
    records, found = [], []
    for number in range(6):
        wear, at = random.uniform(0, 4), 1_704_067_200 + 60 * number
        for day in range(60):
            for step in range(random.integers(20, 40)):         # a shift of irregular readings, then silence
                when = at + 86_400 * day + 900 * step + int(random.integers(0, 300))
                wear = wear + 0.004 if wear < 8 else 0.0
                for tag, value in (("JI-1", 900 + 60 * wear + random.normal(0, 10)),
                                   ("VI-7", 2 + wear + random.normal(0, 0.3)), ("WEAR", wear)):
                    records.append([f"M{number}", when, tag, round(value, 3)])
            found.append([f"M{number}", at + 86_400 * day, "worn" if wear > 4 else "good"])
    order = random.permutation(len(records))
    long = pd.DataFrame([records[place] for place in order], columns=["mill", "at", "tag", "value"])
    return {"historian.csv": csv(long), "inspections.csv": csv(pd.DataFrame(found, columns=["mill", "at", "liner"]))}


def test_states_and_numbers_over_time_of_machines_that_report_only_while_they_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place(tmp_path, "mills", textwrap.dedent(MILLS), mills())
    run_stages(tmp_path, "mills")
    quality = figures(tmp_path, "data_quality")
    assert quality["passed"]
    assert quality["gap_share"] < 0.2
    found = figures(tmp_path)["tasks"]
    assert found["liner"]["test"]["accuracy"] > found["liner"]["baselines"]["most_common"]["accuracy"]
    assert found["wear"]["test"]["rmse"] < 0.7 * found["wear"]["baselines"]["mean"]["rmse"]
    rows = pd.read_parquet("data/prepared/rows.parquet")
    assert rows.loc[rows["part"] == "train", "target_wear"].notna().any()
    assert rows["target_wear"].isna().any()             # what lies beyond the last reading, or a cut, is not known

"""Bad input of every kind ends in one clear message, exit code 1, and nothing that a later run would trust.

A small plant is written as raw files, one thing is spoilt, and the real stages run up to the one that
must refuse. Below the shares that params.yaml states, bad rows and readings are set aside and counted.
"""

import gzip
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from tests.stages.running import ROOT, run_stage

from oilcan.ground.errors import OilcanError

CONTRACT = """
name: plant
version: 1
description: Pumps of a small plant.
source: {licence: CC0-1.0}
time: {kind: instant, period: 1h, max_gap: 6h}
tables:
  telemetry:
    grain: one row per pump and hour
    files: ["telemetry*"]
    columns:
      machine_id: {type: text, unit: none, description: Pump}
      time: {type: instant, unit: UTC, description: Reading}
      heat: {type: number, unit: K, range: [200, 500], description: Heat}
      flow: {type: number, unit: m3/h, nullable: true, description: Flow}
  errors:
    grain: one row per error
    files: [errors.csv]
    columns:
      machine_id: {type: text, unit: none, description: Pump}
      time: {type: instant, unit: UTC, description: Error}
      code: {type: text, unit: none, description: Code}
  failures:
    grain: one row per failure
    files: [failures.csv]
    columns:
      machine_id: {type: text, unit: none, description: Pump}
      time: {type: instant, unit: UTC, description: Failure}
      mode: {type: text, unit: none, description: Part}
failures: {from: table}
tasks: {failure: {kind: failure_within, horizon: 24h, lead_time: 2h}}
rows: {stride: 4h, windows: [24h]}
split: {by: time, validation: 0.2, test: 0.2}
costs: {missed_failure_eur: 100, false_alarm_eur: 1, planned_repair_eur: 10}
"""
PARTS = """
name: plant
version: 1
description: Castings, each measured once.
source: {licence: CC0-1.0}
time: {kind: none}
tables:
  telemetry:
    grain: one row per casting
    files: [castings.csv]
    columns:
      machine_id: {type: text, unit: none, description: Casting}
      heat: {type: number, unit: K, range: [200, 500], description: Heat}
      cracked: {type: flag, unit: none, role: label, description: It cracked}
failures: {from: none}
tasks: {cracked: {kind: label, column: cracked}}
split: {by: row, validation: 0.2, test: 0.2}
costs: {missed_failure_eur: 100, false_alarm_eur: 1, planned_repair_eur: 10}
"""
SMALL = {"compute": {"jobs": 1, "backend": "threading"}, "evaluate": {"bootstrap": 20}, "review": {"bootstrap": 20}}
QUICK = {"hist_gradient_boosting": {"iterations": 5, "min_samples_leaf": 5}}
START = pd.Timestamp("2024-01-01")
MACHINES, HOURS = 6, 360

# what each stage reads and writes, in the order of its arguments
READS = {
    "ingest": ("raw", "live"),
    "validate": ("canonical",),
    "prepare": ("canonical", "quarantine.parquet"),
    "featurize": ("prepared",),
    "train": ("prepared", "features"),
    "predict": ("prepared", "features", "model"),
    "explain": ("prepared", "features", "model"),
    "evaluate": ("prepared", "predictions", "model.json", "explain.json"),
    "reference": ("canonical", "prepared", "features", "model", "monitoring.yaml", "detail/evaluate.json"),
    "package": ("prepared", "features", "model", "model.json", "reference"),
    "review": ("prepared", "predictions", "detail/evaluate.json", "detail/data_quality.json", "slices.json",
               "explain.json", "model.json", "plots", "bundle", "champion.json", "gate.yaml"),
    "monitor": ("canonical", "bundle", "reference", "monitoring.yaml"),
}
WRITES = {
    "ingest": ("canonical",),
    "validate": ("data_quality.json", "detail/data_quality.json", "data_quality.html", "quarantine.parquet"),
    "prepare": ("prepared",),
    "featurize": ("features",),
    "train": ("model", "model.json", "train.json"),
    "predict": ("predictions",),
    "explain": ("explain.json",),
    "evaluate": ("evaluate.json", "detail/evaluate.json", "slices.json", "plots"),
    "reference": ("reference",),
    "package": ("bundle",),
    "review": ("review.json", "detail/review.json", "bundle.verdict.json", "evaluation.html",
               "model_card.md", "data_sheet.md"),
    "monitor": ("monitoring.json", "detail/monitoring.json", "monitoring.html"),
}
STAGES = tuple(READS)


def readings() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame({
        "machine_id": np.repeat([f"m{number}" for number in range(MACHINES)], HOURS),
        "time": np.tile(pd.date_range(START, periods=HOURS, freq="h").strftime("%Y-%m-%d %H:%M"), MACHINES),
        "heat": rng.normal(300, 5, MACHINES * HOURS).round(3),
        "flow": rng.normal(50, 1, MACHINES * HOURS).round(3),
    })


def happened(word: str, what: str, hours: Sequence[int] = range(40, HOURS, 60)) -> pd.DataFrame:
    rows = [(f"m{number}", f"{START + pd.Timedelta(hours=hour + 4 * number):%Y-%m-%d %H:%M}", what)
            for number in range(MACHINES) for hour in hours if hour + 4 * number < HOURS]
    return pd.DataFrame(rows, columns=["machine_id", "time", word])


class Plant:
    """A folder with a contract, parameters and raw files, through which the real stages run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def raw(self) -> Path:
        return self.folder / "raw"

    def contract(self, *changes: tuple[str, str]) -> None:
        file = self.folder / "plant.yaml"
        text = file.read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        file.write_text(text, encoding="utf-8")

    def change(self, table: str, edit: Callable[[pd.DataFrame], Any]) -> None:
        """Edit a raw table in place, or replace it by what `edit` gives back."""
        frame = pd.read_csv(self.raw / f"{table}.csv", dtype="object")
        edited = edit(frame)
        (frame if edited is None else edited).to_csv(self.raw / f"{table}.csv", index=False)

    def params(self, section: str, **values: object) -> None:
        file = self.folder / "params.yaml"
        held = yaml.safe_load(file.read_text(encoding="utf-8"))
        held.setdefault(section, {}).update(values)
        file.write_text(yaml.safe_dump(held), encoding="utf-8")

    def paths(self, stage: str) -> list[Path]:
        return [self.folder / name for name in ("plant.yaml", *READS[stage], *WRITES[stage])]

    def run(self, stage: str) -> None:
        run_stage(stage, *self.paths(stage), params=self.folder / "params.yaml")

    def run_before(self, stage: str) -> None:
        for earlier in STAGES[: STAGES.index(stage)]:
            self.run(earlier)

    def refusal(self, stage: str) -> str:
        """The message of a stage that must refuse after the ones before it, which must not."""
        self.run_before(stage)
        return self.refusal_of(stage)

    def refusal_of(self, stage: str) -> str:
        with pytest.raises(OilcanError) as caught:
            self.run(stage)
        self.has_nothing_of(stage)
        return str(caught.value)

    def process(self, stage: str, most_bytes: int | None = None) -> subprocess.CompletedProcess[str]:
        """The command that DVC runs, in a process of its own."""
        limit = None if most_bytes is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes,) * 2)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "COV_"))}
        return subprocess.run(
            [sys.executable, "-P", ROOT / f"src/stages/{stage}.py", *self.paths(stage), "--params",
             self.folder / "params.yaml"],
            env=clean | {"PYTHONPATH": str(ROOT / "src"), "PYTHONDONTWRITEBYTECODE": "1"}, cwd=self.folder,
            capture_output=True, text=True, check=False, preexec_fn=limit)

    def said_by(self, stage: str, most_bytes: int | None = None) -> str:
        """What a person sees of a stage that must refuse: one message, and exit code 1."""
        done = self.process(stage, most_bytes)
        assert done.returncode == 1, done.stderr
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("error: ") == 1
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
        self.has_nothing_of(stage)
        return done.stderr

    def has_nothing_of(self, stage: str) -> None:
        assert [name for name in WRITES[stage] if (self.folder / name).exists()] == []
        assert list(self.folder.rglob(".*.tmp")) == []

    def counts(self, table: str = "telemetry") -> dict[str, Any]:
        return json.loads((self.folder / "canonical/ingest.json").read_text(encoding="utf-8"))[table]

    def quality(self) -> dict[str, Any]:
        return json.loads((self.folder / "detail/data_quality.json").read_text(encoding="utf-8"))


def found(plant: Plant, contract: str) -> Plant:
    """Write contract and parameters of a plant."""
    plant.raw.mkdir(parents=True)
    (plant.folder / "plant.yaml").write_text(contract, encoding="utf-8")
    shutil.copy(ROOT / "params.yaml", plant.folder)
    (plant.folder / "champion.json").write_text('{"bundle": null}\n', encoding="utf-8")
    for rules in ("monitoring.yaml", "gate.yaml"):
        shutil.copy(ROOT / rules, plant.folder / rules)
    for name, values in SMALL.items():
        plant.params(name, **values)
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["train"]
    plant.params("train", hist_gradient_boosting=values["hist_gradient_boosting"] | QUICK["hist_gradient_boosting"])
    return plant


def pumps(folder: Path) -> Plant:
    made = found(Plant(folder), CONTRACT)
    readings().to_csv(made.raw / "telemetry.csv", index=False)
    happened("code", "E7", range(30, HOURS, 60)).to_csv(made.raw / "errors.csv", index=False)
    happened("mode", "seal").to_csv(made.raw / "failures.csv", index=False)
    return made


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return pumps(tmp_path / "plant")


@pytest.fixture
def castings(tmp_path: Path) -> Plant:
    made = found(Plant(tmp_path / "castings"), PARTS)
    heat = np.random.default_rng(2).normal(300, 5, 200).round(3)
    table = {"machine_id": [f"c{at}" for at in range(200)], "heat": heat, "cracked": np.arange(200) % 5 == 0}
    pd.DataFrame(table).to_csv(made.raw / "castings.csv", index=False)
    return made


# --- what ingest refuses: files, columns, rows -------------------------------------------------------------------


def to_text(name: str, content: bytes | str) -> Callable[[Plant], None]:
    return lambda plant: (plant.raw / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def cut(name: str, packed: Callable[[bytes], bytes] = lambda content: content) -> Callable[[Plant], None]:
    """The raw file packed, and then only the first half of it."""
    def spoil(plant: Plant) -> None:
        content = packed((plant.raw / "telemetry.csv").read_bytes())
        (plant.raw / "telemetry.csv").unlink()
        (plant.raw / name).write_bytes(content[: len(content) // 2])
    return spoil


def as_parquet(content: bytes) -> bytes:
    return pd.read_csv(io.BytesIO(content)).to_parquet()


PARQUET = ('files: ["telemetry*"]', 'files: ["telemetry*"]\n    format: parquet')


def edit(table: str, how: Callable[[pd.DataFrame], Any]) -> Callable[[Plant], None]:
    return lambda plant: plant.change(table, how)


def words(*changes: tuple[str, str]) -> Callable[[Plant], None]:
    return lambda plant: plant.contract(*changes)


def put(column: str, rows: slice, value: object) -> Callable[[pd.DataFrame], None]:
    def change(frame: pd.DataFrame) -> None:
        frame.loc[frame.index[rows], column] = value
    return change


def first_twice(frame: pd.DataFrame) -> pd.DataFrame:
    """A tenth of the rows again, with other readings."""
    return pd.concat([frame, frame.iloc[::10].assign(heat="301")])


def clock_set_back(frame: pd.DataFrame) -> None:
    """Half way a pump's clock jumps back by five days, so it lives these days twice."""
    late = frame.index[(frame["machine_id"] == "m2") & (frame.index % HOURS >= HOURS // 2)]
    back = pd.to_datetime(frame.loc[late, "time"]) - pd.Timedelta(days=5)
    frame.loc[late, "time"] = back.dt.strftime("%Y-%m-%d %H:%M")


def with_offset(frame: pd.DataFrame) -> None:
    own = frame["machine_id"] == "m1"
    frame.loc[own, "time"] = frame.loc[own, "time"] + "+02:00"


INGEST = {
    "a missing raw folder": (
        lambda plant: shutil.rmtree(plant.raw),
        ["raw: does not exist", "oilcan dataset place plant --from FOLDER"]),
    "a missing file": (
        lambda plant: (plant.raw / "failures.csv").unlink(),
        [r"tables\.failures\.files: no file 'failures\.csv' \(found errors\.csv, telemetry\.csv\)", "Place the files"]),
    "a missing table": (
        words(("files: [errors.csv]", "files: [alarms/*.csv]")),
        [r"tables\.errors\.files: no file 'alarms/\*\.csv' \(found errors\.csv", "change the contract"]),
    "a table that the contract lacks": (
        words(("  failures:\n    grain", "  truth:\n    grain"), ("mode: {type", "p: {type")),
        [r"failures\.from: says 'table', but tables\.failures is missing", "contradicts itself"]),
    "a missing column": (
        edit("telemetry", lambda frame: frame.drop(columns="heat")),
        [r"telemetry\.csv: column 'heat' is missing \(found 'machine_id', 'time', 'flow'\)", "change the contract"]),
    "a column nobody described": (
        edit("telemetry", lambda frame: frame.assign(noise="1")),
        [r"telemetry\.csv: columns 'noise' are not listed; list them, or say `unlisted: ignore`"]),
    "wrong types": (
        edit("telemetry", put("heat", slice(0, 200), "warm")),
        [r"200 of 2,160 rows refused \(9\.3%, allowed at most 2\.0%\)",
         r"'heat: not a finite number', first in telemetry\.csv row 1: .*warm",
         "Fix the files or the contract, or raise limits.max_rejected_share in it"]),
    "wrong instants": (
        edit("failures", put("time", slice(0, 5), "last week")),
        ["failures: 5 for 'time: no such instant in zone UTC', first in failures.csv row 1"]),
    "an unknown machine in an event table": (
        edit("errors", put("machine_id", slice(0, 3), "M-07")),
        [r"errors: 3 for 'unknown machine', first in errors\.csv row 1: .*M-07"]),
    "duplicate keys with other content": (
        edit("telemetry", first_twice),
        [r"216 of 2,376 rows refused", "'duplicate key, other content', first in telemetry.csv row 2161"]),
    "time going backwards": (
        edit("telemetry", clock_set_back),
        ["120 for 'duplicate key, other content', first in telemetry.csv row"]),
    "time zones mixed": (
        edit("telemetry", with_offset),
        ["telemetry: time: time zones are mixed: instants with and without a zone offset"]),
    "a sensor without a reading": (
        edit("telemetry", put("heat", slice(None), "")),
        ["2,160 for 'heat: missing'", "raise limits.max_rejected_share"]),
    "an empty file": (to_text("errors.csv", ""), [r"errors: errors\.csv: is empty; get the file again"]),
    "a header alone": (to_text("telemetry.csv", "machine_id,time,heat,flow\n"), ["telemetry: no row is left"]),
    "a truncated gzip file": (
        cut("telemetry.csv.gz", gzip.compress),
        [r"telemetry\.csv\.gz: gzip is truncated or damaged .*; get the file again"]),
    "a truncated Parquet file": (
        lambda plant: (cut("telemetry.parquet", as_parquet)(plant), plant.contract(PARQUET)),
        [r"telemetry\.parquet: not readable as Parquet \(.*\); truncated or another format\?"]),
    "a Parquet file where text was promised": (
        cut("telemetry.parquet", as_parquet),
        [r"telemetry\.parquet: is a Parquet file; say `format: parquet`"]),
    "a file of another kind": (
        to_text("errors.csv", bytes(range(256)) * 8), [r"errors\.csv: not utf-8 in line 2 \(found byte 0x80\)"]),
    "a misspelt word of the contract": (
        words(("stride: 4h", "strid: 4h")),
        [r"plant\.yaml is not a valid contract", r"rows\.strid: no such word \(found '4h'\)\. Fix the spelling"]),
    "a contract that is no text": (
        lambda plant: (plant.folder / "plant.yaml").write_bytes(b"\xff\xfe\x00name"),
        [r"plant\.yaml: not readable as UTF-8 text", "Save it as UTF-8"]),
    "an unknown data set": (
        lambda plant: (plant.folder / "plant.yaml").rename(plant.folder / "plants.yaml"),
        [r"plant\.yaml: no such data set \(found 'plant', known: gate, monitoring, params, plants\)",
         "oilcan dataset new plant FILES"]),
    "a misspelt parameter": (
        lambda plant: plant.params("ingest", machines_per_partitio=5),
        [r"params\.yaml: ingest is not valid",
         r"machines_per_partitio: no such word \(found 5\)\. Fix the spelling"]),
    "a misspelt section": (
        lambda plant: plant.params("ingst", machines_per_partition=5),
        [r"params\.yaml: unknown sections \['ingst'\]", "Fix the spelling"]),
    "parameters that are no YAML": (
        lambda plant: (plant.folder / "params.yaml").write_text("ingest: [", encoding="utf-8"),
        [r"params\.yaml: not readable as YAML", "Fix the file"]),
}


@pytest.mark.parametrize("case", INGEST)
def test_ingest_refuses(plant: Plant, case: str) -> None:
    spoil, wanted = INGEST[case]
    spoil(plant)
    said = plant.refusal("ingest")
    for line in wanted:
        assert re.search(line, said), said


def test_everything_that_is_wrong_is_told_at_once(plant: Plant) -> None:
    plant.change("telemetry", put("heat", slice(0, 200), "warm"))
    plant.change("errors", put("machine_id", slice(0, 3), "M-07"))
    plant.change("failures", put("mode", slice(0, 9), ""))
    said = plant.refusal("ingest")
    for line in ("'heat: not a finite number'", "'unknown machine'", "9 for 'mode: missing'"):
        assert line in said


# --- what validate and prepare refuse: readings without sense, data that cannot carry the task -------------------


def stuck(frame: pd.DataFrame, hours: int) -> None:
    """One pump's flow repeats for some hours."""
    frame.loc[frame.index[100 : 100 + hours], "flow"] = "51.5"


def clock_ahead(frame: pd.DataFrame) -> None:
    own = frame["machine_id"] == "m3"
    ahead = pd.to_datetime(frame.loc[own, "time"]) + pd.Timedelta(days=365)
    frame.loc[own, "time"] = ahead.dt.strftime("%Y-%m-%d %H:%M")


VALIDATE = {
    "readings outside the physical range": (
        edit("telemetry", put("heat", slice(0, 216), "900")),
        [r"heat: 216 of 2,160 readings outside \[200\.0, 500\.0\] K .*\(10\.0%, wanted at most 5\.0%\)",
         "Check unit, factor and range in the contract"]),
    "a stuck sensor": (
        edit("telemetry", lambda frame: stuck(frame, 200)),
        ["flow: 0 of 2,160 readings outside .* and 177 stuck for 24 periods or longer", "fix the sensor's data"]),
    "hours that are missing": (
        edit("telemetry", lambda frame: frame[(frame.index % HOURS < 60) | (frame.index % HOURS > 200)]),
        [r"telemetry: .* expected rows are missing in gaps \(39\.\d%, wanted at most 20\.0%\)", "time.period"]),
    "a clock that is a year ahead": (
        edit("telemetry", clock_ahead),
        ["machine 'm3': its last instant lies 8,760 h after the end of the fleet", "Set its clock right"]),
    "no failures at all": (
        edit("failures", lambda frame: frame.iloc[:0]),
        [r"failures: none at all \(found 0, wanted at least 1\) for failure", "Check failures.from in the contract"]),
    "a horizon longer than the data": (
        words(("horizon: 24h", "horizon: 500h")),
        [r"tasks\.failure: horizon \+ lead time = 502 h is not shorter than the data \(359 h\)",
         r"Shorten tasks\.failure\.horizon"]),
    "a misspelt parameter": (
        lambda plant: plant.params("validate", stuck_period=3),
        [r"params\.yaml: validate is not valid", "stuck_period: no such word"]),
}


@pytest.mark.parametrize("case", VALIDATE)
def test_validate_refuses(plant: Plant, case: str) -> None:
    spoil, wanted = VALIDATE[case]
    spoil(plant)
    said = plant.refusal("validate")
    for line in wanted:
        assert re.search(line, said), said


PREPARE = {
    "one class only in a split": (
        edit("failures", lambda frame: frame[frame["time"] < "2024-01-08"]),
        [r"validation: one class only for task 'failure' \(found 0 positive and \d+ negative rows",
         "test: one class only", "Move split.validation or split.test"]),
    "a horizon that fills a part": (
        words(("horizon: 24h", "horizon: 200h")),
        ["split: parts cannot carry the tasks", r"(train|validation|test): (no rows|one class only)"]),
    "a split before the data": (
        words(("validation: 0.2, test: 0.2", 'validation: "2020-01-01", test: "2020-02-01"')),
        [r"train: no rows\. Move split\.validation"]),
    "a derived column of columns that are not there": (
        words(("failures: {from: table}",
               'derived: {r: {expression: heat / weight, unit: "1", description: R}}\nfailures: {from: table}')),
        ["derived columns cannot be computed; edit", "weight"]),
}


@pytest.mark.parametrize("case", PREPARE)
def test_prepare_refuses(plant: Plant, case: str) -> None:
    spoil, wanted = PREPARE[case]
    spoil(plant)
    said = plant.refusal("prepare")
    for line in wanted:
        assert re.search(line, said), said


def test_independent_rows_of_one_class_are_refused(castings: Plant) -> None:
    castings.change("castings", put("cracked", slice(None), "False"))
    said = castings.refusal("prepare")
    assert re.search(r"train: one class only for task 'cracked' \(found 0 positive and \d+ negative rows", said)


def test_independent_rows_with_a_key_twice_are_refused(castings: Plant) -> None:
    castings.change("castings", put("machine_id", slice(0, 20), "c100"))
    assert "20 for 'duplicate key, other content'" in castings.refusal("ingest")


# --- what is set aside and counted --------------------------------------------------------------------------------


def test_below_the_share_bad_rows_are_kept_aside_and_counted(plant: Plant) -> None:
    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[[5, 6], "heat"] = ["warm", ""]
        frame.loc[7, "time"] = "soon"
        again = frame.iloc[[10, 11]], frame.iloc[[12]].assign(heat="301")
        return pd.concat([frame, *again]).iloc[::-1]

    plant.change("telemetry", spoil)
    plant.run("ingest")
    counts = plant.counts()
    assert counts["refused"] == {"heat: not a finite number": 1, "heat: missing": 1,
                                 "time: no such instant in zone UTC": 1, "duplicate key, other content": 1}
    assert counts["duplicates_identical"] == 2
    assert counts["out_of_order"] > 2000
    assert (counts["read"], counts["kept"]) == (2163, 2157)
    aside = pd.read_parquet(plant.folder / "canonical/rejected.parquet")
    assert sorted(aside["reason"]) == sorted(counts["refused"])
    kept = pd.read_parquet(plant.folder / "canonical/telemetry/part-0000.parquet")
    assert kept.equals(kept.sort_values(["machine_id", "time"], ignore_index=True))


def test_a_rare_event_of_an_unknown_machine_is_kept_aside(plant: Plant) -> None:
    plant.change("errors", put("machine_id", slice(0, 1), "M-07"))
    plant.contract(("costs:", "limits: {max_rejected_share: 0.05}\ncosts:"))
    plant.run("ingest")
    assert plant.counts("errors")["refused"] == {"unknown machine": 1}


def test_below_the_share_impossible_and_stuck_readings_are_quarantined(plant: Plant) -> None:
    plant.change("telemetry", put("heat", slice(0, 10), "900"))
    plant.change("telemetry", lambda frame: stuck(frame, 40))
    plant.run("ingest")
    plant.run("validate")
    aside = pd.read_parquet(plant.folder / "quarantine.parquet")
    assert aside.groupby(["column", "reason"]).size().to_dict() == {
        ("heat", "outside range"): 10, ("flow", "stuck"): 17}
    assert plant.quality()["counts"]["stuck"] == 17
    plant.run("prepare")
    readings = pd.read_parquet(plant.folder / "prepared/telemetry/part-0000.parquet")
    assert readings["heat"].max() < 500


def test_a_sensor_that_may_be_silent_and_is_gives_no_feature(plant: Plant) -> None:
    plant.change("telemetry", put("flow", slice(None), ""))
    plant.run_before("train")
    plan = json.loads((plant.folder / "features/plan.json").read_text(encoding="utf-8"))
    names = {feature["sensor"] for feature in plan["features"]}
    assert "heat" in names
    assert "flow" not in names


# --- files between the stages that somebody cut, spoilt or took away ---------------------------------------------


@pytest.fixture(scope="module")
def _whole(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """A plant on which the whole pipeline has run; copied, never written to."""
    made = pumps(tmp_path_factory.mktemp("whole") / "plant")
    for stage in STAGES:
        made.run(stage)
    return made


@pytest.fixture
def ready(_whole: Plant, tmp_path: Path) -> Callable[[str], Plant]:
    """A copy in which the outputs of one stage are not there yet."""
    def before(stage: str) -> Plant:
        made = Plant(tmp_path / "plant")
        shutil.copytree(_whole.folder, made.folder)
        for name in WRITES[stage]:
            path = made.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return made
    return before


BETWEEN = [
    ("validate", "canonical/telemetry/part-0000.parquet"),
    ("validate", "canonical/ingest.json"),
    ("validate", "canonical/machines.parquet"),
    ("prepare", "canonical/telemetry/part-0000.parquet"),
    ("prepare", "canonical/failures.parquet"),
    ("prepare", "quarantine.parquet"),
    ("featurize", "prepared/telemetry/part-0000.parquet"),
    ("featurize", "prepared/rows.parquet"),
    ("train", "features/part-0000.parquet"),
    ("train", "features/plan.json"),
    ("predict", "model/served/forecasts.json"),
    ("predict", "model/judged/trees/00-0.treelite"),
    ("predict", "features/part-0000.parquet"),
    ("evaluate", "predictions/predictions.parquet"),
    ("evaluate", "model.json"),
    ("reference", "detail/evaluate.json"),
    ("review", "detail/evaluate.json"),
    ("review", "champion.json"),
    ("review", "predictions/predictions.parquet"),
    ("package", "model/judged/forecasts.json"),
]


@pytest.mark.parametrize(("stage", "name"), BETWEEN)
def test_a_truncated_file_between_stages_is_named(ready: Callable[[str], Plant], stage: str, name: str) -> None:
    plant = ready(stage)
    file = plant.folder / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    said = plant.refusal_of(stage)
    assert re.search(rf"{re.escape(name)}: not readable as .*(Delete it and run `dvc repro`|Restore it)", said), said


@pytest.mark.parametrize(("stage", "name"), BETWEEN)
def test_a_missing_file_between_stages_is_named(ready: Callable[[str], Plant], stage: str, name: str) -> None:
    plant = ready(stage)
    (plant.folder / name).unlink()
    said = plant.refusal_of(stage)
    assert re.search(rf"{re.escape(name)}: does not exist|{Path(name).parent}: holds no part-", said), said
    assert re.search("Run `dvc repro`|Restore it", said), said


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"null", b"{}", b"[]"])
@pytest.mark.parametrize("stage", ["predict", "train"])
def test_a_plan_of_features_that_is_none_is_refused(ready: Callable[[str], Plant], stage: str, content: bytes) -> None:
    plant = ready(stage)
    (plant.folder / "features/plan.json").write_bytes(content)
    assert "plan.json" in plant.refusal_of(stage)


# --- as a person sees it: the command of each stage in a process of its own --------------------------------------


def test_ingest_says_it_in_one_message(plant: Plant) -> None:
    (plant.raw / "failures.csv").unlink()
    said = plant.said_by("ingest")
    assert "tables.failures.files: no file 'failures.csv'" in said


def test_a_refused_run_leaves_what_an_earlier_one_made(ready: Callable[[str], Plant]) -> None:
    plant = ready("package")
    before = {path: path.read_bytes() for path in sorted((plant.folder / "canonical").rglob("*.*"))}
    plant.change("telemetry", first_twice)
    assert plant.process("ingest").returncode == 1
    assert {path: path.read_bytes() for path in sorted((plant.folder / "canonical").rglob("*.*"))} == before


# A disk is full for one file alone where the draft it is written to leads to the kernel's device that is always
# full; needs neither a mount nor rights. Folders are drafted anew, so for them the system's own limit on the size
# of files stops the writer half way.


@pytest.mark.parametrize(("stage", "name"), [
    ("validate", "quarantine.parquet"), ("validate", "data_quality.json"), ("train", "train.json"),
    ("review", "evaluation.html")])
def test_a_full_disk_is_one_message_and_nothing_is_left(
    ready: Callable[[str], Plant], stage: str, name: str
) -> None:
    plant = ready(stage)
    (plant.folder / f".{name}.tmp").symlink_to("/dev/full")
    done = plant.process(stage)
    assert done.returncode == 1
    assert done.stderr == (f"error: {plant.folder / name}: no space left on the disk. Make room and try again; "
                           f"nothing half-written was kept.\n")
    assert not (plant.folder / name).exists()
    assert list(plant.folder.rglob(".*.tmp")) == []


@pytest.mark.parametrize("stage", ["ingest", "prepare", "featurize", "train", "package"])
def test_a_file_that_the_system_cuts_off_is_one_message(ready: Callable[[str], Plant], stage: str) -> None:
    said = ready(stage).said_by(stage, most_bytes=6000)
    assert "the file grows larger than the system allows" in said
    assert "nothing half-written was kept" in said

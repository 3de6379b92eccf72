"""The command line as a person meets it."""

import errno
import json
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from oilcan import cli
from oilcan.ground.errors import OilcanError

ROOT = Path(__file__).parents[2]


def test_help_answers_at_once():
    took = []
    for _ in range(3):
        started = time.process_time_ns(), time.monotonic()
        done = subprocess.run([sys.executable, "-X", "importtime", "-c", "import oilcan.cli; oilcan.cli.parser()"],
                              capture_output=True, text=True, check=True)
        took.append(time.monotonic() - started[1])
    modules = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert not modules & {"pandas", "numpy", "pydantic", "yaml", "sklearn", "dvc", "pyarrow"}
    assert min(took) < 1.5          # generous: this machine may be busy; it takes 0.1 s on an idle one


def test_the_version_is_that_of_the_package(capsys):
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert (stop.value.code, capsys.readouterr().out) == (0, f"oilcan {packaged}\n")


def test_a_refusal_is_one_message_without_traceback(tmp_path):
    done = subprocess.run([sys.executable, "-c", "import sys, oilcan.cli; sys.exit(oilcan.cli.main(['summary']))"],
                          cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"error: .*: no Oilcan repository here or above .*\n", done.stderr)
    assert done.stdout == ""


@pytest.mark.parametrize(("raised", "said"), [
    (OilcanError("params.yaml: wrong. Fix it."), "error: params.yaml: wrong. Fix it.\n"),
    (OSError(errno.ENOSPC, "No space left on device", "data/x"),
     "error: data/x: no space left on the disk. Make room and try again; nothing half-written was kept.\n"),
    (PermissionError(errno.EACCES, "Permission denied", "data/x"),
     "error: data/x: no permission. Check who owns it.\n"),
])
def test_what_the_outside_refuses_is_told_in_one_line(monkeypatch, capsys, raised, said):
    def refuse(_args: object) -> int:
        raise raised

    monkeypatch.setattr("oilcan.cli.repository.doctor.run", refuse)
    assert cli.main(["doctor", "lock"]) == 1
    assert capsys.readouterr().err == said


def test_serve_without_its_extras_says_how_to_install_them():
    code = "import sys; sys.modules['granian'] = None; import oilcan.cli; sys.exit(oilcan.cli.main(['serve']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"error: serve: .*'granian.*'.* Run `make install-serve`\.\n", done.stderr)


def test_a_bug_keeps_its_traceback(monkeypatch):
    def break_(_args: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr("oilcan.cli.repository.doctor.run", break_)
    with pytest.raises(ZeroDivisionError):
        cli.main(["doctor", "lock"])


# summary


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).touch()
    for name in ("metrics/detail", "models", "reports", "below/deeper"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "below/deeper")
    return tmp_path


def summary(checkout: Path, capsys: pytest.CaptureFixture[str], **files: dict) -> str:
    for name, values in files.items():
        place = "models" if name == "model" else "metrics/detail"
        (checkout / place / f"{name}.json").write_text(json.dumps(values))
    assert cli.main(["summary"]) == 0
    return capsys.readouterr().out


def test_the_summary_of_a_failure_forecast(checkout, capsys):
    (checkout / "reports/evaluation.html").touch()
    said = summary(
        checkout, capsys,
        evaluate={
            "test": {"n": 12345, "machines": 20, "prevalence": 0.031, "pr_auc": 0.4219, "pr_auc_ci95": [0.3, 0.5]},
            "events": {"detected_share": 0.664, "median_lead_time_h": 48.0, "false_alarms_per_machine_month": 0.4},
            "costs": {"model": 1.0e6, "saving": 5.0e5, "saving_captured": 0.61, "periodic": 2.0e6, "perfect": 2.0e5},
            "baselines": {"never": {"cost": 1.9e6, "detected_share": 0.0}},
            "achievable": {"share_reached": 0.712},
        },
        model={"dataset": "demo_fleet", "model": "random_forest", "features": ["a", "b"],
               "trained_on": {"rows": 90000, "machines": 80}},
        review={"decision": "promote", "reasons": ["all 4 checks passed"]},
        data_quality={"passed": True},
    )
    lines = [re.sub(r"  +", " | ", line) for line in said.splitlines()]
    for wanted in (
        "data set | demo_fleet", "model | random_forest, 2 features", "trained on | 90,000 rows, 80 machines",
        "tested on | 12,345 rows, 20 machines, 3.1 % of rows positive",
        "PR-AUC | 0.422 | 0.3 to 0.5", "share of the achievable PR-AUC | 71 %", "failures announced in time | 66 %",
        "median lead time [h] | 48", "false alarms per machine-month | 0.4",
        "saved over the cheapest simple policy [EUR] | 500,000", "share of the possible saving | 61 %",
        "the forecast | 66 % | 0.4 | 1,000,000", "run to failure | 0 % | - | 1,900,000",
        "best planned interval | - | - | 2,000,000",
        "review: promote (all 4 checks passed)", "data quality: passed",
        "reports/evaluation.html | the whole evaluation, for reading",
    ):
        assert wanted in lines, said


def test_the_summary_of_remaining_life_alone(checkout, capsys):
    said = summary(checkout, capsys, evaluate={
        "test": {"n": 100, "rmse": 14.21, "rmse_capped": 12.96, "rmse_ci95": [12.0, 16.0], "coverage_90": 0.87},
        "baselines": {"median_life": {"rmse": 48.3, "rmse_capped": 40.1}}})
    lines = [re.sub(r"  +", " | ", line) for line in said.splitlines()]
    assert "RUL RMSE, true labels | 14.21 | 12 to 16" in lines
    assert "RUL RMSE, capped labels | 12.96" in lines
    assert "median life | 48.3 | 40.1" in lines
    assert "PR-AUC" not in said


def test_a_zero_is_printed_as_zero(checkout, capsys):
    said = summary(checkout, capsys, evaluate={
        "test": {"n": 9, "pr_auc": 0.0, "prevalence": 0.0},
        "events": {"detected_share": 0.0, "false_alarms_per_machine_month": 0.0, "median_lead_time_h": 0.0},
        "costs": {"model": 0.0, "saving": 0.0, "saving_captured": 0.0},
        "baselines": {"never": {"cost": 0.0, "detected_share": 0.0, "false_alarms_per_machine_month": 0.0}}},
        model={"trained_on": {"rows": 0, "machines": 0}})
    lines = [re.sub(r"  +", " | ", line) for line in said.splitlines()]
    for wanted in ("the forecast | 0 % | 0 | 0", "run to failure | 0 % | 0 | 0", "failures announced in time | 0 %",
                   "trained on | 0 rows, 0 machines", "saved over the cheapest simple policy [EUR] | 0"):
        assert wanted in lines, said


def test_further_tasks_and_what_is_not_served_are_in_the_summary(checkout, capsys):
    said = summary(
        checkout, capsys,
        evaluate={"test": {"n": 9, "pr_auc": 0.5}, "tasks": {
            "wear": {"test": {"pr_auc": 0.04}}, "state": {"test": {"accuracy": 0.0}}, "gap": {"test": {"rmse": 3.0}}}},
        review={"decision": "reject", "reasons": ["no"], "withheld": ["failure__seal"]})
    for wanted in (r"wear: PR-AUC +0\.04", r"state: accuracy +0 %", r"gap: RMSE +3\n"):
        assert re.search(wanted, said)
    assert "not served: forecast failure__seal" in said


@pytest.mark.usefixtures("checkout")
def test_without_an_evaluation_the_summary_says_what_to_do(capsys):
    assert cli.main(["summary"]) == 1
    assert capsys.readouterr().err == "error: metrics/detail/evaluate.json: does not exist. Run `dvc repro` first.\n"


def test_an_unreadable_metrics_file_is_told(checkout, capsys):
    (checkout / "metrics/detail/evaluate.json").write_text("{")
    assert cli.main(["summary"]) == 1
    assert "metrics/detail/evaluate.json: not readable as JSON" in capsys.readouterr().err


# dataset check, place

CONTRACT = """
name: press
version: 1
description: d
source: {licence: CC0-1.0, files: [{path: a.csv}]}
time: {kind: instant, period: 1h}
tables:
  telemetry:
    grain: g
    files: ["*.csv"]
    columns:
      machine_id: {type: text, unit: none, description: d}
      time: {type: instant, unit: UTC, description: d}
      oil_bar: {type: number, unit: bar, range: [0, 10], description: d}
      broken: {type: flag, unit: none, description: d}
failures: {from: flag, column: broken}
tasks: {failure: {kind: failure_within, horizon: 4h, lead_time: 1h}}
rows: {windows: [4h]}
split: {by: time, validation: 0.2, test: 0.2}
costs: {missed_failure_eur: 1, false_alarm_eur: 1, planned_repair_eur: 1}
"""


@pytest.fixture
def press(checkout: Path) -> Path:
    (checkout / "datasets").mkdir()
    (checkout / "datasets/press.yaml").write_text(CONTRACT)
    (checkout / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"))
    rows = [f"p{machine},2024-01-01T{hour:02d}:00Z,{hour % 7},{int(hour == 9)}" for machine in (1, 2)
            for hour in range(10)]
    (checkout / "below/deeper/a.csv").write_text("\n".join(["machine_id,time,oil_bar,broken", *rows, ""]))
    return checkout


def test_placed_files_that_fit_are_found_right(press, capsys):
    assert cli.main(["dataset", "place", "press", "--from", ".", "--no-record"]) == 0
    assert cli.main(["dataset", "check", "press"]) == 0
    said = capsys.readouterr().out
    assert "1 files copied, 0 right already" in said
    assert "telemetry: 20 rows read, 20 kept, 2 machines, 2024-01-01 00:00 UTC to 2024-01-01 09:00 UTC" in said
    assert "failures found: 2, of 2 machines (failure 2)" in said
    assert (press / "data/raw/press/a.csv").is_file()


@pytest.mark.usefixtures("press")
def test_everything_that_is_wrong_with_files_is_told(capsys):
    file = Path("a.csv")
    file.write_text(file.read_text().replace("p1,2024-01-01T03:00Z,3", "p1,2024-01-01T03:00Z,high")
                    .replace("p2,2024-01-01T02:00Z,2", "p2,2024-01-01T02:00Z,99"))
    assert cli.main(["dataset", "check", "press", "--raw", "."]) == 1
    said = capsys.readouterr().out
    assert "3 problems:" in said
    assert "telemetry: 1 of 20 rows refused (5.0%, allowed at most 2.0%), of which" in said
    assert re.search(r"telemetry: 1 for 'oil_bar: not a finite number', first in a\.csv row 4: .*high", said)
    assert "telemetry.oil_bar: 1 of 19 readings outside [0.0, 10.0] bar (seen 0 to 99)" in said


@pytest.mark.usefixtures("press")
def test_without_failures_nothing_can_be_learned(capsys):
    file = Path("a.csv")
    file.write_text(re.sub(",1$", ",0", file.read_text(), flags=re.M))
    assert cli.main(["dataset", "check", "press", "--raw", "."]) == 1
    assert "failures: none found, so nothing can be learned" in capsys.readouterr().out


@pytest.mark.usefixtures("press")
def test_an_unknown_data_set_is_refused_with_the_known_ones(capsys):
    assert cli.main(["dataset", "check", "pres"]) == 1
    assert "no such data set (found 'pres', known: press)" in capsys.readouterr().err

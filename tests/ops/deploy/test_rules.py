"""Alert rules: each fires, stays silent and clears, leads to a runbook, and asks only for metrics that exist."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CASES = sorted((ROOT / "deploy/prometheus/tests").glob("*_test.yml"))
WANTED = {"fires", "stays silent", "clears"}
OF_THE_ISSUE = {"OilcanServiceDown", "OilcanNotReady", "OilcanSlow", "OilcanStoreFailing", "OilcanDiskNearlyFull",
                "OilcanNoReadings", "OilcanSilentMachines", "OilcanDrift", "OilcanDataQuality", "OilcanCalibration",
                "OilcanAlarmFlood", "OilcanAlarmDrought", "OilcanShadowBetter", "OilcanBundleTooOld",
                "OilcanRetrainingFailed"}


def test_the_rules_of_the_issue_are_there(alert_rules: dict[str, Any]) -> None:
    assert set(alert_rules) >= OF_THE_ISSUE


def test_every_alert_fires_stays_silent_and_clears(prometheus: Any, alert_rules: dict[str, Any]) -> None:
    seen: dict[str, set[str]] = {}
    for file in CASES:
        for case in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]:
            alert, _, what = case["name"].partition(" ")
            asked = case["alert_rule_test"]
            assert {each["alertname"] for each in asked} == {alert}
            fires = [bool(each["exp_alerts"]) for each in asked]
            assert fires == {"fires": [True], "stays silent": [False], "clears": [True, False]}[what], case["name"]
            seen.setdefault(alert, set()).add(what)
    assert seen == dict.fromkeys(alert_rules, WANTED)
    prometheus("test", "rules", *CASES)


def test_a_wrong_rule_is_noticed_by_its_cases(prometheus: Any, tmp_path: Path) -> None:
    """The cases are worth something: with a limit changed they fail."""
    rules = (ROOT / "deploy/prometheus/rules/oilcan.yml").read_text(encoding="utf-8")
    (tmp_path / "rules.yml").write_text(rules.replace("free:ratio < 0.1", "free:ratio < 0.01"), encoding="utf-8")
    every = yaml.safe_load((ROOT / "deploy/prometheus/tests/oilcan_test.yml").read_text(encoding="utf-8"))["tests"]
    cases = {"rule_files": ["rules.yml"], "tests": [case for case in every if "DiskNearlyFull" in case["name"]]}
    (tmp_path / "cases.yml").write_text(yaml.safe_dump(cases), encoding="utf-8")
    with pytest.raises(AssertionError, match="OilcanDiskNearlyFull"):
        prometheus("test", "rules", tmp_path / "cases.yml")


def test_every_alert_has_a_team_and_a_runbook_that_is_there(alert_rules: dict[str, Any]) -> None:
    pages = set()
    for name, rule in alert_rules.items():
        assert rule["labels"]["team"] in {"crew", "engineer", "operations"}, name
        page = ROOT / rule["annotations"]["runbook_url"]
        assert page.is_file(), f"{name}: {page} is missing"
        assert page.read_text(encoding="utf-8").startswith(f"# {name}"), page
        pages.add(page.name)
    assert pages == {page.name for page in (ROOT / "docs/runbooks").glob("*.md")} - {"README.md"}


def test_rules_ask_only_for_metrics_that_the_service_shows(rules: list[dict[str, Any]], exposed: set[str]) -> None:
    used = {name for rule in rules for name in re.findall(r"\boilcan_\w+", rule["expr"])}
    assert used <= exposed


def test_rules_use_only_names_that_other_rules_record(rules: list[dict[str, Any]]) -> None:
    recorded = {rule["record"] for rule in rules if "record" in rule}
    assert {name for rule in rules for name in re.findall(r"\boilcan:[\w:]+", rule["expr"])} <= recorded


def test_prometheus_accepts_its_configuration(prometheus: Any, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(ROOT / "deploy/prometheus", tmp_path / "prometheus"))
    (copy / "oilcan.key").write_text("a key", encoding="utf-8")
    assert "25 rules found" in prometheus("check", "config", copy / "prometheus.yml")

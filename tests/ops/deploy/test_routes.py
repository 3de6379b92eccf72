"""Alertmanager: who gets which alert, what goes to the service, and what is kept back."""

from pathlib import Path
from typing import Any

import pytest
import yaml

FILE = Path(__file__).parents[3] / "deploy/alertmanager/alertmanager.yml"
CONFIG = yaml.safe_load(FILE.read_text(encoding="utf-8"))


def test_the_configuration_is_valid(alertmanager: Any) -> None:
    assert "4 receivers" in alertmanager("check-config", FILE)


def test_every_alert_reaches_its_team_and_a_decision_where_it_asks_for_one(
    alertmanager: Any, alert_rules: dict[str, Any]
) -> None:
    for name, rule in alert_rules.items():
        labels = {"alertname": name, "plant": "main", "severity": "alert"} | rule["labels"]
        words = [f"{key}={value}" for key, value in labels.items()]
        wanted = (["decision"] if rule["labels"].get("decides") == "yes" else []) + [rule["labels"]["team"]]
        alertmanager("config", "routes", "test", f"--config.file={FILE}", f"--verify.receivers={','.join(wanted)}",
                     *words)


def test_what_nobody_claims_goes_to_operations(alertmanager: Any) -> None:
    assert "operations" in alertmanager("config", "routes", "test", f"--config.file={FILE}", "alertname=Unheard")


def test_alerts_that_the_service_is_down_do_not_decide_about_the_model(alert_rules: dict[str, Any]) -> None:
    of_operations = {name for name, rule in alert_rules.items() if rule["labels"]["team"] == "operations"}
    assert {"OilcanServiceDown", "OilcanNotReady", "OilcanStoreFailing"} <= of_operations
    assert not {name for name in of_operations if "decides" in alert_rules[name]["labels"]}


def test_the_decision_comes_by_the_webhook_of_the_service() -> None:
    [receiver] = [each for each in CONFIG["receivers"] if each["name"] == "decision"]
    [hook] = receiver["webhook_configs"]
    assert hook["url"].endswith("/v1/alerts")
    assert hook["send_resolved"]


@pytest.mark.parametrize("alert", ["OilcanServiceDown"])
def test_inhibition_names_alerts_that_exist(alert: str, alert_rules: dict[str, Any]) -> None:
    sources = [rule["source_matchers"] for rule in CONFIG["inhibit_rules"]]
    assert [f'alertname="{alert}"'] in sources
    for rule in CONFIG["inhibit_rules"]:
        named = [text.partition('"')[2].rstrip('"') for text in (*rule["source_matchers"], *rule["target_matchers"])]
        assert {name for text in named for name in text.split("|")} - {"Oilcan.+"} <= set(alert_rules)

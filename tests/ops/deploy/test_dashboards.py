"""Dashboards: what the code builds, in Grafana's own schema, asking only for metrics that exist."""

import copy
import importlib.util
import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins

with warnings.catch_warnings():     # it prefers the second form of dashboards, which Grafana before 12 cannot load
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.models.dashboard import Dashboard

GRAFANA = Path(__file__).parents[3] / "deploy/grafana"
NAMES = ("crew", "engineer", "operations")
register_default_plugins()


def _builder() -> Any:
    spec = importlib.util.spec_from_file_location("build", GRAFANA / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BUILD = _builder()


def lost(mine: Any, theirs: Any, path: str = "") -> list[str]:
    """Places of ours that Grafana's schema has no word for, or reads as something else."""
    if isinstance(mine, dict):
        return [place for name, value in mine.items()
                for place in (lost(value, theirs[name], f"{path}/{name}") if isinstance(theirs, dict) and name in theirs
                              else [f"{path}/{name}"])]
    if isinstance(mine, list):
        return [path] if len(mine) != len(theirs) else [
            place for at, (one, other) in enumerate(zip(mine, theirs, strict=True))
            for place in lost(one, other, f"{path}/{at}")]
    return [] if mine == theirs else [path]


def through_the_schema(board: dict[str, Any]) -> list[str]:
    """What is lost when Grafana's own models read and write a dashboard."""
    return lost(board, json.loads(JSONEncoder().encode(Dashboard.from_json(copy.deepcopy(board)))))


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_what_the_code_builds(name: str) -> None:
    text = (GRAFANA / f"dashboards/{name}.json").read_text(encoding="utf-8")
    assert json.loads(text) == BUILD.dashboard(name), "run `python deploy/grafana/build.py`"


@pytest.mark.parametrize("name", NAMES)
def test_grafanas_schema_has_a_word_for_everything(name: str) -> None:
    assert not through_the_schema(BUILD.dashboard(name))


def test_the_schema_notices_words_that_it_does_not_have() -> None:
    board = BUILD.dashboard("crew")
    board["auto"] = True
    board["panels"][0]["targets"][0]["query"] = "up"
    board["panels"][6]["fieldConfig"]["defaults"]["units"] = "s"
    board["panels"][6]["options"]["tooltipp"] = {}
    assert len(through_the_schema(board)) == 4


@pytest.mark.parametrize("name", NAMES)
def test_panels_have_numbers_places_and_queries_of_their_own(name: str) -> None:
    panels = BUILD.dashboard(name)["panels"]
    assert sorted(panel["id"] for panel in panels) == list(range(1, len(panels) + 1))
    cells = [(x, y) for panel in panels for place in [panel["gridPos"]]
             for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23
    assert all(panel["targets"] for panel in panels)


def test_queries_ask_only_for_what_is_shown_or_recorded(rules: list[dict[str, Any]], exposed: set[str]) -> None:
    text = "\n".join(target["expr"] for name in NAMES for panel in BUILD.dashboard(name)["panels"]
                     for target in panel["targets"])
    assert set(re.findall(r"\boilcan_\w+", text)) <= exposed
    assert set(re.findall(r"\boilcan:[\w:]+", text)) <= {rule["record"] for rule in rules if "record" in rule}


def test_provisioning_leads_to_the_source_and_the_folder() -> None:
    [source] = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())["datasources"]
    [provider] = yaml.safe_load((GRAFANA / "provisioning/dashboards/oilcan.yml").read_text())["providers"]
    assert (source["type"], source["access"]) == ("prometheus", "proxy")
    assert provider["type"] == "file"
    assert provider["options"]["path"]

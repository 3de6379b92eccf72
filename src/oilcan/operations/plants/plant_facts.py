"""What is known of each plant, read from its branch, its tags and the audit log; nothing is computed."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from oilcan.governance import stage_order
from oilcan.governance.audit_chain import AuditEntry
from oilcan.ground.nested import value_at
from oilcan.ground.time_units import COUNTED
from oilcan.io.bundle.verdict_file import path_of
from oilcan.io.registry import model_tags
from oilcan.io.repository.git_plumbing import commit_of, file_at, git, resolve
from oilcan.operations.governing import audit_log
from oilcan.operations.plants.plant_list import Plant
from oilcan.operations.plants.plant_run import PAGES, read_note
from oilcan.reports.plants_page import Figure, PlantFacts

_FIGURES: Final = ("test.pr_auc", "test.rmse", "test.accuracy", "events.detected_share",
                   "events.false_alarms_per_machine_month",
                   *(f"events.false_alarms_per_1000_{unit}" for unit in COUNTED), "costs.saving")


def plant_facts(root: Path, plants: Sequence[Plant]) -> list[PlantFacts]:
    """One entry for each plant.

    Raises
    ------
    DataError
        If the audit log was changed.
    """
    head, log = commit_of(root, "HEAD"), audit_log.entries(root)
    return [_facts(root, plant, head, log) for plant in plants]


def _facts(root: Path, plant: Plant, head: str, log: Sequence[AuditEntry]) -> PlantFacts:
    tip = resolve(root, f"refs/heads/{plant.branch}")
    tag = stage_order.in_service(tags := model_tags.model_tags(root, [plant.name]))
    evaluation = _json(root, tip, "metrics/detail/evaluate.json")
    verdict = _json(root, tip, path_of(Path("models/bundle")).as_posix())
    retrained = [entry.at for entry in log if entry.kind == "retrain" and entry.dataset == plant.name]
    folder = root / PAGES / plant.name
    return PlantFacts(
        name=plant.name, branch=plant.branch, commit=tip,
        made=_day(git(root, "show", "--no-patch", "--format=%ct", tip)) if tip else None,
        behind=int(git(root, "rev-list", "--count", f"{tip}..{head}")) if tip else None,
        machines=value_at(evaluation, "basis.machines"), last_data=value_at(evaluation, "basis.last"),
        decision=verdict.get("decision"), reasons=tuple(verdict.get("reasons", ())),
        champion=stage_order.version_at(tags, tag.commit) if tag else None,
        approved=f"{tag.fields.get('by')}: {tag.fields.get('why')}" if tag else None,
        is_candidate=bool(tag and tag.fields.get("bundle") == verdict.get("bundle")),
        retrained=retrained[-1][:10] if retrained else None,
        figures={name: Figure(value, value_at(evaluation, f"{name}_ci95")) for name in _FIGURES
                 if (value := value_at(evaluation, name)) is not None},
        error=read_note(root, plant.name).get("error"),
        links=tuple(f"plants/{plant.name}/{page.name}" for page in sorted(folder.glob("*"))))


def _json(root: Path, commit: str | None, path: str) -> dict[str, Any]:
    content = file_at(root, commit, path) if commit else None
    return dict(json.loads(content)) if content else {}


def _day(seconds: str) -> str:
    return f"{datetime.fromtimestamp(int(seconds), tz=UTC):%Y-%m-%d}"

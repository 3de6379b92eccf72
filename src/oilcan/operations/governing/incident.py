"""Incidents: a page filled in with what was in service and what disagreed at that moment, and an entry of the log."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from oilcan.ground.errors import OilcanError
from oilcan.io.stage import files
from oilcan.operations.governing import audit_log, model_status
from oilcan.operations.governing.audit_log import Act, moment
from oilcan.reports.rendering import markdown

Severity = Literal["minor", "major", "serious"]
FOLDER: Final = Path("incidents")
STEPS: Final[Mapping[Severity, Sequence[str]]] = {
    "minor": ("Look at `oilcan monitor`: data, forecasts or outcomes?",),
    "major": ("Tell the crews: forecasts may be wrong until this is closed.",
              "If the newest model is the cause: `oilcan rollback --approver NAME --reason WHY`.",
              "Look at `oilcan monitor`: data, forecasts or outcomes?",
              "Keep the store: copy it before anything is repaired."),
    "serious": ("Tell the crews to inspect by the plan, not by the forecast.",
                "If the newest model is the cause: `oilcan rollback --approver NAME --reason WHY`.",
                "Keep the store, the bundles and the audit branch: copy them before anything is repaired.",
                "Inform the owner of the model and the person named for safety, today.",
                "Look at `oilcan monitor`: data, forecasts or outcomes?"),
}


@dataclass(frozen=True)
class Incident:
    """The report of a person about an incident."""

    title: str
    what: str
    by: str
    severity: Severity


def open_incident(root: Path, incident: Incident, *, at: datetime, key: str | None = None) -> Path:
    """Write the page of an incident, and record it; where the page lies.

    Parameters
    ----------
    key
        For the services, whose answers the page lists.

    Raises
    ------
    OilcanError
        If there is a page of that name.
    """
    name = re.sub(r"[^a-z0-9]+", "-", incident.title.casefold()).strip("-")[:60] or "incident"
    path = root / FOLDER / f"{moment(at)[:10]}-{name}.md"
    if path.exists():
        raise OilcanError(f"{path}: is there already. Add to it, or choose another title.")
    now = model_status.standing(root, model_status.checked_out(root), key)
    log = audit_log.entries(root)
    services = "; ".join(f"{each.service.name}: {(each.bundle or 'no answer')[:12]}" for each in now.services)
    files.write_text(markdown(
        "incident.md", title=incident.title, what=incident.what, by=incident.by, severity=incident.severity,
        at=moment(at), dataset=now.dataset, services=services or "none is listed in services.yaml",
        in_service=f"{now.version}, bundle {str(now.bundle)[:12]}, tag {now.tag}" if now.tag else "nothing",
        last=f"{log[-1].title}, {log[-1].hash[:12]}" if log else "the log is empty",
        troubles=[*now.troubles, *now.notes, *model_status.faults(root)], steps=STEPS[incident.severity]), path)
    detail = {"severity": incident.severity, "page": path.relative_to(root).as_posix()}
    audit_log.append(root, Act("incident", incident.by, incident.title, dataset=now.dataset, bundle=now.bundle,
                               detail=detail), at=at)
    return path

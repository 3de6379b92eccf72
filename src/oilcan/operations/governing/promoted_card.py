"""What is only known when a model is promoted, added to its card outside the pipeline: approvals, time, energy.

The pipeline's own card is the same from run to run; these lines are not, so they lie beside the bundle in the store of
bundles and in the audit log. Energy is an estimate: processor seconds of the run times the power of one busy core,
which is stated beside the figure. It leaves out memory, disks, cooling, and the processors that made data elsewhere.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from oilcan.governance.audit_chain import AuditEntry
from oilcan.io.repository.git_plumbing import file_at
from oilcan.io.stage import files
from oilcan.operations.governing import audit_log
from oilcan.operations.governing.candidate import Candidate, store_of

CORE_WATTS: Final = 15.0        # of one busy core of a server, its share of the rest of the machine included
_CARD: Final = "reports/model_card.md"
_J_PER_WH: Final = 3600.0


def training_of(root: Path, bundle: str, *, core_watts: float = CORE_WATTS) -> dict[str, Any] | None:
    """Seconds, processor seconds and estimated energy of the run that made a bundle; None if nobody measured it.

    `oilcan retrain` measures its run. Stages that were taken from the cache cost nothing in it.
    """
    run = next((entry.detail["run"] for entry in reversed(audit_log.entries(root))
                if entry.kind == "retrain" and entry.bundle == bundle and entry.detail.get("run")), None)
    if run is None:
        return None
    return dict(run) | {"energy_wh": round(run["cpu_s"] * core_watts / _J_PER_WH, 2), "core_watts": core_watts}


def card_of(root: Path, candidate: Candidate) -> Path:
    """Where the card of a promoted model lies."""
    return store_of(root) / f"{candidate.bundle}.card.md"


def write_card(root: Path, candidate: Candidate) -> None:
    """Write the card of a promoted model: that of its commit, and what the audit log knows since."""
    content = file_at(root, candidate.commit, _CARD)
    card = content.decode() if content is not None else f"# Model {candidate.bundle[:12]} of {candidate.dataset}\n"
    log = [entry for entry in audit_log.entries(root) if entry.bundle == candidate.bundle]
    files.write_text("\n".join([card.rstrip(), "", "## In service", *_approvals(log), *_training(log), ""]),
                     card_of(root, candidate))


def _approvals(log: list[AuditEntry]) -> list[str]:
    rows = [f"| {entry.at} | {entry.kind} | {entry.by} | {entry.why} | {entry.detail.get('signature')} |"
            for entry in log if entry.kind in ("approval", "rollback") and "completes" not in entry.detail]
    return ["| when | what | who | why | signature |", "|---|---|---|---|---|", *rows, ""]


def _training(log: list[AuditEntry]) -> list[str]:
    measured: Mapping[str, Any] | None = next(
        (entry.detail["training"] for entry in reversed(log) if entry.detail.get("training")), None)
    if measured is None:
        return ["Training time and energy: not measured (the pipeline was not run by `oilcan retrain`)."]
    least = "" if measured["is_whole"] else "at least "
    return [f"Training: {least}{measured['seconds']:.0f} s, {measured['cpu_s']:.0f} processor seconds, stages from the "
            f"cache left out. Energy: {least or 'about '}{measured['energy_wh']:g} Wh, estimated as processor seconds "
            f"times {measured['core_watts']:g} W for one busy core."]

"""Promotion: the packaged bundle becomes the champion that later models are compared with."""

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from oilcan.ground.errors import OilcanError
from oilcan.io.bundle import champion
from oilcan.io.bundle.bundle_folder import load_bundle
from oilcan.io.repository.dvc_command import add
from oilcan.io.stage import files
from oilcan.operations.governing.audit_log import Act, append


@dataclass(frozen=True)
class Promoted:
    """Digest of the new champion, and the data set it was trained on."""

    bundle: str
    dataset: str


def promote(root: Path, *, approver: str, reason: str, at: datetime, override: bool = False) -> Promoted:
    """Copy models/bundle to models/champion, note who approved it and why, and have DVC track the copy.

    Parameters
    ----------
    at
        When it was decided, with a time zone; the audit log has it.
    override
        Promote although the gate said hold or reject.

    Raises
    ------
    OilcanError
        If the gate did not say promote, or DVC refuses.
    IntegrityError
        If the bundle is not the one that was packaged.
    """
    bundle = load_bundle(root / "models/bundle")
    decision = bundle.manifest["review"]["decision"]
    if decision != "promote" and not override:
        reasons = "; ".join(bundle.manifest["review"]["reasons"])
        raise OilcanError(f"models/bundle: the gate said {decision!r} ({reasons}). Improve the model, or take the "
                          f"responsibility with --override.")
    with files.fresh_folder(root / "models/champion") as draft:
        shutil.copytree(root / "models/bundle", draft, dirs_exist_ok=True)
        load_bundle(draft)
    approval = champion.Approval(approver=approver, reason=reason, decision=decision, dataset=bundle.contract.name)
    note = champion.Champion(bundle=bundle.digest, approval=approval)
    files.write_json(note.model_dump(), root / "models/champion.json")
    add(root, "models/champion")
    detail = {"decision": decision, "override": override}
    act = Act("promotion", by=approver, why=reason, dataset=bundle.contract.name, commit="HEAD", bundle=bundle.digest,
              detail=detail)
    append(root, act, at=at)
    return Promoted(bundle.digest, bundle.contract.name)

"""A model that may be promoted: what the commit says about it, and whether its bytes are what the commit says."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic
import yaml

from oilcan.ground.errors import IntegrityError, OilcanError
from oilcan.ground.section import section
from oilcan.io.bundle.bundle_folder import load_bundle
from oilcan.io.bundle.signature import signature_path
from oilcan.io.bundle.verdict_file import GateVerdict, path_of
from oilcan.io.registry import bundle_store
from oilcan.io.repository.git_plumbing import commit_of, file_at
from oilcan.io.stage import files
from oilcan.io.stage.digests import dvc_md5
from oilcan.params.operating.gate_policy import GatePolicy

BUNDLE = Path("models/bundle")


@dataclass(frozen=True)
class Candidate:
    """The model of one commit.

    Attributes
    ----------
    verdict
        Of the gate, as committed.
    md5
        Of models/bundle, as the commit's dvc.lock records it.
    contract_version
        Of the data set's contract.
    """

    commit: str
    dataset: str
    verdict: GateVerdict
    md5: str
    contract_version: int
    policy: GatePolicy

    @property
    def bundle(self) -> str:
        """Digest of its bundle."""
        return self.verdict.bundle


def candidate_at(root: Path, revision: str) -> Candidate:
    """The model that a commit made.

    Raises
    ------
    OilcanError
        If the commit has no verdict, no lock, or no policy.
    """
    commit = commit_of(root, revision)
    dataset = str(_yaml(root, commit, "params.yaml")["dataset"])
    lock = _yaml(root, commit, "dvc.lock").get("stages", {}).get("package", {}).get("outs", [])
    md5 = next((out["md5"] for out in lock if out["path"] == BUNDLE.as_posix()), None)
    if md5 is None:
        raise OilcanError(f"{commit[:12]}: its dvc.lock records no {BUNDLE}. Run `dvc repro`, and commit dvc.lock.")
    content = _read(root, commit, path_of(BUNDLE).as_posix())
    try:
        verdict = GateVerdict.model_validate_json(content)
    except pydantic.ValidationError as err:
        raise IntegrityError(f"{commit[:12]}: {path_of(BUNDLE)} is not a verdict ({err.error_count()} faults). Run "
                             f"`dvc repro review`, and commit it.") from None
    policy = section(GatePolicy, _yaml(root, commit, "gate.yaml"), f"{commit[:12]}: gate.yaml")
    version = _yaml(root, commit, f"datasets/{dataset}.yaml").get("version", 1)
    return Candidate(commit, dataset, verdict, str(md5), int(version), policy)


def store_of(root: Path) -> Path:
    """Where bundles lie by their digest; services may take them from there."""
    return root / ".oilcan/bundles"


def publish(root: Path, candidate: Candidate) -> Path:
    """Put the candidate's bundle into the store of bundles, proven against commit, lock and verdict; its folder.

    The bytes come from the checkout if it holds this very bundle, else from DVC's cache or remote; its signature, if it
    has one, from the commit.

    Raises
    ------
    IntegrityError
        If the bytes are not those that the lock of the commit records.
    """
    home = store_of(root)
    folder = bundle_store.find(home, candidate.bundle) if home.is_dir() else None
    if folder is None and (root / BUNDLE).is_dir() and dvc_md5(root / BUNDLE) == candidate.md5:
        folder = bundle_store.take_in(root / BUNDLE, home, candidate.bundle, candidate.verdict)
    if folder is None:
        folder = bundle_store.fetch(f"dvc:{root}", candidate.bundle, home, revision=candidate.commit)
    load_bundle(folder)
    if (found := dvc_md5(folder)) != candidate.md5:
        raise IntegrityError(f"{folder}: is not the bundle of commit {candidate.commit[:12]} (md5 {found[:12]}, its "
                             f"dvc.lock has {candidate.md5[:12]}). The verdict and the lock were not made by one run: "
                             f"run `dvc repro`, and commit both.")
    signature = file_at(root, candidate.commit, signature_path(BUNDLE).as_posix())
    if signature is not None:
        files.write_text(signature.decode("utf-8", "replace"), signature_path(folder))
    return folder


def _read(root: Path, commit: str, path: str) -> bytes:
    content = file_at(root, commit, path)
    if content is None:
        raise OilcanError(f"{commit[:12]}: has no {path}. Run `dvc repro`, and commit what it wrote.")
    return content


def _yaml(root: Path, commit: str, path: str) -> dict[str, Any]:
    values = yaml.safe_load(_read(root, commit, path))
    if not isinstance(values, dict):
        raise OilcanError(f"{commit[:12]}: {path} holds no mapping. Restore it, and commit.")
    return values

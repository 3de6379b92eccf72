"""From a forecast, bundle, version or commit back to data, code, approver; from a file on to models and forecasts."""

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from oilcan.core.registry.lineage_graph import MadeBy, downstream, leaves, recorded, upstream
from oilcan.governance import stage_order
from oilcan.ground.errors import OilcanError
from oilcan.io.bundle.verdict_file import path_of
from oilcan.io.registry import model_tags
from oilcan.io.repository.git_plumbing import file_at, git, resolve
from oilcan.io.stage.dvc_files import parse_yaml
from oilcan.io.stores import open_store
from oilcan.operations.governing import audit_log
from oilcan.operations.governing.candidate import BUNDLE, candidate_at

_LOCKS: Final = ("dvc.lock", "data/dvc.lock")
_VERDICT: Final = path_of(BUNDLE).as_posix()


@dataclass(frozen=True)
class ModelLineage:
    """One model: where it comes from, and who let it into service.

    Attributes
    ----------
    data, code, environment
        Path -> md5 of what it rests on and no stage made.
    params
        Section of params.yaml -> values, of every stage that it rests on.
    gate, approvals
        Entries of the audit log.
    """

    commit: str
    bundle: str
    dataset: str
    contract_version: int
    versions: list[str]
    stages: list[str]
    data: dict[str, str]
    code: dict[str, str]
    environment: dict[str, str]
    params: dict[str, Any]
    verdict: str
    gate: list[str]
    approvals: list[dict[str, str]]
    forecast: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class FileLineage:
    """A file and what rests on it: models by commit, and how many forecasts of a store came from each."""

    path: str
    md5: list[str]
    models: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def lineage_of(root: Path, what: str, store: str | None = None) -> ModelLineage | FileLineage:
    """Answer for a forecast's id, a bundle's digest, a version or other tag, a commit, or the path of a file.

    Parameters
    ----------
    store
        Address of a service's store: needed for the id of a forecast; for a file, its forecasts are counted.

    Raises
    ------
    OilcanError
        If nothing is known by that name.
    """
    if re.fullmatch(r"\d{1,19}", what) and store is not None:
        forecast = _forecast(store, int(what))
        return _model(root, _commit_of(root, forecast["bundle"]), forecast)
    if re.fullmatch(r"[0-9a-f]{12,64}", what) and (commit := _find_commit(root, what)) is not None:
        return _model(root, commit)
    if resolve(root, f"{what}^{{commit}}") is not None:
        return _model(root, what)
    found = _file(root, what, store)
    if not found.md5:
        raise OilcanError(f"lineage: nothing is known by {what!r} (wanted the id of a forecast with --store, the "
                          f"digest of a bundle, a version, a commit, or a path that a dvc.lock records). See "
                          f"`oilcan status`.")
    return found


def _model(root: Path, revision: str, forecast: dict[str, Any] | None = None) -> ModelLineage:
    candidate = candidate_at(root, revision)
    stages = stages_at(root, candidate.commit)
    rests_on = leaves(stages, BUNDLE.as_posix())
    tags = model_tags.model_tags(root, [candidate.dataset])
    log = [entry for entry in audit_log.entries(root) if entry.bundle == candidate.bundle]
    code = {path: md5 for path, md5 in rests_on.items() if path.startswith("src/")}
    environment = {path: md5 for path, md5 in rests_on.items() if path.startswith("requirements/")}
    above = upstream(stages, BUNDLE.as_posix())
    return ModelLineage(
        commit=candidate.commit, bundle=candidate.bundle, dataset=candidate.dataset,
        contract_version=candidate.contract_version,
        versions=sorted({str(tag.version) for tag in tags if tag.version and tag.commit == candidate.commit}),
        stages=[made.stage for made in reversed(above)],
        data={path: md5 for path, md5 in rests_on.items() if path not in code and path not in environment},
        code=code, environment=environment,
        params={section: values for made in above for section, values in made.params.items()},
        verdict=candidate.verdict.decision,
        gate=[f"{entry.at}: {entry.why}" for entry in log if entry.kind == "gate"],
        approvals=[{"by": entry.by, "why": entry.why, "at": entry.at, "signature": str(entry.detail.get("signature")),
                    "entry": entry.hash} for entry in log if stage_order.announced(entry)],
        forecast=forecast)


def _file(root: Path, path: str, store: str | None) -> FileLineage:
    """Every commit whose model rests on some content of a path, each content and each model once."""
    path = path.rstrip("/")
    found: dict[str, dict[str, Any]] = {}
    contents: list[str] = []
    counts = _counts(store)
    for commit in git(root, "log", "--all", "--reverse", "--format=%H", "--", *_LOCKS, _VERDICT).split():
        stages = stages_at(root, commit)
        md5 = next((each for made in stages for side in (made.inputs, made.outputs)
                    for name, each in side.items() if name == path), None)
        if md5 is None:
            continue
        contents += [md5] if md5 not in contents else []
        verdict = file_at(root, commit, _VERDICT)
        below = [made.stage for made in downstream(stages, path)]
        is_in = any(BUNDLE.as_posix() in made.outputs for made in downstream(stages, path))
        if verdict is None or not is_in:
            continue
        bundle = str(json.loads(verdict)["bundle"])
        tags = model_tags.model_tags(root, [str(parse_yaml((file_at(root, commit, "params.yaml") or b"").decode())
                                                ["dataset"])])
        found.setdefault(bundle, {"bundle": bundle, "commit": commit, "md5": md5, "stages": below,
                                  "version": stage_order.version_at(tags, commit), "forecasts": counts.get(bundle, 0)})
    return FileLineage(path, contents, list(found.values()))


def model_at(root: Path, revision: str) -> ModelLineage:
    """Where the model of a commit comes from."""
    return _model(root, revision)


def stages_at(root: Path, commit: str) -> list[MadeBy]:
    """Every stage that the lock files of a commit record, those of data first."""
    locks = [file_at(root, commit, name) for name in reversed(_LOCKS)]
    return recorded(parse_yaml(content.decode()) or {} for content in locks if content is not None)


def _forecast(store: str, number: int) -> dict[str, Any]:
    opened = open_store(store)
    try:
        forecast = opened.forecast(number)
    finally:
        opened.close()
    if forecast is None:
        raise OilcanError(f"forecast {number}: is not in this store (retention may have taken it). Check the id.")
    return {"id": number, "machine_id": forecast.machine_id, "time": forecast.time, "made_at": forecast.made_at,
            "role": forecast.role, "bundle": forecast.bundle, "values": dict(forecast.values)}


def _counts(store: str | None) -> dict[str, int]:
    if store is None:
        return {}
    opened = open_store(store)
    try:
        return opened.forecasts_by_bundle()
    finally:
        opened.close()


def _commit_of(root: Path, bundle: str) -> str:
    commit = _find_commit(root, bundle)
    if commit is None:
        raise OilcanError(f"bundle {bundle[:12]}: no commit of this repository has a verdict on it. Fetch all branches "
                          f"and tags, or look in the repository that made it.")
    return commit


def _find_commit(root: Path, digest: str) -> str | None:
    """The first commit whose verdict names a bundle of this digest, or of one that begins so."""
    listed = git(root, "log", "--all", "--reverse", "--format=%H", f"-S{digest}", "--", _VERDICT).split()
    return next((commit for commit in listed
                 if (content := file_at(root, commit, _VERDICT)) is not None
                 and str(json.loads(content)["bundle"]).startswith(digest)), None)

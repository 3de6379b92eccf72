"""What git asks a mirror to hold: versions and aliases by the tags, a run for each version and each experiment."""

import hashlib
import json
from pathlib import Path
from typing import Any

from oilcan.core.registry import mirrored
from oilcan.core.registry.mirrored import State
from oilcan.io.registry.model_tags import data_sets, model_tags
from oilcan.io.repository.git_plumbing import file_at, git
from oilcan.io.stage.dvc_files import parse_yaml


def wanted(root: Path) -> State:
    """All that the tags and experiments of a repository ask for."""
    known = data_sets(root)
    tags = model_tags(root, known)
    state = mirrored.models(tags)
    for tag in tags:
        if tag.version:
            state |= _run(root, tag.name, tag.commit, tag.dataset, {"version": tag.version})
    for line in git(root, "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps").splitlines():
        commit, _, ref = line.partition(" ")
        name = ref.rpartition("/")[2]
        if ref.count("/") < 4 or name in ("EXEC_HEAD", "EXEC_BASELINE"):      # DVC's own bookkeeping
            continue
        dataset = str(_yaml(root, commit, "params.yaml").get("dataset"))
        if dataset in known:
            state |= _run(root, f"{dataset}^{name}", commit, dataset, {"experiment": name})
    return state


def _run(root: Path, key: str, commit: str, dataset: str, more: dict[str, str]) -> State:
    lock = file_at(root, commit, "dvc.lock") or b""
    stages = (parse_yaml(lock.decode()) or {}).get("stages", {})
    outputs = {out["path"]: str(out.get("md5", "")) for stage in stages.values() for out in stage.get("outs", [])}
    metrics: dict[str, Any] = json.loads(file_at(root, commit, "metrics/evaluate.json") or b"{}")
    facts = more | {"dataset": dataset, "commit": commit, "dvc_lock_sha256": hashlib.sha256(lock).hexdigest()}
    facts |= {f"md5 {path}": md5 for path, md5 in sorted(outputs.items())
              if path.startswith(("data/", "models/bundle")) and md5}
    return mirrored.run(key, _yaml(root, commit, "params.yaml"), metrics, facts)


def _yaml(root: Path, commit: str, path: str) -> dict[str, Any]:
    return parse_yaml((file_at(root, commit, path) or b"").decode()) or {}

"""What dvc.yaml declares and dvc.lock records, read without starting DVC."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

PIPELINES: Final = ("dvc.yaml", "data/dvc.yaml")


@dataclass(frozen=True)
class StageEntry:
    """One stage as declared: its paths from the root of the repository, its parameters."""

    name: str
    deps: tuple[str, ...]
    outs: tuple[str, ...]
    params: tuple[str, ...]
    cmd: str


def find_stage(root: Path, address: str) -> StageEntry:
    """The stage that DVC calls `address` (`train`, `data/dvc.yaml:fetch@ai4i2020`), templates filled in."""
    file, _, name = address.rpartition(":")
    name, _, item = name.partition("@")
    values = _params(root) | {"item": item}
    entry = load_yaml(root / (file or "dvc.yaml"))["stages"][name]
    entry = entry.get("do", entry)
    return StageEntry(
        name=name,
        deps=tuple(_fill(path, values) for path in entry.get("deps", [])),
        outs=tuple(_fill(path, values) for word in ("outs", "metrics", "plots") for path in _paths(entry, word)),
        params=tuple(entry.get("params", [])),
        cmd=_fill(entry["cmd"], values),
    )


def stage_names(root: Path) -> list[str]:
    """Addresses of all stages of the pipeline files, matrix and foreach stages by their bare name."""
    return [
        name if file == "dvc.yaml" else f"{file}:{name}"
        for file in PIPELINES
        if (root / file).exists()
        for name in load_yaml(root / file)["stages"]
    ]


def recorded_outputs(root: Path) -> dict[str, str]:
    """Path from the root -> md5 of every stage output that a dvc.lock records, and of raw data that DVC tracks."""
    recorded: dict[str, str] = {}
    for name in tracked_raw(root):
        (out,) = load_yaml(tracked_raw_file(root, name))["outs"]
        recorded[f"data/raw/{name}"] = out["md5"]
    for file in PIPELINES:
        lock = root / Path(file).with_suffix(".lock")
        if lock.exists():
            for stage in (load_yaml(lock).get("stages") or {}).values():
                recorded |= {out["path"]: out["md5"] for out in stage.get("outs", []) if "md5" in out}
    return {path.removeprefix("../"): md5 for path, md5 in recorded.items()}


def tracked_raw(root: Path) -> list[str]:
    """Data sets whose raw files are tracked by a file `data/raw/NAME.dvc`, not made by a stage."""
    return sorted(file.stem for file in (root / "data/raw").glob("*.dvc"))


def tracked_raw_file(root: Path, name: str) -> Path:
    """Where DVC notes the digest of raw files that no stage makes."""
    return root / f"data/raw/{name}.dvc"


def _paths(entry: dict[str, Any], word: str) -> list[str]:
    return [next(iter(item)) if isinstance(item, dict) else item for item in entry.get(word, [])]


def _fill(text: str, values: dict[str, Any]) -> str:
    return re.sub(r"\$\{([\w.]+)\}", lambda match: str(_get(values, match[1])), text)


def _get(values: dict[str, Any], dotted: str) -> Any:
    for step in dotted.split("."):
        values = values[step]
    return values


def _params(root: Path) -> dict[str, Any]:
    return dict(load_yaml(root / "params.yaml"))


def load_yaml(path: Path) -> Any:
    """Content of a YAML file, by the fast parser where there is one."""
    return parse_yaml(path.read_text(encoding="utf-8"))


def parse_yaml(text: str) -> Any:
    """The same of a text."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # both are safe

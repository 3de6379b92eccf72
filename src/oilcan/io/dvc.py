"""DVC as a command, in a process of its own: what would run, and recording of raw data."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from oilcan.errors import OilcanError
from oilcan.io.files import write_text
from oilcan.io.pipeline import find_stage, stage_names

FETCHED: Final = Path("data/fetched.yaml")
_HEADER: Final = "# Data sets that data/dvc.yaml fetches; `oilcan dataset fetch NAME` and `place NAME` add a name.\n"
_RUNNING: Final = re.compile(r"^Running stage '(.+)':$", re.M)


@dataclass(frozen=True)
class Stale:
    """A stage that `dvc repro` would run, and why."""

    stage: str
    reasons: tuple[str, ...]


def stale_stages(root: Path) -> list[Stale]:
    """Stages that `dvc repro` would run, in order, those included that only follow from others.

    Works without data: what is not here but recorded counts as there.

    Raises
    ------
    OilcanError
        If DVC cannot tell.
    """
    dry = _dvc(root, "repro", "--dry", "--allow-missing")
    first = _RUNNING.findall(dry.stdout)
    if dry.returncode and not first:
        raise OilcanError(f"dvc.yaml: DVC cannot say what would run:\n{_told(dry)}\nMend that first.")
    if not first:
        return []
    reasons = _reasons(root)
    stale = [Stale(stage, reasons.get(stage) or ("never run, or its outputs are missing",)) for stage in first]
    return stale + [Stale(stage, (f"follows from {source}",)) for stage, source in _following(root, first)]


def record_raw(root: Path, name: str) -> str:
    """Have DVC check and record data/raw/<name> by the stage `fetch@<name>`; what DVC said.

    Until then DVC does not know the files, and neither `dvc push` nor `dvc exp run --temp` takes them along.
    """
    path = root / FETCHED
    names = set(yaml.safe_load(path.read_text(encoding="utf-8"))["fetched"]) if path.exists() else set()
    if name not in names:
        write_text(_HEADER + yaml.safe_dump({"fetched": sorted({*names, name})}), path)
    done = _dvc(root, "repro", "--single-item", f"data/dvc.yaml:fetch@{name}")
    if done.returncode:
        raise OilcanError(f"data/dvc.yaml: stage fetch@{name} failed:\n{_told(done)}")
    return done.stdout


def _reasons(root: Path) -> dict[str, tuple[str, ...]]:
    status = _dvc(root, "status", "--json")
    try:
        told: dict[str, list[Any]] = json.loads(status.stdout)
    except json.JSONDecodeError as err:
        raise OilcanError(f"dvc.yaml: DVC cannot say what changed:\n{_told(status)}\nMend that first.") from err
    return {stage: tuple(line for change in changes for line in _lines(change)) for stage, changes in told.items()}


def _lines(change: Any) -> list[str]:
    """`{"changed deps": {"params.yaml": {"train.seed": "modified"}}}` as lines."""
    if isinstance(change, str):
        return [change]
    lines = []
    for kind, items in change.items():
        for path, state in items.items():
            if isinstance(state, dict):
                lines += [f"{path}: {name} {how}" for name, how in state.items()]
            elif not (kind == "changed outs" and state == "deleted"):   # not here, but recorded: no reason to run
                lines.append(f"{path} {state}")
    return lines


def _following(root: Path, first: Sequence[str]) -> list[tuple[str, str]]:
    """Stages of the root pipeline that read what stages to be run write: `--dry` does not tell them."""
    entries = {name: find_stage(root, name) for name in stage_names(root) if not name.startswith("data/")}
    writers = {out: stage for stage in first for out in find_stage(root, stage).outs}
    following: dict[str, str] = {}
    changed = True
    while changed:
        changed = False
        for name, entry in entries.items():
            sources = [writers[dep] for dep in entry.deps if dep in writers]
            if sources and name not in first and name not in following:
                following[name] = sources[0]
                writers |= dict.fromkeys(entry.outs, name)
                changed = True
    return list(following.items())


def _dvc(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DVC_NO_ANALYTICS": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=root, env=environment, check=False,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)


def _told(done: subprocess.CompletedProcess[str]) -> str:
    return "\n".join(line for line in (done.stdout + done.stderr).splitlines() if line.strip())

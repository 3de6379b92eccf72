"""DVC as a command, in a process of its own: what would run, and recording of raw data."""

import json
import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from oilcan.ground.errors import OilcanError
from oilcan.io.repository import leftovers
from oilcan.io.stage.dvc_files import find_stage, stage_names, tracked_raw, tracked_raw_file
from oilcan.io.stage.files import write_text

_START: Final = ("import os, sys; from oilcan.ground.processes import end_with_parent; end_with_parent(); "
                 "os.getppid() == int(sys.argv.pop(1)) or os._exit(1); "
                 "from dvc.cli import main; sys.exit(main(sys.argv[1:]))")
FETCHED: Final = Path("data/fetched.yaml")
_HEADER: Final = "# Data sets that data/dvc.yaml fetches; `oilcan dataset fetch NAME` and `place NAME` add a name.\n"
_NO_REASON: Final = ("deleted", "not in cache")    # recorded, but absent here
_LAST_LINES: Final = 40
_RUNNING: Final = re.compile(r"^Running stage '(.+)':$", re.M)


@dataclass(frozen=True)
class Stale:
    """A stage that `dvc repro` would run, and why."""

    stage: str
    reasons: tuple[str, ...]


def stale_stages(root: Path) -> list[Stale]:
    """Stages that `dvc repro` would run, in order, those included that only follow from others.

    Works without data: an output that is recorded but absent counts as present.

    Raises
    ------
    OilcanError
        If DVC fails.
    """
    dry = call_dvc(root, "repro", "--dry", "--allow-missing")
    first = _RUNNING.findall(dry.stdout)
    if dry.returncode and not first:
        raise OilcanError(f"dvc.yaml: DVC cannot list what would run:\n{printed(dry)}\nFix that first.")
    if not first:
        return []
    reasons = _reasons(root)
    stale = [Stale(stage, reasons.get(stage) or ("never run, or its outputs are missing",)) for stage in first]
    return stale + [Stale(stage, (f"follows from {source}",)) for stage, source in _following(root, first)]


def record_raw(root: Path, name: str) -> str:
    """Have DVC check and record data/raw/<name> by the stage `fetch@<name>`; returns what DVC printed.

    Until then DVC does not know the files: `dvc push` and `dvc exp run --temp` leave them out. Files that
    data/raw/<name>.dvc tracks are recorded there instead.
    """
    if name in tracked_raw(root):
        file = tracked_raw_file(root, name)
        done = call_dvc(root, "commit", "--force", str(file.relative_to(root)))
        if done.returncode:
            raise OilcanError(f"{file.name}: DVC does not record the files:\n{printed(done)}\nFix that first.")
        return done.stdout
    path = root / FETCHED
    names = set(_load(path).get("fetched", []))
    if name not in names:
        write_text(_HEADER + yaml.safe_dump({"fetched": sorted({*names, name})}), path)
    done = call_dvc(root, "repro", "--single-item", f"data/dvc.yaml:fetch@{name}")
    if done.returncode:
        raise OilcanError(f"data/dvc.yaml: stage fetch@{name} failed:\n{printed(done)}")
    return done.stdout


def add(root: Path, path: str) -> None:
    """Have DVC track a file or folder that no stage makes.

    Raises
    ------
    OilcanError
        If DVC refuses.
    """
    done = call_dvc(root, "add", "--quiet", path)
    if done.returncode:
        raise OilcanError(f"{path}: DVC does not accept it:\n{printed(done)}\nFix that, then try again.")


def dvc(root: Path, *arguments: str) -> str:
    """What a DVC command prints.

    Raises
    ------
    OilcanError
        If DVC refuses.
    """
    done = call_dvc(root, *arguments)
    if done.returncode:
        raise OilcanError(f"dvc {' '.join(arguments)}: failed:\n{printed(done)}\nFix that, then start it again.")
    return done.stdout


def _reasons(root: Path) -> dict[str, tuple[str, ...]]:
    status = call_dvc(root, "status", "--json")
    try:
        changed: dict[str, list[Any]] = json.loads(status.stdout)
    except json.JSONDecodeError as err:
        raise OilcanError(f"dvc.yaml: DVC cannot list what changed:\n{printed(status)}\nFix that first.") from err
    return {
        stage: tuple(line for change in changes for line in _lines(change, root, stage))
        for stage, changes in changed.items()
    }


def _lines(change: Any, root: Path, stage: str) -> list[str]:
    """`{"changed deps": {"params.yaml": {"train": "modified"}}}` as lines."""
    if isinstance(change, str):
        return [change]
    lines = []
    for items in change.values():
        for path, state in items.items():
            if isinstance(state, dict):
                lines += changed_params(root, stage, sorted(state)) or [f"{path}: {', '.join(state)}"]
            elif state not in _NO_REASON:
                lines.append(f"{path} {state}")
    return lines


def changed_params(root: Path, stage: str, sections: Sequence[str]) -> list[str]:
    """Each parameter of the sections that differs from what the lock of the stage records."""
    file, _, name = stage.rpartition(":")
    lock = _load(root / Path(file or "dvc.yaml").with_suffix(".lock"))
    recorded = lock.get("stages", {}).get(name, {}).get("params", {}).get("params.yaml", {})
    before, now = (
        _flat({section: values.get(section) for section in sections})
        for values in (recorded, _load(root / "params.yaml"))
    )
    return [
        f"params.yaml: {key} is {now.get(key)!r}, was {before.get(key)!r}"
        for key in sorted(before | now)
        if before.get(key) != now.get(key)
    ]


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(values, dict):
        return {prefix: values}
    return {
        path: leaf
        for key, value in values.items()
        for path, leaf in _flat(value, f"{prefix}.{key}".lstrip(".")).items()
    }


def _load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def _following(root: Path, first: Sequence[str]) -> list[tuple[str, str]]:
    """Stages of the root pipeline that read what stages to be run write: `--dry` leaves them out."""
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


def call_dvc(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command of DVC in `root`; it does not raise, so check `returncode`.

    It ends with this process, and its stages with it: a command that was killed and begins again finds nobody at work,
    and no truncated note of locks that would stop it.
    """
    leftovers.fix_note(root)
    return subprocess.run(_words(arguments), cwd=root, env=_environment(), check=False, capture_output=True,
                          encoding="utf-8", stdin=subprocess.DEVNULL)


def repro(root: Path, stage_begins: Callable[[str], None]) -> None:
    """Run `dvc repro`; `stage_begins` hears the name of each stage when it begins to run.

    Raises
    ------
    OilcanError
        If a stage fails, with the last lines of what was printed.
    """
    leftovers.fix_note(root)
    last: deque[str] = deque(maxlen=_LAST_LINES)
    with subprocess.Popen(_words(["repro"]), cwd=root, env=_environment() | {"PYTHONUNBUFFERED": "1"}, text=True,
                          encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        for line in process.stdout or ():
            last.append(line.rstrip())
            stage = _RUNNING.match(line)
            if stage:
                stage_begins(stage[1])
    if process.returncode:
        lines = "\n".join(filter(None, last))
        raise OilcanError(f"dvc repro: failed:\n{lines}\nFix that, then start it again.")


def _words(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-c", _START, str(os.getpid()), *arguments]


def _environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return os.environ | {"DVC_NO_ANALYTICS": "1", "PYTHONUTF8": "1", "PATH": path}


def printed(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed, without empty lines."""
    return "\n".join(line for line in (done.stdout + done.stderr).splitlines() if line.strip())

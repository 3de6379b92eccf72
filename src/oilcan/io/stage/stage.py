"""The wrapper that every stage runs in; it closes silent failures of DVC.

- The process dies with its parent: a killed `dvc repro` leaves no second writer behind.
- Inputs that differ from what dvc.lock records for their producer are refused: a corrupt object
  of the cache or of a remote is not used.
- Inputs and parameters are compared before and after: an edit during the run is an error, so
  dvc.lock never binds new inputs to old outputs.
- A deliberate error prints one message and exits with 1; a bug keeps its traceback.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from oilcan.ground.errors import IntegrityError, OilcanError, bullet_list, disk_trouble
from oilcan.ground.nested import value_at
from oilcan.ground.processes import end_with_parent
from oilcan.io.stage.digests import dvc_md5
from oilcan.io.stage.dvc_files import StageEntry, find_stage, recorded_outputs


def parse(doc: str | None, *paths: str, argv: Sequence[str] | None) -> argparse.Namespace:
    """Positional paths by name, and --params; the stage's docstring is the help text."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for path in paths:
        parser.add_argument(path, type=Path)
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    return parser.parse_args(argv)


def report(stage: str, **counts: object) -> None:
    """Print in one line what went in and what came out."""
    print(f"{stage}: " + ", ".join(f"{name} {_number(value)}" for name, value in counts.items()), flush=True)


def warn(stage: str, lines: Sequence[str]) -> None:
    """Print warnings for a person; the stage continues."""
    for line in lines:
        print(f"{stage}: warning: {line}", flush=True)


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def run(main: Callable[[], None]) -> None:
    """Run a stage script's `main` under the guards of this module."""
    die_with_parent()
    try:
        started = time.monotonic()
        guard = _Guard.of_this_stage()
        main()
        guard.check_unchanged()
        if sys.stderr.isatty():
            print(f"  took {time.monotonic() - started:.1f} s", file=sys.stderr)
    except OilcanError as err:
        sys.exit(f"error: {err}")
    except OSError as err:
        message = disk_trouble(err)
        if message is None:
            raise
        sys.exit(f"error: {message}")


def die_with_parent() -> None:
    """End with the parent, and at once if the parent has ended already.

    DVC notes which process writes an output. If that process is no ancestor of this one, this one is an orphan: it
    exits here, before it reads or writes anything.
    """
    if sys.platform == "linux":
        end_with_parent()
        writers = _writers_by_dvc()
        if "DVC_STAGE" in os.environ and writers and not writers & _ancestors():
            sys.exit("error: the `dvc` that started this stage has ended. Run `dvc repro` again.")


def _writers_by_dvc() -> set[int]:
    """Processes that write outputs of this checkout, by DVC's own note."""
    try:
        note = json.loads(Path(".dvc/tmp/rwlock").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):       # no DVC here, or it is writing its note now
        return set()
    return {writer["pid"] for writer in note.get("write", {}).values()}


def _ancestors() -> set[int]:
    ancestors, pid = set(), os.getppid()
    while pid > 1 and pid not in ancestors:
        ancestors.add(pid)
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:                                     # it ended meanwhile
            break
        pid = int(stat.rpartition(")")[2].split()[1])
    return ancestors | {1}


class _Guard:
    """Digests of the inputs of the stage that DVC runs; empty where DVC does not run it."""

    def __init__(self, root: Path, entry: StageEntry | None) -> None:
        self._root, self._entry = root, entry
        self._before = self._digests()

    @classmethod
    def of_this_stage(cls) -> "_Guard":
        address = os.environ.get("DVC_STAGE")
        if not address:
            return cls(Path(), None)
        root = Path.cwd()               # not DVC_ROOT: in `dvc exp run --temp` that is the checkout it was started from
        guard = cls(root, find_stage(root, address))
        guard._check_recorded()
        return guard

    def _digests(self) -> dict[str, Any]:
        if self._entry is None:
            return {}
        digests: dict[str, Any] = {dep: dvc_md5(self._root / dep) for dep in self._entry.deps}
        values = yaml.safe_load((self._root / "params.yaml").read_text(encoding="utf-8"))
        digests |= {f"params.yaml: {name}": value_at(values, name) for name in self._entry.params}
        return digests

    def _check_recorded(self) -> None:
        recorded = recorded_outputs(self._root)
        broken = [
            f"{path} (found {digest}, recorded {recorded[path]})"
            for path, digest in self._before.items()
            if path in recorded and recorded[path] != digest
        ]
        if broken:
            raise IntegrityError(bullet_list(
                "inputs are not what dvc.lock records for the stage that made them (a corrupt object in the "
                "cache or remote, or an edit by hand). Run `oilcan doctor files --repair`, then `dvc repro`", broken))

    def check_unchanged(self) -> None:
        after = self._digests()
        changed = sorted(name for name, digest in self._before.items() if after.get(name) != digest)
        if changed:
            raise IntegrityError(bullet_list(
                "inputs changed while the stage was running; its outputs are not recorded. Run `dvc repro` again",
                changed))


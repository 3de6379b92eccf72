"""Are the bytes in the cache and the workspace the recorded ones?

DVC has no such check: it checks out a corrupt object of its cache and calls the result up to date.
"""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from oilcan.io.stage.digests import dvc_md5, md5
from oilcan.io.stage.dvc_files import recorded_outputs

Kind = Literal["corrupt", "leftover", "copy", "differs"]
_OF_DVC: Final = ("data", "models", "reports")      # folders into which DVC writes outputs
_DRAFT: Final = re.compile(r"\.[\w-]{22}\.tmp")      # how DVC names a file until it is whole
SET_ASIDE: Final = Path(".dvc/tmp/set-aside")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    kind is `corrupt` for an object of the cache, `leftover` for a draft of a killed command,
    `copy` for a workspace file that was made from a corrupt object, `differs` for an output that
    is not the recorded one.
    """

    kind: Kind
    path: Path
    found: str
    wanted: str

    def __str__(self) -> str:
        words = {
            "corrupt": "corrupt object in the cache",
            "leftover": "leftover of a killed command",
            "copy": "copy of a corrupt object",
            "differs": "output differs from dvc.lock",
        }[self.kind]
        digests = f" (found md5 {self.found}, wanted {self.wanted})" if self.wanted else ""
        return f"{self.path}: {words}{digests}"


@dataclass(frozen=True)
class Checked:
    """How many objects and outputs were checked, and what is wrong."""

    objects: int
    outputs: int
    findings: list[Finding]


def check(root: Path) -> Checked:
    """Compare every object of the cache with its name, and every output in place with dvc.lock."""
    store = cache_folder(root) / "files" / "md5"
    objects = sorted(path for path in store.glob("??/*") if path.is_file())
    findings = [found for path in objects if (found := _check_object(path))]
    findings += [Finding("leftover", path, "", "") for path in sorted(store.rglob(".*.tmp")) if path.is_file()]
    drafts = [path for folder in _OF_DVC for path in sorted((root / folder).rglob(".*.tmp"))]
    findings += [Finding("leftover", path, "", "") for path in drafts if _DRAFT.fullmatch(path.name) and path.is_file()]
    corrupt = {finding.wanted: finding.found for finding in findings if finding.kind == "corrupt"}
    recorded = {path: digest for path, digest in recorded_outputs(root).items() if (root / path).exists()}
    for path, digest in sorted(recorded.items()):
        findings += _check_output(root, path, digest, store, corrupt)
    return Checked(len(objects), len(recorded), findings)


def repair(root: Path, findings: list[Finding]) -> list[str]:
    """Remove what is wrong, so that the next `dvc pull` or `dvc repro` restores it; returns a line for each step.

    Corrupt objects, their copies and leftovers are deleted. An output that differs for another
    reason may be somebody's work, so it is moved to `.dvc/tmp/set-aside`.
    """
    done = []
    for finding in findings:
        if finding.kind == "differs":
            done.append(f"{finding.path}: set aside in {_set_aside(root, finding.path).relative_to(root)}")
        else:
            finding.path.chmod(0o644)
            finding.path.unlink()
            done.append(f"{finding.path}: deleted")
    return done


def cache_folder(root: Path) -> Path:
    """Where DVC's cache is: `cache.dir` of its settings (system, global, project, local), else `.dvc/cache`."""
    from dvc.config import Config  # here: DVC takes half a second to import

    return Path(Config(str(root / ".dvc"))["cache"].get("dir") or root / ".dvc/cache")


def _check_object(path: Path) -> Finding | None:
    wanted = path.parent.name + path.name
    if path.name.endswith(".tmp"):
        return None                                 # listed as a leftover
    found = md5(path)
    return None if found == wanted.removesuffix(".dir") else Finding("corrupt", path, found, wanted)


def _check_output(root: Path, path: str, digest: str, store: Path, corrupt: dict[str, str]) -> list[Finding]:
    """Copies of corrupt objects in an output, or the output itself if it differs for another reason."""
    place = root / path
    copies = []
    for file, wanted in _expected_files(place, digest, store).items():
        if wanted in corrupt and file.is_file() and md5(file) == corrupt[wanted]:
            copies.append(Finding("copy", file, corrupt[wanted], wanted))
    found = dvc_md5(place)
    if copies or found == digest:
        return copies
    return [Finding("differs", place, found, digest)]


def _expected_files(place: Path, digest: str, store: Path) -> dict[Path, str]:
    """The recorded md5 of each file of an output, as far as the cache still knows."""
    if not digest.endswith(".dir"):
        return {place: digest}
    listing = store / digest[:2] / digest[2:]
    try:
        entries = json.loads(listing.read_bytes())
        return {place / entry["relpath"]: entry["md5"] for entry in entries}
    except (OSError, ValueError, TypeError, KeyError):      # missing, or corrupt and listed as such
        return {}


def _set_aside(root: Path, path: Path) -> Path:
    target = root / SET_ASIDE / path.relative_to(root)
    if target.is_dir():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)
    return target

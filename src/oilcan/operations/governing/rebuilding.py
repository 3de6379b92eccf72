"""Make a model again from its commit in a fresh clone, and compare every byte that the commit's dvc.lock records."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from oilcan.core.registry.lineage_graph import recorded
from oilcan.ground.errors import OilcanError
from oilcan.io.bundle.bundle_folder import SEAL
from oilcan.io.bundle.verdict_file import path_of
from oilcan.io.repository.dvc_command import call_dvc, printed
from oilcan.io.repository.git_plumbing import file_at, git
from oilcan.io.stage.digests import dvc_md5
from oilcan.io.stage.dvc_files import parse_yaml
from oilcan.operations.governing.candidate import BUNDLE, Candidate, candidate_at
from oilcan.operations.governing.promotion import Say


@dataclass(frozen=True)
class Rebuilt:
    """What came of it.

    Attributes
    ----------
    compared
        Paths of all outputs that were made again.
    differing
        Those whose bytes differ, with both digests.
    """

    commit: str
    bundle: str
    compared: tuple[str, ...]
    differing: tuple[str, ...]


def rebuild(root: Path, revision: str, *, say: Say = lambda _: None) -> Rebuilt:
    """Run the pipeline of a commit from raw data in a clone of its own, which has no cache and no outputs.

    Parameters
    ----------
    revision
        A version such as demo_fleet@v1.0.0, or a commit.

    Raises
    ------
    OilcanError
        If raw data are not at hand, or the pipeline fails there.
    """
    candidate = candidate_at(root, revision)
    with tempfile.TemporaryDirectory(prefix="oilcan-rebuild-") as scratch:
        clone = Path(scratch) / "clone"
        say("clone the commit")
        git(root, "clone", "--quiet", "--no-checkout", str(root), str(clone))
        git(clone, "checkout", "--quiet", "--detach", candidate.commit)
        say("bring raw data")
        _bring_raw(root, clone, candidate)
        say("run the pipeline")
        done = call_dvc(clone, "repro")
        if done.returncode:
            raise OilcanError(f"rebuild of {candidate.commit[:12]}: the pipeline failed:\n{printed(done)}\nInstall the "
                              f"libraries of its requirements/core.txt, and try again.")
        say("compare every byte")
        return _compared(clone, candidate)


def _bring_raw(root: Path, clone: Path, candidate: Candidate) -> None:
    """Raw data that no stage of the clone can make: from the checkout if they are the recorded ones, else by DVC."""
    folder = Path("data/raw") / candidate.dataset
    if candidate.dataset == "demo_fleet" or (clone / folder).exists():
        return                              # drawn by `simulate`, or in git
    wanted = _recorded(clone).get(folder.as_posix())
    if wanted is None:
        return
    if (root / folder).is_dir() and dvc_md5(root / folder) == wanted:
        shutil.copytree(root / folder, clone / folder)
        return
    done = call_dvc(clone, "pull", folder.as_posix())
    if done.returncode:
        raise OilcanError(f"{folder}: the raw data of commit {candidate.commit[:12]} are neither here nor in a "
                          f"remote:\n{printed(done)}\n"
                          f"Place them with `oilcan dataset place {candidate.dataset} --from FOLDER`.")


def _compared(clone: Path, candidate: Candidate) -> Rebuilt:
    """Outputs of the lock that the run wrote against those of the commit's lock."""
    lock = parse_yaml((file_at(clone, candidate.commit, "dvc.lock") or b"").decode())
    before = {path: md5 for made in recorded([lock]) for path, md5 in made.outputs.items()}
    after = _recorded(clone)
    differing = [f"{path}: md5 {after.get(path, 'missing')[:12]}, recorded {md5[:12]}"
                 for path, md5 in sorted(before.items()) if after.get(path) != md5]
    differing += [f"{path}: its bytes are not those of the new dvc.lock" for path, md5 in sorted(after.items())
                  if path in before and (clone / path).exists() and dvc_md5(clone / path) != md5]
    seal = (clone / BUNDLE / SEAL).read_text(encoding="utf-8").split()[0]
    if seal != candidate.bundle:
        differing.append(f"{BUNDLE}: digest {seal[:12]}, approved {candidate.bundle[:12]}")
    verdict = path_of(BUNDLE).as_posix()
    if (clone / verdict).read_bytes() != file_at(clone, candidate.commit, verdict):
        differing.append(f"{verdict}: differs from the committed one")
    return Rebuilt(candidate.commit, candidate.bundle, tuple(sorted(before)), tuple(differing))


def _recorded(clone: Path) -> Mapping[str, str]:
    locks = [parse_yaml((clone / name).read_text(encoding="utf-8"))
             for name in ("dvc.lock", "data/dvc.lock") if (clone / name).exists()]
    return {path: md5 for made in recorded(locks) for path, md5 in made.outputs.items()}

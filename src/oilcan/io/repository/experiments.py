"""DVC experiments written without running the pipeline: what a trial of a sweep leaves behind.

An experiment of DVC is a commit whose parent is the commit it was started from, under a git reference whose name
DVC derives from both (`ExpRefInfo`). `dvc exp show`, `apply`, `branch`, `push` and `remove` need no more.
DVC has no call that writes one without running stages, except `dvc exp save`, and that one records the new
parameters beside the old outputs in dvc.lock. So the commit is made here by git. Its dvc.lock stays as it was, and
`dvc exp apply` followed by `dvc repro` computes what the parameters ask for.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from oilcan.ground.errors import OilcanError


def record(root: Path, name: str, files: Mapping[str, str], *, without: Sequence[str], message: str) -> None:
    """Write an experiment from the checkout with its uncommitted edits; replaces an experiment of that name.

    Parameters
    ----------
    files
        Path -> text, in addition to the files of the checkout or in their place.
    without
        Tracked paths to leave out: results of other parameters.

    Raises
    ------
    OilcanError
        If git refuses.
    """
    with tempfile.TemporaryDirectory(prefix="oilcan-index-") as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        _git(root, "read-tree", "HEAD", **index)
        _git(root, "add", "--update", **index)
        for path, text in files.items():
            blob = _git(root, "hash-object", "-w", "--stdin", text=text)
            _git(root, "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", **index)
        _git(root, "update-index", "--force-remove", "--", *without, **index)
        tree = _git(root, "write-tree", **index)
    from dvc.repo.experiments.refs import ExpRefInfo  # here: DVC takes a second to import

    head = _git(root, "rev-parse", "HEAD")
    commit = _git(root, "commit-tree", tree, "-p", head, "-m", message)
    _git(root, "update-ref", str(ExpRefInfo(head, name)), commit)


def names(root: Path) -> set[str]:
    """Names of all experiments of the repository."""
    from dvc.repo.experiments.refs import EXPS_NAMESPACE

    listed = _git(root, "for-each-ref", "--format=%(refname)", EXPS_NAMESPACE)
    return {ref.rpartition("/")[2] for ref in listed.splitlines()}


def _git(root: Path, *arguments: str, text: str = "", **environment: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, env=os.environ | environment, input=text, check=False,
                          capture_output=True, encoding="utf-8")
    if done.returncode:
        raise OilcanError(f"git {arguments[0]}: {' '.join(done.stderr.split())}. Fix that, then run it again.")
    return done.stdout.strip()

"""DVC experiments written without running the pipeline: what a trial of a sweep leaves behind.

A DVC experiment is a commit that hangs below the commit it was started from, under the name
`refs/exps/<first two digits>/<other digits>/<name>`; `dvc exp show`, `apply`, `branch`, `push` and `remove` go by that.
`dvc exp save` would not do: it binds the new parameters to the old outputs in dvc.lock. Here dvc.lock stays as it
was, so that `dvc exp apply` and `dvc repro` make what the parameters say.
"""

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from oilcan.ground.errors import OilcanError


def record(root: Path, name: str, files: Mapping[str, str], *, without: Sequence[str], message: str) -> None:
    """Write an experiment of the checkout as it stands, its uncommitted edits included; one of that name is replaced.

    Parameters
    ----------
    files
        Path -> text, beside or in place of the checkout's.
    without
        Tracked paths that the experiment does not have: results of other parameters.

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
    head = _git(root, "rev-parse", "HEAD")
    commit = _git(root, "commit-tree", tree, "-p", head, "-m", message)
    _git(root, "update-ref", f"refs/exps/{head[:2]}/{head[2:]}/{name}", commit)


def names(root: Path) -> set[str]:
    """Names of all experiments of the repository."""
    listed = _git(root, "for-each-ref", "--format=%(refname)", "refs/exps")
    return {ref.rpartition("/")[2] for ref in listed.splitlines()}


def _git(root: Path, *arguments: str, text: str = "", **environment: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, env=os.environ | environment, input=text, check=False,
                          capture_output=True, text=True)
    if done.returncode:
        raise OilcanError(f"git {arguments[0]}: {' '.join(done.stderr.split())}. Fix that, then run it again.")
    return done.stdout.strip()

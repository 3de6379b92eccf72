"""git worktrees in which DVC works on the cache and the remotes of the checkout that they belong to."""

import shutil
from pathlib import Path

from oilcan.io.repository.dvc_command import dvc
from oilcan.io.repository.git_plumbing import git


def make_worktree(root: Path, tree: Path, base: str) -> None:
    """Check out a commit in a folder of its own, in place of what a killed run left there.

    Raises
    ------
    OilcanError
        If git or DVC refuses.
    """
    git(root, "worktree", "prune")
    if tree.exists():
        shutil.rmtree(tree)
        git(root, "worktree", "prune")
    git(root, "worktree", "add", "--quiet", "--detach", str(tree), base)
    local = root / ".dvc/config.local"
    if local.is_file():                         # remotes and their credentials
        shutil.copy(local, tree / ".dvc/config.local")
    cache = dvc(root, "cache", "dir").strip()
    dvc(tree, "cache", "dir", "--local", cache)


def remove_worktree(root: Path, tree: Path) -> None:
    """Remove a worktree with all that is in it; nothing happens if it is gone."""
    if tree.exists():
        git(root, "worktree", "remove", "--force", str(tree))
    git(root, "worktree", "prune")

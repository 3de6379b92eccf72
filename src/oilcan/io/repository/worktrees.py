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
    remove_worktree(root, tree)
    git(root, "worktree", "add", "--quiet", "--detach", str(tree), base)
    local = root / ".dvc/config.local"
    if local.is_file():                         # remotes and their credentials
        shutil.copy(local, tree / ".dvc/config.local")
    cache = dvc(root, "cache", "dir").strip()
    dvc(tree, "cache", "dir", "--local", cache)


def remove_worktree(root: Path, tree: Path) -> None:
    """Remove a worktree with all that is in it, or what a killed run left of it; nothing happens if it is gone."""
    if tree.exists():                   # `git worktree remove` refuses a folder that it was killed in
        shutil.rmtree(tree)
    git(root, "worktree", "prune")

"""The audit log where it lies: audit/log.jsonl on the branch `audit`, which shares no file with other branches.

A branch of its own loses no entry when a branch of code is thrown away. It is written by git's plumbing, so that no
checkout changes, and moved only from the very commit that was read: of two writers at once, the second reads again.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from oilcan.ground.errors import OilcanError
from oilcan.io.repository.git_plumbing import (
    NO_OBJECT,
    RefChange,
    RefMoved,
    file_at,
    git,
    move_refs,
    resolve,
    try_git,
    write_commit,
)

BRANCH: Final = "refs/heads/audit"
WITNESS: Final = "refs/oilcan/audit"        # the newest end that was ever written here: a branch set back is seen
LOG: Final = "audit/log.jsonl"
_TRIES: Final = 50


def end_of_log(root: Path) -> str | None:
    """Commit with the newest log: of the branch, else of the remote's in a fresh clone; None before the first entry."""
    return resolve(root, BRANCH) or resolve(root, "refs/remotes/origin/audit")


def read_log(root: Path, revision: str | None = None) -> str:
    """Text of the log; empty before the first entry."""
    revision = revision or end_of_log(root)
    content = None if revision is None else file_at(root, revision, LOG)
    return "" if content is None else content.decode(errors="replace")


def write_log(root: Path, change: Callable[[str], str], *, author: str, at: str, message: str,
              also: str | None = None) -> str:
    """Write what `change` makes of the text of the log; the text that is there afterwards.

    Parameters
    ----------
    change
        Called again if somebody else wrote in the meantime. What it returns unchanged is not written.
    also
        A second parent of the commit, for a merge.

    Raises
    ------
    OilcanError
        If the branch is checked out somewhere: that checkout would no longer fit it.
    """
    reason = ""
    for _ in range(_TRIES):
        branch, end = resolve(root, BRANCH), end_of_log(root)
        before = read_log(root, end) if end else ""
        after = change(before)
        if after == before and (branch is not None or end is None):
            return after
        _not_checked_out(root)
        parents = [parent for parent in (end, also) if parent]
        commit = end if after == before and end else write_commit(
            root, {LOG: after}, parents, author=author, at=at, message=message)
        try:
            move_refs(root, [RefChange(BRANCH, commit, branch or NO_OBJECT),
                             RefChange(WITNESS, commit, resolve(root, WITNESS) or NO_OBJECT)])
        except RefMoved as err:
            reason = str(err)
            continue
        return after
    raise OilcanError(f"audit: the log could not be written in {_TRIES} tries ({reason}). If git names a lock file "
                      f"that a killed process left, delete it; then run this again.")


def rewritten(root: Path) -> list[str]:
    """Commits of the branch that removed or changed a line of the log: it may only grow."""
    end = end_of_log(root)
    if end is None:
        return []
    listed = git(root, "log", "-m", "--minimal", "--numstat", "--no-renames", "--format=commit %H", end, "--", LOG)
    found, commit = [], ""
    for line in listed.splitlines():
        if line.startswith("commit "):
            commit = line.split()[1]
        elif line and (removed := line.split("\t")[1]) != "0":
            found.append(f"commit {commit[:12]} of the branch removed or changed {removed} lines of {LOG}")
    return found


def set_back(root: Path) -> list[str]:
    """Ends of the log that were once written or fetched here, and that the branch does not contain any more."""
    end = end_of_log(root)
    known = {"the end that was last written here": resolve(root, WITNESS)}
    if end is None:
        return [f"the branch `audit` is gone ({name}: {commit[:12]}). Restore it: `git branch audit {commit[:12]}`"
                for name, commit in known.items() if commit]
    return [f"the branch `audit` was set back: it does not contain commit {commit[:12]} ({name})"
            for name, commit in known.items()
            if commit and try_git(root, "merge-base", "--is-ancestor", commit, end).returncode]


def _not_checked_out(root: Path) -> None:
    if f"branch {BRANCH}" in git(root, "worktree", "list", "--porcelain").splitlines():
        raise OilcanError("audit: the branch `audit` is checked out, and would be changed under it. Switch that "
                          "checkout to another branch.")

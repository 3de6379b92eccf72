"""git objects and references written without touching any checkout: blobs, trees, commits, tags, in one transaction."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oilcan.ground.errors import OilcanError

NO_OBJECT: Final = "0" * 40


class RefMoved(OilcanError):  # noqa: N818 - a state, not a fault
    """A reference is not where it was read: somebody else has moved it. Read it again."""


@dataclass(frozen=True)
class RefChange:
    """A reference, what it shall name, and what it must name before (`NO_OBJECT`: it must not exist)."""

    ref: str
    new: str
    old: str


def git(root: Path, *arguments: str, text: str | None = None, **environment: str) -> str:
    """Output of a git command, without the last line's end.

    Raises
    ------
    OilcanError
        If git refuses.
    """
    done = try_git(root, *arguments, text=text, **environment)
    if done.returncode:
        raise OilcanError(f"git {arguments[0]}: {' '.join(done.stderr.split())}. Fix that, then run it again.")
    return done.stdout.rstrip("\n")


def try_git(root: Path, *arguments: str, text: str | None = None, **environment: str
            ) -> subprocess.CompletedProcess[str]:
    """A git command that may fail."""
    given = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
    return subprocess.run(["git", *arguments], cwd=root, env=os.environ | {"LC_ALL": "C"} | environment, check=False,
                          capture_output=True, encoding="utf-8", **given)


def resolve(root: Path, name: str) -> str | None:
    """The object that a reference or revision names; None if there is none."""
    done = try_git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", name)
    return done.stdout.strip() or None


def commit_of(root: Path, revision: str) -> str:
    """The commit of a revision.

    Raises
    ------
    OilcanError
        If there is none.
    """
    found = resolve(root, f"{revision}^{{commit}}")
    if found is None:
        raise OilcanError(f"git: no commit is named {revision!r} here. Fetch it, or name another.")
    return found


def file_at(root: Path, revision: str, path: str) -> bytes | None:
    """Bytes of a file in a commit; None if that commit has no such file."""
    done = subprocess.run(["git", "cat-file", "blob", f"{revision}:{path}"], cwd=root, check=False, capture_output=True,
                          stdin=subprocess.DEVNULL)
    return None if done.returncode else done.stdout


def write_commit(root: Path, files: Mapping[str, str], parents: Sequence[str], *, author: str, at: str, message: str
                 ) -> str:
    """A commit that holds exactly these files (path -> text; one folder deep at most); no reference names it yet.

    Parameters
    ----------
    author, at
        Name of the author, and the time of the commit, so that the same content gives the same commit.
    """
    folders: dict[str, list[str]] = {}
    for path, text in files.items():
        folder, _, name = path.rpartition("/")
        blob = git(root, "hash-object", "-w", "--stdin", text=text)
        folders.setdefault(folder, []).append(f"100644 blob {blob}\t{name}\n")
    top = folders.pop("", [])
    top += [f"040000 tree {git(root, 'mktree', text=''.join(lines))}\t{folder}\n" for folder, lines in folders.items()]
    tree = git(root, "mktree", text="".join(top))
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
           for key, value in (("NAME", author), ("EMAIL", "audit@oilcan.invalid"), ("DATE", at))}
    return git(root, "commit-tree", tree, *(word for parent in parents for word in ("-p", parent)), "-F", "-",
               text=message, **who)


def move_refs(root: Path, changes: Sequence[RefChange]) -> None:
    """Change references, all or none, if each still is what it was.

    Raises
    ------
    RefMoved
        If one of them is not, or another process changes it right now.
    """
    lines = ["start", *(f"update {change.ref} {change.new} {change.old}" for change in changes), "prepare", "commit"]
    done = try_git(root, "update-ref", "--stdin", text="\n".join(lines) + "\n")
    if done.returncode:
        raise RefMoved(f"git update-ref: {' '.join(done.stderr.split())}. Run it again.")

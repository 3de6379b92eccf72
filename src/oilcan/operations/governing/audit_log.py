"""Reading, writing, checking and joining the audit log of a repository.

Every command that decides or changes something calls `append`. Times come in as arguments, so that a replay writes the
times of the days that it replays.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from oilcan.governance import audit_chain
from oilcan.governance.audit_chain import AuditEntry, Kind
from oilcan.ground.errors import OilcanError
from oilcan.io.repository import audit_branch
from oilcan.io.repository.git_plumbing import commit_of, file_at, resolve

WHERE = "branch audit, audit/log.jsonl"


@dataclass(frozen=True)
class Act:
    """What is to be recorded; see `AuditEntry` for the fields.

    Attributes
    ----------
    by, why
        Who acted, and for what reason, in words.
    key
        Name of the act: a second act of this kind and key is not recorded again, so a command that was killed can run
        again. Empty for acts that may repeat.
    commit
        Revision of git that it is about; its dvc.lock is looked up.
    bundle
        Digest of the bundle it is about.
    detail
        Anything else, as JSON holds it.
    """

    kind: Kind
    by: str
    why: str
    key: str = ""
    dataset: str | None = None
    commit: str | None = None
    bundle: str | None = None
    detail: Mapping[str, Any] | None = None


def append(root: Path, act: Act, *, at: datetime) -> str:
    """Record an act; the hash of its entry, or of the entry that recorded it before.

    Parameters
    ----------
    at
        When it was done, with a time zone.

    Raises
    ------
    DataError
        If the log was changed: nothing is added to a log that cannot be trusted.
    OilcanError
        If git refuses, or the log forked.
    """
    return append_all(root, [(act, at)])[0]


def append_all(root: Path, acts: Sequence[tuple[Act, datetime]]) -> list[str]:
    """Record several acts in one commit, all or none; raises as `append` does."""
    recorded: list[str] = []

    def change(text: str) -> str:
        log = audit_chain.read(text, WHERE)
        known = {(entry.kind, entry.key): entry.hash for entry in log if entry.key}
        ends, added = audit_chain.heads(log), ""
        recorded.clear()
        for act, at in acts:
            there = known.get((act.kind, act.key)) if act.key else None
            if there is None:
                entry = _entry(root, act, ends, at)
                there, added, ends = entry.hash, added + entry.line + "\n", [entry.hash]
                known[act.kind, act.key] = there
            recorded.append(there)
        return text + added

    if acts:
        act, at = acts[-1]
        audit_branch.write_log(root, change, author=act.by, at=moment(at), message=f"{act.kind}: {act.why or act.by}\n")
    return recorded


def entries(root: Path) -> list[AuditEntry]:
    """The log, checked.

    Raises
    ------
    DataError
        If it was changed.
    """
    return audit_chain.read(audit_branch.read_log(root), WHERE)


def end(root: Path) -> str | None:
    """Hash of the last entry; None before the first."""
    ends = audit_chain.heads(entries(root))
    return ends[0] if ends else None


def merge(root: Path, other: str = "refs/remotes/origin/audit") -> int:
    """Join the log with that of another branch; how many entries came from there.

    The rule: the joined log has every entry of both. Each stands after the entries that it names; of two that may come
    next, the earlier one comes first. A last entry of kind `merge` names both ends. So both sides get the same log.

    Raises
    ------
    OilcanError
        If there is no such branch, or the logs are of different repositories.
    """
    commit = resolve(root, other)
    if commit is None:
        raise OilcanError(f"audit: there is no log on {other}. Fetch it: `git fetch origin audit`.")
    theirs = audit_chain.read(audit_branch.read_log(root, commit), f"{other}, {audit_branch.LOG}")
    gained = 0

    def change(text: str) -> str:
        nonlocal gained
        ours = audit_chain.read(text, WHERE)
        joined = audit_chain.merged(ours, theirs)
        gained = len(joined) - len(ours)
        return audit_chain.written(joined)

    last = max((entry.at for entry in theirs), default="1970-01-01T00:00:00Z")
    audit_branch.write_log(root, change, author="oilcan", at=last, message=f"merge of {other}\n", also=commit)
    return gained


def faults(root: Path, anchors: Mapping[str, str]) -> list[str]:
    """Everything that is wrong with the log of this repository.

    Parameters
    ----------
    anchors
        Name -> hash of an entry that must be in the log; what tags of promotions name.
    """
    text = audit_branch.read_log(root)
    found = [f"{WHERE}: {fault}" for fault in audit_chain.faults(text, anchors)]
    found += audit_branch.rewritten(root) + audit_branch.set_back(root)
    remote = resolve(root, "refs/remotes/origin/audit")
    if remote is not None:
        lines = set(text.splitlines())
        missing = [line for line in audit_branch.read_log(root, remote).splitlines() if line not in lines]
        if missing:
            found.append(f"{WHERE}: {len(missing)} entries of origin/audit are not here. Run `oilcan audit merge`")
    return found


def moment(at: datetime) -> str:
    """A moment as entries have it.

    Examples
    --------
    >>> moment(datetime(2026, 1, 1, 12, tzinfo=UTC))
    '2026-01-01T12:00:00Z'
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _entry(root: Path, act: Act, previous: list[str], at: datetime) -> AuditEntry:
    if len(previous) > 1:
        raise OilcanError(f"{WHERE}: the log forked ({len(previous)} ends). Join them with `oilcan audit merge`.")
    commit = commit_of(root, act.commit) if act.commit else None
    lock = file_at(root, commit, "dvc.lock") if commit else None
    return AuditEntry(
        previous=previous, kind=act.kind, at=moment(at), by=act.by, why=act.why, key=act.key, dataset=act.dataset,
        commit=commit, lock=hashlib.sha256(lock).hexdigest() if lock is not None else None, bundle=act.bundle,
        detail=dict(act.detail or {}))

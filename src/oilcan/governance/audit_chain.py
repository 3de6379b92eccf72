"""The audit log as a value: entries, each of which names the hash of the entry before it.

The log is JSON, one entry a line. An entry's hash covers all its other fields, `previous` among them, so nobody can
change, remove or move an entry without changing the hashes of all that follow. Where two branches both appended, a
`merge` entry names both ends; the lines then stand in one order that follows from the entries alone.
"""

import hashlib
import heapq
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, get_args

import pydantic

from oilcan.ground.errors import DataError

Kind = Literal["collect", "decision", "retrain", "gate", "approval", "promotion", "rollout", "canary", "rollback",
               "activation", "acknowledgement", "key", "setting", "deletion", "erasure", "incident", "merge"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class AuditEntry(pydantic.BaseModel):
    """Who did what, when, why, and to which model.

    Attributes
    ----------
    previous
        Hashes of the entries before: none for the first entry, two for a `merge`.
    at
        UTC, as 2026-11-26T21:00:00Z.
    key
        Name of the act, where a repeated command must not record it twice; empty otherwise.
    commit, lock, bundle
        Commit of git, SHA-256 of its dvc.lock, digest of the bundle; None where there is none.
    """

    model_config = pydantic.ConfigDict(frozen=True, strict=True, extra="forbid")

    previous: list[str]
    kind: Kind
    at: str = pydantic.Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$")
    by: str = pydantic.Field(min_length=1)
    why: str
    key: str = ""
    dataset: str | None = None
    commit: str | None = None
    lock: str | None = None
    bundle: str | None = None
    detail: dict[str, Any] = {}

    @property
    def hash(self) -> str:
        """SHA-256 of the entry in its one written form.

        Examples
        --------
        >>> entry = AuditEntry(previous=[], kind="gate", at="2026-01-01T00:00:00Z", by="review", why="first")
        >>> entry.hash[:8], entry.model_copy(update={"why": "other"}).hash == entry.hash
        ('1c519698', False)
        """
        return hashlib.sha256(_canonical(self.model_dump()).encode()).hexdigest()

    @property
    def line(self) -> str:
        """The line of the log, without its end."""
        return _canonical(self.model_dump() | {"hash": self.hash})

    @property
    def title(self) -> str:
        """Kind, person and time, for messages."""
        return f"{self.kind} by {self.by} at {self.at}"


def _canonical(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def written(entries: Iterable[AuditEntry]) -> str:
    """The text of a log."""
    return "".join(f"{entry.line}\n" for entry in entries)


def read(text: str, where: str) -> list[AuditEntry]:
    """Entries of a log, in the order of its lines.

    Raises
    ------
    DataError
        If the log has any fault; all are listed.
    """
    broken = faults(text)
    if broken:
        raise DataError("\n".join([f"{where}: the log was changed (see `oilcan audit verify`):",
                                   *(f"  - {fault}" for fault in broken)]))
    return [_parsed(line) for line in text.splitlines()]


def heads(entries: Iterable[AuditEntry]) -> list[str]:
    """Hashes of the entries that no other entry names as its previous one; one, unless the log forked."""
    listed = list(entries)
    named = {before for entry in listed for before in entry.previous}
    return sorted(entry.hash for entry in listed if entry.hash not in named)


def faults(text: str, anchors: Mapping[str, str] | None = None) -> list[str]:
    """Everything that is wrong with a log: edits, deletions, reorderings, forks, repetitions, a cut tail.

    Parameters
    ----------
    anchors
        Name -> hash of an entry that must be in the log: what promotion tags and other copies name as its end.

    Examples
    --------
    >>> first = AuditEntry(previous=[], kind="gate", at="2026-01-01T00:00:00Z", by="review", why="good")
    >>> second = AuditEntry(previous=[first.hash], kind="approval", at="2026-01-02T00:00:00Z", by="Ada", why="yes")
    >>> faults(written([first, second]))
    []
    >>> faults(written([first]), {"tag demo-fleet@v1.0.0": second.hash})
    ['the tail is cut: tag demo-fleet@v1.0.0 names entry ..., which is not in the log']
    """
    lines = text.splitlines()
    found: list[str] = [] if not text or text.endswith("\n") else ["the last line has no end: it is cut"]
    entries: dict[int, AuditEntry] = {}
    for number, line in enumerate(lines, 1):
        fault = _fault_of_line(line)
        if fault is None:
            entries[number] = _parsed(line)
        else:
            found.append(f"line {number}: edited ({fault})")
    # an edited line still is the one that later lines name: its recorded hash, so that one edit is one fault
    places = {entry.hash: number for number, entry in reversed(entries.items())}
    edited = {recorded for number, line in enumerate(lines, 1) if number not in entries
              if (recorded := _recorded_hash(line)) is not None}
    found += _order_faults(entries, places, edited)
    named = _named_by_text(lines)
    ends = sorted((end for end in heads(entries.values()) if end not in named), key=places.__getitem__)
    if len(ends) > 1:
        found.append(f"fork: {len(ends)} entries are the last ("
                     + "; ".join(f"line {places[end]}, {entries[places[end]].title}" for end in ends)
                     + "). Join them with `oilcan audit merge`")
    found += [f"the tail is cut: {name} names entry {anchor[:12]}..., which is not in the log"
              for name, anchor in sorted((anchors or {}).items()) if anchor not in places and anchor not in edited]
    return found


def _order_faults(entries: Mapping[int, AuditEntry], places: Mapping[str, int], edited: set[str]) -> list[str]:
    found = []
    repeated = Counter(entry.hash for entry in entries.values())
    for number, entry in entries.items():
        if repeated[entry.hash] > 1 and number != places[entry.hash]:
            found.append(f"line {number}: repeats line {places[entry.hash]}")
        for before in entry.previous:
            if before in places and places[before] > number:
                found.append(f"line {number}: reordered (it follows line {places[before]}, {entry.title})")
            elif before not in places and before not in edited:
                found.append(f"line {number}: an entry before it was deleted (it follows {before[:12]}..., "
                             f"{entry.title})")
    roots = [number for number, entry in entries.items() if not entry.previous]
    if len(roots) > 1:
        found.append(f"lines {', '.join(map(str, roots))}: each begins a log (wanted one beginning)")
    listed = list(entries.values())
    if not found and not edited and len(heads(listed)) < 2 and listed != in_order(listed):
        found.append("reordered: the lines of merged branches do not stand in their order")
    return found


def in_order(entries: Iterable[AuditEntry]) -> list[AuditEntry]:
    """Entries in the order of the log: each after those it names; of several that may follow, the earliest first.

    The order follows from the entries alone, and leaves the lines of each branch in their order.
    """
    by_hash = {entry.hash: entry for entry in entries}
    following = defaultdict(list)
    waiting = {}
    for key, entry in by_hash.items():
        known = [before for before in entry.previous if before in by_hash]
        waiting[key] = len(known)
        for before in known:
            following[before].append(key)
    ready = [(by_hash[key].at, key) for key, count in waiting.items() if not count]
    heapq.heapify(ready)
    ordered = []
    while ready:
        _, key = heapq.heappop(ready)
        ordered.append(by_hash[key])
        for after in following[key]:
            waiting[after] -= 1
            if not waiting[after]:
                heapq.heappush(ready, (by_hash[after].at, after))
    return ordered


def merged(ours: Sequence[AuditEntry], theirs: Sequence[AuditEntry]) -> list[AuditEntry]:
    """One log of two that grew from one: every entry of both, and a `merge` entry that names both ends.

    The merge entry follows from the two ends, so whoever merges gets the same bytes. A log that has all of the other
    is returned as it is.

    Raises
    ------
    DataError
        If the two have no first entry in common: they are logs of different repositories.

    Examples
    --------
    >>> root = AuditEntry(previous=[], kind="gate", at="2026-01-01T00:00:00Z", by="review", why="good")
    >>> a, b = (AuditEntry(previous=[root.hash], kind="incident", at="2026-01-02T00:00:00Z", by=name, why="it stood")
    ...         for name in ("Ada", "Ben"))
    >>> both = merged([root, a], [root, b])
    >>> [entry.kind for entry in both], both == merged([root, b], [root, a])
    (['gate', 'incident', 'incident', 'merge'], True)
    """
    mine, other = ({entry.hash for entry in side} for side in (ours, theirs))
    if mine >= other:
        return list(ours)
    if other >= mine:
        return list(theirs)
    if not mine & other:
        raise DataError("audit: the two logs have no entry in common, so they are not of one repository. Keep one, and "
                        "look where the other comes from.")
    ends = sorted([*heads(ours), *heads(theirs)])
    both = in_order([*ours, *theirs])
    left = [end for end in ends if end in heads(both)]
    joint = AuditEntry(previous=left, kind="merge", at=max(entry.at for entry in both), by="oilcan",
                       why="two branches had both appended")
    return [*both, joint] if len(left) > 1 else both


def _parsed(line: str) -> AuditEntry:
    values = json.loads(line)
    values.pop("hash")
    return AuditEntry.model_validate(values)


def _fault_of_line(line: str) -> str | None:
    try:
        values = json.loads(line)
        recorded = values.pop("hash")
        entry = AuditEntry.model_validate(values)
    except (ValueError, AttributeError, KeyError, TypeError) as err:
        return f"not an entry: {type(err).__name__}"
    if entry.hash != recorded:
        return f"{entry.title}: its hash is {entry.hash[:12]}..., recorded {str(recorded)[:12]}..."
    return None if entry.line == line else "not in the written form"


def _recorded_hash(line: str) -> str | None:
    try:
        recorded = json.loads(line)["hash"]
    except (ValueError, KeyError, TypeError):
        return None
    return recorded if isinstance(recorded, str) else None


def _named_by_text(lines: Sequence[str]) -> set[str]:
    """Hashes that any line names as previous, edited lines included: they are no ends of the log."""
    named: set[str] = set()
    for line in lines:
        try:
            named |= set(json.loads(line)["previous"])
        except (ValueError, KeyError, TypeError):
            continue
    return named

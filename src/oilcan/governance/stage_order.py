"""Versions and stages of a model: their order, what is in service, and what is wrong with the tags that say so.

A model enters the stages in the order of `STAGES`, and skips none. The newest tag of the last stage names what is in
service. Every tag is announced by an entry of the audit log, whose hash it names.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

from oilcan.core.registry.model_tag import ModelTag
from oilcan.governance.audit_chain import AuditEntry

Stage = Literal["reviewed", "approved", "production"]
STAGES: Final[tuple[Stage, ...]] = ("reviewed", "approved", "production")
IN_SERVICE: Final = "production"
_ACTS: Final = {"approval", "rollback"}     # kinds of entries that announce tags


def version_at(tags: Iterable[ModelTag], commit: str) -> str | None:
    """The version that is registered at a commit; the newest if there are several."""
    return max((tag.version for tag in tags if tag.version and tag.commit == commit), key=_numbers, default=None)


def next_version(tags: Iterable[ModelTag], *, is_new_contract: bool) -> str:
    """The version after all that are registered: a new first number where the contract has a new version.

    Examples
    --------
    >>> tags = [ModelTag("demo_fleet@v1.0.0", "a", {}), ModelTag("demo_fleet@v1.1.0", "b", {})]
    >>> next_version(tags, is_new_contract=False), next_version(tags, is_new_contract=True), next_version(
    ...     [], is_new_contract=False)
    ('v1.2.0', 'v2.0.0', 'v1.0.0')
    """
    known = [_numbers(tag.version) for tag in tags if tag.version]
    if not known:
        return "v1.0.0"
    major, minor, _ = max(known)
    return f"v{major + 1}.0.0" if is_new_contract else f"v{major}.{minor + 1}.0"


def next_number(tags: Iterable[ModelTag]) -> int:
    """The next number of a stage's tag."""
    return max((tag.number for tag in tags), default=0) + 1


def in_service(tags: Iterable[ModelTag]) -> ModelTag | None:
    """The tag that names what should be in service; None before the first promotion."""
    return max((tag for tag in tags if tag.stage == IN_SERVICE), key=lambda tag: tag.number, default=None)


def before(tags: Sequence[ModelTag]) -> ModelTag | None:
    """The tag to go back to: what was promoted before what is in service, without what was rolled back since.

    Examples
    --------
    >>> tags = [ModelTag("f#production#1", "a", {}), ModelTag("f#production#2", "b", {})]
    >>> before(tags).commit, before([*tags, ModelTag("f#production#3", "a", {"act": "rollback"})])
    ('a', None)
    """
    stack: list[ModelTag] = []
    for tag in sorted((tag for tag in tags if tag.stage == IN_SERVICE), key=lambda tag: tag.number):
        while tag.fields.get("act") == "rollback" and stack and stack[-1].commit != tag.commit:
            stack.pop()
        if not stack or stack[-1].commit != tag.commit:
            stack.append(tag)
    return stack[-2] if len(stack) > 1 else None


def announced(entry: AuditEntry) -> list[str]:
    """Names of the tags that an entry announces: the tags are made after it, and name its hash."""
    if entry.kind not in _ACTS or "completes" in entry.detail:
        return []
    return list(entry.detail.get("tags", []))


def unfinished(log: Iterable[AuditEntry], dataset: str) -> AuditEntry | None:
    """The newest act on a data set's model whose tags were announced and that was not completed; None if there is none.

    An act that was begun after it replaces it.
    """
    entries = [entry for entry in log if entry.dataset == dataset]
    done = {entry.detail.get("completes") for entry in entries}
    last = next((entry for entry in reversed(entries) if announced(entry)), None)
    return last if last is not None and last.hash not in done else None


def tag_faults(tags: Sequence[ModelTag], log: Sequence[AuditEntry]) -> list[str]:
    """Forged, skipped, moved, missing and unfinished tags of one repository.

    Parameters
    ----------
    tags
        All tags of models.
    log
        The audit log, checked.
    """
    by_hash = {entry.hash: entry for entry in log}
    found = []
    for tag in sorted(tags, key=lambda tag: (tag.dataset, tag.number, tag.name)):
        fault = _forgery(tag, by_hash)
        found += [f"tag {tag.name}: {fault}"] if fault else []
        found += _skipped(tag, tags)
    found += _missing(tags, log)
    return found


def _forgery(tag: ModelTag, log: Mapping[str, AuditEntry]) -> str | None:
    entry = log.get(tag.fields.get("audit", ""))
    if "audit" not in tag.fields:
        return "forged (its message names no entry of the audit log; `oilcan promote` writes one)"
    if entry is None:
        return (f"names entry {tag.fields['audit'][:12]}..., which is not in the log: the log was cut, or the tag is "
                f"forged")
    if tag.name not in announced(entry):
        return f"forged (entry {entry.hash[:12]}..., {entry.title}, announces no such tag)"
    if (entry.commit, entry.bundle) != (tag.commit, tag.fields.get("bundle")):
        return (f"moved or forged (it names commit {tag.commit[:12]}, bundle {tag.fields.get('bundle', 'none')[:12]}; "
                f"approved was commit {str(entry.commit)[:12]}, bundle {str(entry.bundle)[:12]})")
    return None


def _skipped(tag: ModelTag, tags: Iterable[ModelTag]) -> list[str]:
    """What a tag of a stage lacks: its version, and the stages before it."""
    if tag.stage is None:
        return []
    if tag.stage not in STAGES:
        return [f"tag {tag.name}: unknown stage {tag.stage!r} (wanted {', '.join(STAGES)})"]
    same = [other for other in tags if other.dataset == tag.dataset and other.commit == tag.commit]
    missing: list[str] = [
        stage for stage in STAGES[:STAGES.index(tag.stage)]
        if not any(other.stage == stage and other.number < tag.number for other in same)]
    missing += [] if any(other.version for other in same) else ["a version"]
    return [f"tag {tag.name}: skipped {', '.join(missing)}"] if missing else []


def _missing(tags: Iterable[ModelTag], log: Iterable[AuditEntry]) -> list[str]:
    there = {tag.name for tag in tags}
    entries = list(log)
    done = {entry.detail.get("completes") for entry in entries}
    found = [f"tag {name}: deleted or not fetched (the log has it: {entry.title})"
             for entry in entries if entry.hash in done for name in announced(entry) if name not in there]
    half = [entry for dataset in sorted({entry.dataset or "" for entry in entries})
            if (entry := unfinished(entries, dataset)) is not None]
    return found + [f"tag {announced(entry)[-1]}: {entry.title} was interrupted. Run that command again, it goes on"
                    for entry in half]


def _numbers(version: str | None) -> tuple[int, ...]:
    return tuple(int(part) for part in str(version).removeprefix("v").split("."))

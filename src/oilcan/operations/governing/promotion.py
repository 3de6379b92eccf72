"""Promotion and rollback: a decision becomes a tag, and everything else follows the tag, in steps that can be repeated.

The order of the steps is the point. The audit log announces the tags; the tag of the last stage commits the decision;
the services switch; then the log notes that it is done. A command that was killed between any two steps goes on when it
runs again: each step first looks whether its effect is there.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from oilcan.core.registry.model_tag import ModelTag
from oilcan.governance import stage_order
from oilcan.governance.audit_chain import AuditEntry, Kind
from oilcan.governance.stage_order import STAGES, Stage
from oilcan.ground.errors import OilcanError
from oilcan.io.bundle.verdict_file import PROMOTE
from oilcan.io.registry import model_tags
from oilcan.io.repository.git_plumbing import file_at, git
from oilcan.operations.governing import audit_log
from oilcan.operations.governing.audit_log import Act
from oilcan.operations.governing.candidate import Candidate, candidate_at, publish
from oilcan.operations.governing.promoted_card import training_of, write_card
from oilcan.operations.governing.rollout import Serving, ask, laggards, listed_services, switch
from oilcan.operations.governing.server_check import check_server

Say = Callable[[str], None]
_VERDICT: Final = "models/bundle.verdict.json"


@dataclass(frozen=True)
class Decided:
    """What a promotion or rollback came to.

    Attributes
    ----------
    tag
        That names what is in service now, or the stage that was reached.
    laggards
        Services that do not follow yet, each with the reason; run the command again to reach them.
    """

    bundle: str
    dataset: str
    version: str
    tag: str
    laggards: tuple[str, ...]


def promote(root: Path, *, approver: str, reason: str, at: datetime, revision: str = "HEAD", to: Stage = "production",
            override: bool = False, server_check: bool = False, key: str | None = None,
            say: Say = lambda _: None) -> Decided:
    """Approve the model of a commit, tag it, and have the services follow.

    Parameters
    ----------
    approver, reason
        Who answers for it, and why it goes into service.
    at
        When, with a time zone; audit log and tags have it.
    revision
        The commit, in which `dvc.lock` and the verdict of the gate are committed.
    to
        Last stage to enter; the stages before it are entered first.
    override
        Promote although the gate decided hold or reject, or compared with another champion.
    server_check
        Start the real server with the bundle first, and compare its answers with the batch.
    key
        Of scope `admin`, for the services.
    say
        Hears the name of each step before it is done.

    Raises
    ------
    OilcanError
        If gate, approver or policy do not allow it; nothing is changed then.
    IntegrityError
        If the bundle is not the one that the commit records.
    """
    candidate = candidate_at(root, revision)
    tags = model_tags.model_tags(root, [candidate.dataset])
    refuse(candidate, tags, root, approver=approver, override=override)
    if to == stage_order.IN_SERVICE and not override:
        refuse_fallen(root, candidate, key)
    say("prove the bundle")
    folder = publish(root, candidate)
    server = "not checked"
    if server_check:
        say("start the server with it")
        server = check_server(folder)
    say("record the verdict")
    record_verdict(root, revision, at=at)
    say("record the approval")
    names = _new_tags(candidate, tags, to)
    log = audit_log.entries(root)
    announced = stage_order.unfinished(log, candidate.dataset)
    if announced is None or announced.kind != "approval" or announced.commit != candidate.commit:
        more = {"verdict": candidate.verdict.decision, "override": override, "server": server,
                "training": training_of(root, candidate.bundle)}
        announced = _announce(root, "approval", candidate.dataset, candidate.commit, candidate.bundle, names, approver,
                              reason, at, more) if names else None
    decided = _carry_out(root, candidate.dataset, announced, candidate.commit, at, key, approver, say)
    write_card(root, candidate)
    return decided


def roll_back(root: Path, *, dataset: str, by: str, reason: str, at: datetime, to: str | None = None,
              key: str | None = None, say: Say = lambda _: None) -> Decided:
    """Put the version before into service again, or the version `to`; the services follow.

    Parameters
    ----------
    to
        A version that was in service once, such as v1.0.0; None for the one before.

    Raises
    ------
    OilcanError
        If there is nothing to go back to.
    """
    say("record the rollback")
    announced = stage_order.unfinished(audit_log.entries(root), dataset)
    if announced is None or announced.kind != "rollback":
        tags = model_tags.model_tags(root, [dataset])
        goal, now = _goal(tags, dataset, to), stage_order.in_service(tags)
        if now is None or goal.commit != now.commit:
            name = f"{dataset}#{stage_order.IN_SERVICE}#{stage_order.next_number(tags)}"
            announced = _announce(root, "rollback", dataset, goal.commit, goal.fields["bundle"], [name], by, reason, at,
                                  {"from": now.name if now else None})
        else:
            announced = None
    commit = str(announced.commit) if announced is not None else goal.commit
    return _carry_out(root, dataset, announced, commit, at, key, by, say)


def record_verdict(root: Path, revision: str, *, at: datetime) -> str:
    """Record the gate's verdict on the model of a commit, whatever it is; hash of the entry. Once for each verdict."""
    candidate = candidate_at(root, revision)
    verdict = candidate.verdict
    content = file_at(root, candidate.commit, _VERDICT) or b""
    act = Act("gate", "review", f"{verdict.decision}: {'; '.join(verdict.reasons)}",
              key=f"{verdict.bundle} {hashlib.sha256(content).hexdigest()}", dataset=candidate.dataset,
              commit=candidate.commit, bundle=verdict.bundle,
              detail={"decision": verdict.decision, "champion": verdict.champion, "withheld": verdict.withheld})
    return audit_log.append(root, act, at=at)


def refuse(candidate: Candidate, tags: Sequence[ModelTag], root: Path, *, approver: str, override: bool) -> None:
    """Raise OilcanError with every reason why this candidate may not be promoted by this approver."""
    reasons = list(_against(candidate, stage_order.in_service(tags), root, approver, override=override))
    if reasons:
        raise OilcanError("\n".join([f"{candidate.commit[:12]}: this model may not go into service:",
                                     *(f"  - {reason}" for reason in reasons)]))


def refuse_fallen(root: Path, candidate: Candidate, key: str | None) -> None:
    """Raise OilcanError if a service has ended a canary of this candidate because of what it saw."""
    fallen = [f"{each.service.name}: {each.canary.fell_back}" for each in
              (ask(service, key) for service in listed_services(root, candidate.dataset))
              if each.canary is not None and each.canary.bundle == candidate.bundle and each.canary.fell_back]
    if fallen:
        raise OilcanError("\n".join([f"{candidate.commit[:12]}: its canary fell back:",
                                     *(f"  - {why}" for why in fallen),
                                     "Find out why, or take the responsibility with --override."]))


def _against(candidate: Candidate, now: ModelTag | None, root: Path, approver: str, *, override: bool
             ) -> Iterator[str]:
    verdict, rules = candidate.verdict, candidate.policy.approval
    if verdict.decision != PROMOTE and not override:
        yield (f"the gate decided {verdict.decision!r} ({'; '.join(verdict.reasons)}). Improve the model, or take the "
               f"responsibility with --override")
    serving = now.fields.get("bundle") if now else None
    if serving not in (None, verdict.bundle, verdict.champion) and not override:
        yield (f"the gate compared it with {str(verdict.champion)[:12]}, but {str(serving)[:12]} is in service. Run "
               f"`oilcan champion`, `dvc repro review`, and commit")
    if rules.required and not approver.strip():
        yield f"no approver is named. Name one with --approver ({rules.reason})"
    name, address = model_tags.author_of(root, candidate.commit)
    if rules.not_author and approver.strip().casefold() in {name.casefold(), address.casefold()}:
        yield f"{approver} is the author of the commit ({name} <{address}>). Ask another person ({rules.reason})"
    if rules.signed and not model_tags.can_sign(root):
        yield "the approval must be signed, and git has no key. Set `git config user.signingkey`"


def _new_tags(candidate: Candidate, tags: Sequence[ModelTag], to: Stage) -> list[str]:
    """Names of the tags that are still to be made for this candidate, in order."""
    here = [tag for tag in tags if tag.commit == candidate.commit]
    now, number = stage_order.in_service(tags), stage_order.next_number(tags)
    names = []
    if stage_order.version_at(tags, candidate.commit) is None:
        before = stage_order.in_service(tags)
        is_new = before is not None and before.fields.get("contract_version") != str(candidate.contract_version)
        names.append(f"{candidate.dataset}@{stage_order.next_version(tags, is_new_contract=is_new)}")
    for stage in STAGES[:STAGES.index(to) + 1]:
        is_there = any(tag.stage == stage for tag in here)
        if stage == stage_order.IN_SERVICE:
            is_there = now is not None and now.commit == candidate.commit
        if not is_there:
            names.append(f"{candidate.dataset}#{stage}#{number}")
            number += 1
    return names


def _announce(root: Path, kind: Kind, dataset: str, commit: str, bundle: str, names: Sequence[str], by: str,
              reason: str, at: datetime, more: Mapping[str, object]) -> AuditEntry:
    act = Act(kind, by, reason, dataset=dataset, commit=commit, bundle=bundle,
              detail={"tags": list(names), "signature": _way_to_sign(root), **more})
    recorded = audit_log.append(root, act, at=at)
    return next(entry for entry in audit_log.entries(root) if entry.hash == recorded)


def _carry_out(root: Path, dataset: str, announced: AuditEntry | None, commit: str, at: datetime, key: str | None,
               by: str, say: Say) -> Decided:
    """Make the tags that an entry announces, have the services follow, and note that it is done.

    Without an entry, everything but the services is done already.
    """
    if announced is not None:
        for name in stage_order.announced(announced):
            say(f"tag {name}")
            _tag(root, name, announced)
    decided = _follow(root, dataset, commit, at, key, by, say)
    if announced is not None:
        say("record that it is done")
        made = {name: git(root, "rev-parse", f"refs/tags/{name}") for name in stage_order.announced(announced)}
        kind: Kind = "rollback" if announced.kind == "rollback" else "promotion"
        audit_log.append(root, Act(kind, announced.by, announced.why, key=f"completes {announced.hash}",
                                   dataset=dataset, commit=announced.commit, bundle=announced.bundle,
                                   detail={"tags": made, "completes": announced.hash,
                                           "laggards": list(decided.laggards)}), at=at)
    return decided


def _tag(root: Path, name: str, announced: AuditEntry) -> None:
    candidate = candidate_at(root, str(announced.commit))
    signature = str(announced.detail["signature"])
    fields = {"act": announced.kind, "bundle": str(announced.bundle),
              "contract_version": str(candidate.contract_version), "by": announced.by,
              "why": announced.why or "no reason", "audit": announced.hash, "signature": signature}
    # GTO orders tags by their second, so each is at least one after the last; the log has the exact time
    newest = max((tag.at for tag in model_tags.model_tags(root, [candidate.dataset])), default=0)
    at = max(int(datetime.fromisoformat(announced.at).timestamp()), newest + 1)
    model_tags.make_tag(root, name, str(announced.commit), f"{announced.kind} of {name}", fields, by=announced.by,
                        at=at, sign=signature != "none")


def _follow(root: Path, dataset: str, commit: str, at: datetime, key: str | None, by: str, say: Say) -> Decided:
    """Have every service serve what is in service."""
    tags = model_tags.model_tags(root, [dataset])
    now = stage_order.in_service(tags)
    version = str(stage_order.version_at(tags, commit))
    last = max((tag for tag in tags if tag.commit == commit and tag.stage), key=lambda tag: tag.number, default=None)
    if now is None or now.commit != commit:
        bundle = last.fields["bundle"] if last else ""
        return Decided(bundle, dataset, version, last.name if last else "", ())
    standing: list[Serving] = []
    for service in listed_services(root, dataset):
        say(f"switch {service.name}")
        standing.append(switch(root, service, now, key, by=by, at=at))
    digest = now.fields["bundle"]
    return Decided(digest, dataset, version, now.name, tuple(laggards(standing, digest)))


def _goal(tags: Sequence[ModelTag], dataset: str, to: str | None) -> ModelTag:
    served = [tag for tag in tags if tag.stage == stage_order.IN_SERVICE]
    if to is None:
        goal = stage_order.before(tags)
    else:
        goal = next((tag for tag in reversed(served) if stage_order.version_at(tags, tag.commit) == to), None)
    if goal is None:
        known = sorted({str(stage_order.version_at(tags, tag.commit)) for tag in served})
        raise OilcanError(f"rollback: {dataset} has no {to or 'version before'} that was in service (found "
                          f"{', '.join(known) or 'none'}). Name one with --to, or promote another model.")
    return goal


def _way_to_sign(root: Path) -> str:
    """What tags are to be signed with: nothing where the user has named no key."""
    if not model_tags.can_sign(root):
        return "none"
    return "ssh" if git(root, "config", "--default", "openpgp", "--get", "gpg.format") == "ssh" else "gpg"

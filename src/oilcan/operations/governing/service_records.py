"""The service's own records in the audit log: keys, activations, decisions, acknowledgements; and erasing a person."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from oilcan.governance.audit_chain import Kind
from oilcan.ground.time_units import moment
from oilcan.io.stores import Store, open_store
from oilcan.io.stores.tables.audit_table import Entry
from oilcan.operations.governing import audit_log
from oilcan.operations.governing.audit_log import Act

_KINDS: Final[dict[str, Kind]] = {"key created": "key", "key revoked": "key", "decide": "decision",
                                  "setting models": "activation"}
CANARY_WATCH: Final = "canary watch"     # the service, where it ends a canary by itself
_NAMED: Final = "name in the audit log"
_MOST: Final = 1_000_000            # decisions: all there are
Random = Callable[[int], bytes]


def export(root: Path, url: str, *, now: datetime, random: Random) -> int:
    """Copy records of a service's store into the audit log, each once, persons by their pseudonym; how many are new.

    Parameters
    ----------
    url
        Address of the store.
    random
        `secrets.token_bytes`; makes pseudonyms, and the name of the store in the log.
    """
    store = open_store(url)
    try:
        known = len(audit_log.entries(root))
        audit_log.append_all(root, list(_acts(store, _microseconds(now), random)))
        return len(audit_log.entries(root)) - known
    finally:
        store.close()


def erase(root: Path, url: str, name: str, *, by: str, why: str, now: datetime, random: Random) -> int:
    """Erase a person from a service's store, and record that it was done, without the name; how many places had it.

    What was exported before names the person by a pseudonym whose key is gone now. The chain stays whole.

    Raises
    ------
    StoreError
        If a key of that name is in use, or nothing has that name.
    """
    store = open_store(url)
    try:
        pseudonym, places = store.people.erase(name, now=_microseconds(now), random=random)
    finally:
        store.close()
    audit_log.append(root, Act("erasure", by, why, detail={"person": pseudonym, "places": places}), at=now)
    return places


def _acts(store: Store, now: int, random: Random) -> Iterator[tuple[Act, datetime]]:
    """Every record as an act with a key of its own, oldest first."""
    place = store.settings.get(_NAMED)
    if place is None:
        place = f"store-{random(6).hex()}"
        store.settings.set(_NAMED, place, now)

    def person(name: str) -> str:
        return store.people.pseudonym(name, now=now, random=random)

    for number, entry in store.people.entries_after(0):
        yield _of_entry(entry, f"{place} audit {number}", person), moment(entry.at)
    for decision in reversed(store.decisions.newest(_MOST)):
        yield (Act("decision", person(decision.by), "; ".join(decision.reasons), key=f"{place} decision {decision.id}",
                   detail={"action": decision.action, "cause": decision.cause}), moment(decision.at))
    for alarm, at, by, task in store.people.acknowledgements():
        yield (Act("acknowledgement", person(by), f"alarm {alarm} of {task} was seen", key=f"{place} alarm {alarm}",
                   detail={"alarm": alarm, "task": task}), moment(at))


def _of_entry(entry: Entry, key: str, person: Callable[[str], str]) -> Act:
    kind = _KINDS.get(entry.action, "setting")
    detail: dict[str, Any] = {"action": entry.action}
    bundle = None
    if kind == "key":
        detail |= {"name": person(entry.detail["name"]), "scope": entry.detail.get("scope")}
    elif kind == "activation":          # digests alone: folders are paths of one machine
        value = entry.detail.get("value") or {}
        detail |= {name: (value.get(name) or {}).get("digest") for name in ("active", "previous", "shadow")}
        detail["share"] = (value.get("canary") or {}).get("share", 0.0)
        bundle = detail["active"]
        if entry.done_by == CANARY_WATCH:
            return Act("canary", CANARY_WATCH, f"fell back: {value.get('fell_back')}", key=key,
                       bundle=detail["shadow"], detail=detail)
    elif kind == "decision":
        detail |= entry.detail
    return Act(kind, person(entry.done_by), entry.action, key=key, bundle=bundle, detail=detail)


def _microseconds(at: datetime) -> int:
    return int(at.timestamp() * 1e6)

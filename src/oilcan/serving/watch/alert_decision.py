"""From alerts that ask for a decision to one record of it in the store."""

import logging
from typing import Any, Final

from oilcan.ground.errors import StoreError
from oilcan.io.stores import Store
from oilcan.io.stores.tables.decision_table import NewDecision, StoredDecision
from oilcan.serving.bodies.alertmanager_body import AlertGroup
from oilcan.serving.bodies.instants_json import written
from oilcan.serving.watch.live_watch import LiveWatch

_LOG: Final = logging.getLogger("oilcan")
_AGAIN_US: Final = 3_600_000_000        # the same alerts sent again within an hour are the same question


def decide_for(group: AlertGroup, watch: LiveWatch, store: Store, by: str, now: int) -> StoredDecision | None:
    """The decision that a group of alerts leads to; None if none of them asks for one.

    It fails closed: what cannot be read makes it `cannot_tell`, and without a store nothing is decided.

    Raises
    ------
    StoreError
        If the store cannot be read or written.
    """
    if not group.calling:
        return None
    from oilcan.operations.watching import deciding

    last = store.decisions.last_action()
    rules = None
    try:
        known = watch.judge_now()
        report, why, rules = known.report, known.why, known.rules
    except StoreError:
        raise
    except Exception as err:            # an error of the monitoring must not be taken for calm
        _LOG.exception("monitoring: no verdict for a decision")
        report, why = None, f"the monitoring failed: {type(err).__name__}"
    cause = group.cause
    if rules is None or report is None:
        unread = NewDecision(by, "cannot_tell", (why,), cause, {"asked_by": _asked(group)})
        return store.decisions.add(unread, now, again_us=_AGAIN_US)
    decision = deciding.decide_on(report, rules.decision, last_action=last, now=now)
    detail = deciding.detail_of(report) | {"asked_by": _asked(group)}
    return store.decisions.add(NewDecision(by, decision.action, decision.reasons, cause, detail), now,
                               again_us=_AGAIN_US)


def shown_decision(decision: StoredDecision) -> dict[str, Any]:
    """A decision as JSON has it."""
    return {"id": decision.id, "at": written(decision.at), "by": decision.by, "action": decision.action,
            "reasons": list(decision.reasons), "detail": decision.detail}


def shown_watch(watch: LiveWatch) -> dict[str, Any]:
    """The verdict in words, and the open alerts with their diagnosis."""
    known = watch.known
    if known.found is None or watch.is_stale:
        why = "the monitoring has stopped" if watch.is_stale else known.why
        return {"state": "unknown", "verdict": f"It is not known whether something has changed: {why}.", "alerts": []}
    return {"state": known.found.state, "verdict": known.found.verdict, "alerts": [
        {"severity": each.severity, "rule": each.rule, "subject": each.subject, "text": each.text}
        for each in known.found.alerts]}


def _asked(group: AlertGroup) -> list[str]:
    return sorted({alert.labels.get("alertname", "") for alert in group.calling})

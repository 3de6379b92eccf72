"""The recorded signals on which a retraining is decided: decisions in the store, retrainings in the audit log."""

import datetime
from pathlib import Path
from typing import Final

from oilcan.governance.retrain_choice import JudgedWindow, RetrainSignals
from oilcan.io.stores import Store
from oilcan.io.stores.tables.decision_table import StoredDecision
from oilcan.monitoring.window_axis import DAY_US
from oilcan.operations.governing.audit_log import entries

_MOST: Final = 1_000


def read_signals(root: Path, dataset: str, store: Store, *, now: int) -> RetrainSignals:
    """Decisions of the store by window, the newest first, and how long ago the last retraining was.

    Raises
    ------
    StoreError, DataError
        If the store or the audit log cannot be read: then nothing is retrained.
    """
    windows: dict[str, JudgedWindow] = {}
    for number, decision in enumerate(store.decisions.newest(_MOST)):
        name = str(decision.detail.get("window", f"decision {number}"))
        windows.setdefault(name, _window(name, decision, now))
    days = [(now / 1e6 - datetime.datetime.fromisoformat(entry.at).timestamp()) / 86_400
            for entry in entries(root) if entry.kind == "retrain" and entry.dataset == dataset]
    return RetrainSignals(list(windows.values()), min(days, default=None))


def _window(name: str, decision: StoredDecision, now: int) -> JudgedWindow:
    detail = decision.detail
    alerts = detail.get("learnable", len(detail["alerts"])) if "alerts" in detail else None
    return JudgedWindow(name, (now - decision.at) / DAY_US, alerts, detail.get("loss_at_least_eur"),
                        detail.get("age_days"))

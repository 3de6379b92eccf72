"""An incident is a page with what was in service at that moment, and an entry of the log."""

import re
from datetime import UTC, datetime

import pytest

from oilcan.ground.errors import OilcanError
from oilcan.operations.governing import audit_log
from oilcan.operations.governing.incident import STEPS, Incident, open_incident
from oilcan.operations.governing.promotion import promote

AT = datetime(2026, 5, 2, 7, 30, tzinfo=UTC)


def test_the_page_says_what_was_in_service_and_what_disagreed(registry):
    promote(registry.path, approver="Ada", reason="better", at=AT)
    what = Incident("Forecasts stand still, site North!", "No new forecast since six o'clock.", "Ben", "serious")
    page = open_incident(registry.path, what, at=AT)
    assert page.name == "2026-05-02-forecasts-stand-still-site-north.md"
    text = page.read_text(encoding="utf-8")
    assert "| in service then | v1.0.0, bundle " in text
    assert "models/champion.json names no bundle" in text
    assert all(f"- [ ] {step}" in text for step in STEPS["serious"])
    assert not re.search(r"\|\s*\|$", text.replace("| | |", ""), re.M), "an empty cell"
    entry = audit_log.entries(registry.path)[-1]
    assert (entry.kind, entry.by, entry.detail["page"]) == ("incident", "Ben", f"incidents/{page.name}")
    with pytest.raises(OilcanError, match="is there already"):
        open_incident(registry.path, what, at=AT)

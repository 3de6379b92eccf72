"""What do the data look like, in words and pictures for a plant engineer?

One self-contained page: no scripts, no outside files, the same bytes for the same verdict.
"""

from typing import Any, Final

import numpy as np

from oilcan.contract import Contract
from oilcan.core.phrasing.quantities import between, number, percent, unit_words
from oilcan.core.quality import Verdict
from oilcan.ground.columns import MACHINE
from oilcan.reports.rendering import html

SHOWN_MACHINES: Final = 40          # of the heat map; those with most missing rows
_STRIP: Final = 220                 # width of a range strip, px
_MAP_LEFT, _MAP_WIDTH = 120, 640    # of the heat map, px
_WHOLE: Final = 0.02                # share of missing rows below which a slice counts as whole

_DONE: Final = {
    "outside_range": ("Readings outside the physical range", "quarantined"),
    "stuck": ("Readings of a stuck sensor", "quarantined"),
    "spike_kept": ("Single readings that jump away and back", "kept: only the next reading shows it"),
    "gap": ("Gaps longer than usual between rows", "nothing is made up; see the map below"),
    "sensor_silent_on_a_machine": ("Machine and sensor without one reading", "stays missing"),
    "event_outside_the_machine_telemetry": ("Events before the first or after the last row", "kept"),
    "clock_ahead_of_the_fleet": ("Machines whose clock runs ahead of the fleet", "kept; check the clock"),
    "duplicate_row": ("Identical rows delivered twice", "one kept"),
    "row_out_of_order": ("Rows that arrived late", "sorted"),
}


def render(verdict: Verdict, contract: Contract) -> str:
    """The page as HTML.

    Parameters
    ----------
    verdict
        From `oilcan.core.quality.judge`.
    """
    metrics = verdict.metrics
    machines = [] if contract.time.kind == "none" else [(number(metrics["machines"]), "machines")]
    return html(
        "data_quality.html",
        name=contract.name,
        description=contract.description.strip(),
        version=contract.version,
        tiles=[
            (number(metrics["rows"]), "rows"), *machines,
            (number(metrics["sensors"]), "sensors"), (number(metrics["failures"]), "failures"),
            (percent(metrics["refused_share"]), "of rows refused"),
            (percent(metrics["missing_share"]), "of readings missing"),
            (percent(metrics["quarantined_share"]), "of readings quarantined"),
            (percent(metrics["gap_share"]), "of expected rows absent"),
        ],
        tables=[_table(name, counts) for name, counts in sorted(verdict.tables.items())],
        counts=[(_DONE[reason][0], number(count), _DONE[reason][1]) for reason, count in metrics["counts"].items()],
        sensors=[_sensor(str(name), found, contract) for name, found in verdict.sensors.iterrows()],
        width=_STRIP,
        **_heat_map(verdict),
    )  # fmt: skip


def _table(name: str, counts: dict[str, Any]) -> dict[str, str]:
    why = [f"{reason}: {number(rows)}" for word in ("excluded", "refused")
           for reason, rows in sorted(counts[word].items())]
    return {
        "name": name, "read": number(counts["read"]), "kept": number(counts["kept"]),
        "excluded": number(sum(counts["excluded"].values())), "refused": number(sum(counts["refused"].values())),
        "why": "; ".join(why),
    }  # fmt: skip


def _sensor(name: str, found: Any, contract: Contract) -> dict[str, Any]:
    spec = contract.tables["telemetry"].columns[name]
    low, high = spec.range or (None, None)
    quantiles = [found.get(f"q{q}") for q in (0.01, 0.5, 0.99)]
    strip, label = None, ""
    if low is not None and high is not None and not any(q is None or np.isnan(q) for q in quantiles):
        left, middle, right = (round((q - low) / (high - low) * _STRIP, 1) for q in quantiles)
        strip = (left, max(round(right - left, 1), 1.0), min(middle, _STRIP - 2.0))
        label = f"{between((quantiles[0], quantiles[2]))}{unit_words(spec.unit)}"
    nature = found["nature"] if isinstance(found["nature"], str) else "not judged"
    return {
        "name": name, "unit": unit_words(spec.unit).strip(), "missing": percent(found["missing_share"]),
        "outside": number(found["outside_range"]), "stuck": number(found["stuck"]), "spikes": number(found["spikes"]),
        "silent": number(found["silent_machines"]), "nature": nature, "strip": strip, "label": label,
        "low": "" if low is None else number(low), "high": "" if high is None else number(high),
    }  # fmt: skip


def _heat_map(verdict: Verdict) -> dict[str, Any]:
    """Cells (x, y, width, opacity; opacity 0 where nothing is missing) of the machines with most missing rows."""
    presence = verdict.presence
    if presence.shape[1] == 0:
        return {"labels": []}
    order = np.argsort(-verdict.machines["missing_rows"].to_numpy(), kind="stable")[:SHOWN_MACHINES]
    order = np.sort(order)
    full = np.maximum(np.median(presence, axis=0), 1.0)     # (slices,) rows of a machine that reports as most do
    cells = [cell for place, machine in enumerate(order) for cell in _cells(presence[machine], full, place * 12 + 1)]
    machines = verdict.machines[MACHINE].to_numpy()
    return {
        "cells": cells, "labels": [(machines[m], i * 12 + 10) for i, m in enumerate(order)],
        "height": len(order) * 12, "shown": len(order), "hidden": len(machines) - len(order),
        "begin": verdict.span[0], "end": verdict.span[1],
    }  # fmt: skip


def _cells(counts: np.ndarray, full: np.ndarray, y: int) -> list[tuple[str, int, str, float]]:
    """One machine from its first to its last row; neighbours of one shade are one rectangle."""
    alive = np.flatnonzero(counts)
    if not len(alive):
        return []
    inside = slice(alive[0], alive[-1] + 1)
    missing = 1 - np.minimum(counts[inside] / full[inside], 1.0)
    missing[[0, -1]] = 0.0              # the slices in which a life begins or ends are not full by nature
    opacity = np.where(missing < _WHOLE, 0.0, np.round(0.2 + 0.8 * np.sqrt(missing), 2))
    starts = np.flatnonzero(np.diff(opacity, prepend=-1.0))
    ends = np.append(starts[1:], len(opacity))
    width = _MAP_WIDTH / len(counts)
    return [(f"{_MAP_LEFT + (alive[0] + a) * width:.1f}", y, f"{(b - a) * width:.1f}", float(opacity[a]))
            for a, b in zip(starts, ends, strict=True)]

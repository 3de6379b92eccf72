"""Findings as figures: the few that commits are compared by, all of them, and the curves for `dvc plots`."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from oilcan.core.exploration.fleet_findings import Exploration
from oilcan.core.exploration.warnings.warning_signs import ModeSigns, announceable
from oilcan.ground.time_units import in_unit


def headlines(found: Exploration) -> dict[str, Any]:
    """At most five figures: failures, modes that warn, the earliest warning, what can be announced, pitfalls."""
    unit = found.fleet.unit
    shares = [share for share in found.announceable.values() if share is not None]
    weights = [mode.failures for mode in found.modes if found.announceable[mode.mode] is not None]
    figures: dict[str, Any] = {
        "failures": found.clusters["failures"],
        "modes_with_warning": sum(earliest(mode) > 0 for mode in found.modes),
        f"earliest_warning_{unit}": in_unit(max((earliest(mode) for mode in found.modes), default=0.0), unit),
        "pitfalls": len(found.pitfalls),
    }
    if shares and sum(weights):
        figures["announceable_share"] = float(np.average(shares, weights=weights))
    return figures


def earliest(mode: ModeSigns) -> float:
    """The earliest warning of a mode in a sensor or an error code [ticks]; 0 if there is none."""
    return max([sign.lead for sign in mode.sensors] + [code.lead for code in mode.codes], default=0.0)


def detail(found: Exploration) -> dict[str, Any]:
    """Everything but curves, as JSON: no NaN, no infinity."""
    return _plain({
        "holdings": found.holdings,
        "lives": [{"mode": lives.mode, "machines": lives.kind, "lives": lives.lives, "failed": lives.failed,
                   "fit": asdict(lives.fit) | {"cause": lives.fit.cause} if lives.fit else None,
                   "renewal": lives.renewal, "repair_median": lives.repair_median} for lives in found.lives],
        "kinds": [asdict(kind) for kind in found.kinds], "clusters": found.clusters,
        "failure_patterns": [asdict(pattern) for pattern in found.patterns], "maintenance_rhythm": found.rhythm,
        "warnings": {mode.mode: _signs(mode) | {"announceable_share": found.announceable[mode.mode]}
                     for mode in found.modes},
        "recommendations": [asdict(item) for item in found.recommendations],
        "sensors": [asdict(fact) for fact in found.sensors],
        "same_sensors": found.same, "fleet_changes": found.changes, "sampling": found.sampling,
        "regimes": found.regimes, "trends_before_failures": found.trends,
        "pitfalls": [asdict(pitfall) for pitfall in found.pitfalls], "labels": found.labels,
    })  # fmt: skip


def _signs(mode: ModeSigns) -> dict[str, Any]:
    return {
        "failures": mode.failures,
        "sensors": {sign.sensor: {"lead": sign.lead, "half_lead": sign.half_lead, "half_lead_ci95": sign.half_lead_ci95,
                                  "separation": sign.separation}
                    for sign in mode.sensors},
        "codes": {code.code: {"before_failures": code.before_failures, "expected": code.expected, "lift": code.lift,
                              "lift_ci95": code.lift_ci95, "lead": code.lead} for code in mode.codes},
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """Python's own types; NaN and infinity become null."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def plots(found: Exploration) -> dict[str, pd.DataFrame]:
    """Survival curves by component, and the share of failures with a sign by lead, in days, cycles or running time."""
    scale = found.fleet.grain
    curves = [
        pd.DataFrame(lives.curve).assign(component=lives.mode)
        for lives in found.lives
        if lives.kind == "all" and lives.curve
    ]
    life = (
        pd.concat(curves, ignore_index=True)
        if curves
        else pd.DataFrame(columns=["life", "share", "low", "high", "component"])
    )
    life["life"] = life["life"].astype(np.float64) / scale
    lines = [
        {
            "mode": mode.mode,
            "lead": float(lead) / scale,
            "share": announceable(mode, lead=float(lead), horizon=float(mode.aligned.edges[-1])),
        }
        for mode in found.modes
        if mode.sensors
        for lead in mode.aligned.edges[:-1]
    ]
    return {"life_curves": life, "warning_by_lead": pd.DataFrame(lines, columns=["mode", "lead", "share"])}

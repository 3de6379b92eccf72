"""From warning signs to words of the contract: horizon, lead time, windows, cap, refractory, with the evidence."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from oilcan.core.exploration.warnings.warning_signs import ModeSigns, announceable
from oilcan.core.phrasing.quantities import span
from oilcan.ground.time_units import in_ticks, in_unit

_ROUND: Final = np.outer(10.0 ** np.arange(-3, 7), [1, 1.5, 2, 3, 4, 5, 7.5]).ravel()
KEPT: Final = 0.9  # a longer lead time is fine while this share of what is announceable stays so


@dataclass(frozen=True)
class Recommendation:
    """One word of the contract: what it should be [ticks], what it is there, and why."""

    word: str
    value: float | list[float]
    current: float | list[float] | None
    why: str


def recommend(
    modes: list[ModeSigns], median_life: float | None, *, period: float, unit: str,
    current: dict[str, float | list[float] | None],
) -> list[Recommendation]:  # fmt: skip
    """Words with evidence; none where no mode shows a warning.

    Parameters
    ----------
    current
        What the contract says now, by word; None or absent where it says nothing.
    """
    leads = {m.mode: max([s.lead for s in m.sensors] + [c.lead for c in m.codes], default=0.0) for m in modes}
    halves = [lead for m in modes for lead in _leads(m)]
    warned = {mode: lead for mode, lead in leads.items() if lead > 0}
    if not warned or not halves:
        return []
    usual = float(np.median([max(_leads(m)) for m in modes if _leads(m)]))

    def words(ticks: float) -> str:
        return span(in_unit(ticks, unit), unit)

    horizon = _nice(usual, unit)
    lead = _lead(modes, horizon, period, unit)
    windows = sorted({_nice(max(usual * share, 3 * period), unit) for share in (1 / 3, 1.0, 2.5)})
    longest = max(warned, key=lambda mode: warned[mode])
    found = [
        Recommendation(
            "horizon",
            horizon,
            current.get("horizon"),
            f"half of the final deviation is there about {words(usual)} before failures",
        ),
        Recommendation(
            "lead_time",
            lead,
            current.get("lead_time"),
            f"of what can be announced at all, nine tenths still can with {words(lead)} of lead",
        ),
        Recommendation(
            "windows",
            list(windows),
            current.get("windows"),
            f"signs build up over {words(min(halves))} to {words(max(halves))}",
        ),
        Recommendation(
            "refractory", horizon + lead, current.get("refractory"), "one failure should not be announced twice"
        ),
    ]
    if median_life:
        cap = _nice(min(max(3 * warned[longest], 2 * horizon), median_life), unit)
        found.append(
            Recommendation(
                "cap", cap, current.get("cap"), f"no sign is older than {words(warned[longest])} ({longest})"
            )
        )
    return found


def _leads(mode: ModeSigns) -> list[float]:
    """Leads of a mode's signs: half of the way for sensors, the farthest for error codes."""
    return [s.half_lead for s in mode.sensors if s.half_lead] + [c.lead for c in mode.codes if c.lead]


def _lead(modes: list[ModeSigns], horizon: float, period: float, unit: str) -> float:
    """The longest lead time at which nine tenths of what can be announced still can."""
    weights = np.array([m.failures for m in modes], dtype=np.float64)

    def share(lead: float) -> float:
        shares = [announceable(m, lead=lead, horizon=horizon) or 0.0 for m in modes]
        return float(np.average(shares, weights=weights)) if weights.sum() else 0.0

    whole = share(0.0)
    tried = [lead for lead in (period * step for step in (1, 2, 4, 6, 8, 12, 18, 24, 36, 48)) if lead <= horizon / 3]
    good = [lead for lead in tried if whole and share(lead) >= KEPT * whole]
    return _nice(max(good, default=period), unit, down=True)


def _nice(value: float, unit: str, *, down: bool = False) -> float:
    """A length people would choose: whole days from two days on, else one of 1, 2, 3, 4, 6, 8, 12, 24, 36 hours.

    Of running time one of 1, 1.5, 2, 3, 4, 5, 7.5, 10, ... of its unit.

    Examples
    --------
    >>> _nice(70.3, "h"), _nice(10.5, "h", down=True), _nice(33.4, "cycles")
    (72.0, 8.0, 30.0)
    >>> round(_nice(55 / 3600, "s") * 3600)         # ticks of running time are hours
    50
    """
    if unit not in {"h", "cycles"}:
        return in_ticks(_nearest(in_unit(value, unit), _ROUND, down=down), unit)
    if unit == "h" and value >= 48:
        days = value / 24
        return 24.0 * (np.floor(days) if down else max(2.0, round(days)))
    steps = np.array(
        [1, 2, 3, 4, 6, 8, 12, 24, 36, 48]
        if unit == "h"
        else [1, 2, 3, 5, 10, 15, 20, 30, 40, 50, 75, 100, 125, 150, 200, 300],
        dtype=np.float64,
    )
    return _nearest(value, steps, down=down)


def _nearest(value: float, steps: np.ndarray, *, down: bool) -> float:
    if down:
        return float(max(steps[steps <= value], default=steps[0]))
    return float(steps[int(np.abs(np.log(steps / max(value, 1e-9))).argmin())])

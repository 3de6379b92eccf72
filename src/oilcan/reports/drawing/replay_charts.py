"""Pictures of a replay: the year as lanes, one for each policy, and what each policy had cost by each week."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.reports.drawing.svg import Axis, Drawing, Series

STYLES: Final = {"never": "s1", "monthly": "s2", "drift": "s0", "both": "s6", "monthly-ungated": "s2 dashed",
                 "drift-ungated": "s0 dashed", "both-ungated": "s6 dashed"}
_WIDTH, _LEFT, _RIGHT, _LANE, _TOP = 1120.0, 190.0, 16.0, 84.0, 26.0
_ROWS: Final = {"caught": 20.0, "missed": 20.0, "false": 38.0, "happening": 58.0}
_SQUARE: Final = "\u25a0"
_SIGNS: Final = {"retrain": "\u25b2", "promote": "\u2714", "hold": _SQUARE, "reject": _SQUARE, "untrainable": _SQUARE,
                 "rollback": "\u21b6", "alert": "\u25c6"}
_BESIDE: Final = dict.fromkeys(("promote", "hold", "reject", "untrainable"), 11.0)      # right of the retraining
_SIGN_STYLE: Final = {"retrain": "s6", "promote": "s0", "rollback": "s1", "alert": "s2"}
Run = Mapping[str, Any]


def year_lanes(runs: Sequence[Run], words: Mapping[str, str], begins: str, ends: str,
               change: Mapping[str, str] | None) -> str:
    """SVG of the whole operation, one lane for each policy of one seed."""
    span = pd.Timestamp(begins), pd.Timestamp(ends)
    height = _TOP + _LANE * len(runs) + 24
    parts = [_months(*span, height)]
    if change is not None:
        at = _across(change["at"], *span)
        parts.append(f'<line class="upright" x1="{at:.1f}" y1="{_TOP - 8:.0f}" x2="{at:.1f}" y2="{height - 24:.0f}"/>'
                     f'<text class="note" x="{at + 4:.1f}" y="{_TOP - 12:.0f}">the world changes</text>')
    for lane, run in enumerate(runs):
        parts.append(_lane(run, words[run["policy"]], _TOP + lane * _LANE, *span))
    return (f'<svg class="lanes" viewBox="0 0 {_WIDTH:g} {height:g}" role="img"><title>The year by policy</title>'
            f'{"".join(parts)}</svg>')


def _lane(run: Run, words: str, top: float, begins: pd.Timestamp, ends: pd.Timestamp) -> str:
    parts = [f'<line class="grid" x1="0" y1="{top:.1f}" x2="{_WIDTH - _RIGHT:.1f}" y2="{top:.1f}"/>'
             f'<text class="label" x="0" y="{top + 24:.1f}">{escape(words.partition(", ")[0])}</text>'
             f'<text x="0" y="{top + 41:.1f}">{escape(words.partition(", ")[2])}</text>'
             f'<text x="0" y="{top + 62:.1f}">{run["caught"]} of {run["failures"]} caught, {run["false_alarms"]} false'
             f'</text>']
    for event in run["events"]:
        x, y = _across(event["at"], begins, ends), top + _ROWS[event["kind"]]
        if event["kind"] == "false":
            parts.append(f'<line class="falsely" x1="{x:.1f}" y1="{y - 4:.1f}" x2="{x:.1f}" y2="{y + 4:.1f}"/>')
            continue
        style = "s0" if event["kind"] == "caught" else "s1"
        early = f", announced {event['lead_h']:.0f} h before" if event["lead_h"] is not None else ", missed"
        parts.append(f'<circle class="dot {style}" cx="{x:.1f}" cy="{y:.1f}" r="3.6"><title>'
                     f'{escape(event["machine_id"])}, {event["at"][:10]}{early}</title></circle>')
    for each in run["happenings"]:
        sign = _SIGNS.get(each["kind"])
        if sign is not None:
            x = _across(each["at"], begins, ends) + _BESIDE.get(each["kind"], 0.0)
            parts.append(f'<text class="sign {_SIGN_STYLE.get(each["kind"], "ghost")}" x="{x:.1f}" '
                         f'y="{top + _ROWS["happening"]:.1f}" text-anchor="middle">{sign}<title>{each["at"][:10]}, '
                         f'{each["kind"]}: {escape(each["words"][:300])}</title></text>')
    return "".join(parts)


def _months(begins: pd.Timestamp, ends: pd.Timestamp, height: float) -> str:
    days = (ends - begins).days
    marks = (pd.date_range(begins.normalize() + pd.offsets.MonthBegin(0), ends, freq="MS") if days > 70
             else pd.date_range(begins.normalize(), ends, freq="7D"))
    form = "%b" if days > 70 else "%d %b"
    parts = []
    for mark in marks:
        x = _across(mark.isoformat(), begins, ends)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{_TOP:.1f}" x2="{x:.1f}" y2="{height - 24:.1f}"/>'
                     f'<text x="{x + 3:.1f}" y="{height - 8:.1f}">{mark.strftime(form)}</text>')
    return "".join(parts)


def _across(at: str, begins: pd.Timestamp, ends: pd.Timestamp) -> float:
    share = (pd.Timestamp(at) - begins) / (ends - begins)
    return _LEFT + min(max(share, 0.0), 1.0) * (_WIDTH - _LEFT - _RIGHT)


def cost_lines(runs: Sequence[Run], words: Mapping[str, str], begins: str, change: Mapping[str, str] | None) -> str:
    """Cumulated cost of each policy, mean of the seeds."""
    series = []
    for name in dict.fromkeys(run["policy"] for run in runs):
        mean = np.mean([run["weekly_cost_eur"] for run in runs if run["policy"] == name], axis=0)
        series.append(Series(words[name], np.arange(len(mean) + 1.0), np.concatenate([[0.0], np.cumsum(mean)]),
                             STYLES[name]))
    upright = []
    if change is not None:
        upright = [((pd.Timestamp(change["at"]) - pd.Timestamp(begins)).days / 7.0, "the world changes")]
    return Drawing("Cost so far by policy", Axis("weeks of operation", low=0.0), Axis("EUR so far", low=0.0), series,
                   upright).svg()

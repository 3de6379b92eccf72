"""Pictures of the exploration page as Vega-Lite: zoom, hover and filter on screen, plain drawings on paper.

Colours are the variables of the page's style, so one drawing serves light, dark and paper. Series are named, never only
coloured.
"""

from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Time
from oilcan.core.exploration.fleet_findings import Exploration
from oilcan.core.exploration.sensor_behaviour import fleet_mean
from oilcan.core.exploration.warnings.warning_signs import ModeSigns, announceable
from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.time_units import ELAPSED_UNITS

Spec = dict[str, Any]
_DIGITS: Final = 4
_LINES: Final[Spec] = {"legend": {"orient": "top", "title": None, "symbolType": "stroke", "symbolOpacity": 1}}
_MOST_SENSORS: Final = 30  # in the correlation picture and the spreads


def time_line(found: Exploration) -> Spec:
    """A line per machine, with its errors, work and failures; zoom by dragging or scrolling, or choose one machine."""
    spans, events = found.time_lines
    time = found.fleet.contract.time
    is_date = time.kind == "instant"
    x = {"type": "temporal" if is_date else "quantitative",
         "title": None if is_date else time.unit if time.kind == "elapsed" else "cycle"}
    order = {"what": ["error", "maintenance", "failure"]}
    spans = spans.assign(**{name: _when(spans[name], time) for name in ("from", "to")})
    events = events.assign(time=_when(events["time"], time)) if len(events) else events
    names = list(dict.fromkeys(spans["machine"]))
    chosen = [{"filter": "chosen === null || datum.machine === chosen"}]
    return {
        "height": {"step": 9}, "width": "container",
        "params": [{"name": "chosen", "value": None, "bind": {
            "input": "select", "options": [None, *names], "labels": ["all machines", *names], "name": "show "}}],
        "layer": [
            {"data": {"values": _rows(spans)}, "transform": chosen,
             "mark": {"type": "rule", "size": 3, "opacity": 0.25, "color": "var(--ink)"},
             "encoding": {"x": {"field": "from", **x, "axis": {"orient": "top"}}, "x2": {"field": "to"},
                          "y": {"field": "machine", "type": "nominal", "axis": {"title": None, "labelFontSize": 8}},
                          "tooltip": [{"field": "machine"}, {"field": "from", **x, "title": "first reading"},
                                      {"field": "to", **x, "title": "last reading"}]}},
            {"data": {"values": _rows(events)}, "transform": chosen, "mark": {"type": "point", "filled": True},
             "params": [{"name": "zoom", "select": {"type": "interval", "encodings": ["x"]}, "bind": "scales"},
                        {"name": "kind", "select": {"type": "point", "fields": ["what"]}, "bind": "legend"}],
             "encoding": {
                 "x": {"field": "time", **x, "axis": {"orient": "top"}}, "y": {"field": "machine", "type": "nominal"},
                 "color": {"field": "what", "type": "nominal", "sort": order["what"],
                           "legend": {"orient": "top", "title": "click a kind to show it alone"},
                           "scale": {"domain": order["what"], "range": ["var(--quiet)", "var(--s0)", "var(--s1)"]}},
                 "shape": {"field": "what", "type": "nominal",
                           "scale": {"domain": order["what"], "range": ["circle", "square", "triangle-down"]}},
                 "size": {"condition": {"test": "datum.what === 'failure'", "value": 60}, "value": 16},
                 "opacity": {"condition": {"param": "kind", "value": 0.9}, "value": 0.05},
                 "tooltip": [{"field": "machine"}, {"field": "time", **x}, {"field": "what"}, {"field": "which"}]}},
        ],
    }  # fmt: skip


def survival(found: Exploration) -> Spec | None:
    """Share of lives longer than each length, by component, with 95 % bands."""
    rows = []
    for lives in (one for one in found.lives if one.kind == "all" and one.curve):
        curve = pd.DataFrame(lives.curve)
        if len(curve) > 300:
            curve = curve.iloc[np.unique(np.linspace(0, len(curve) - 1, 300).astype(int))]
        rows += _rows(curve.assign(life=curve["life"] / found.fleet.grain, component=lives.mode))
    if not rows:
        return None
    x = {"field": "life", "type": "quantitative", "title": f"life [{found.fleet.grain_words}]"}
    colour = {"field": "component", "type": "nominal", **_LINES}
    return {
        "height": 280, "width": "container", "data": {"values": rows},
        "layer": [
            {"mark": {"type": "area", "opacity": 0.12, "interpolate": "step-after"},
             "encoding": {"x": x, "color": colour, "y": {"field": "low", "type": "quantitative"},
                          "y2": {"field": "high"}}},
            {"mark": {"type": "line", "interpolate": "step-after"},
             "params": [{"name": "one", "select": {"type": "point", "fields": ["component"]}, "bind": "legend"}],
             "encoding": {"x": x, "color": colour, "opacity": {"condition": {"param": "one", "value": 1}, "value": 0.1},
                          "y": {"field": "share", "type": "quantitative", "title": "share still alive",
                                "axis": {"format": "%"}, "scale": {"domain": [0, 1]}},
                          "tooltip": [{"field": "component"}, {**x, "format": ".0f"},
                                      {"field": "share", "format": ".0%"}]}},
        ],
    }  # fmt: skip


def before_failures(found: Exploration, mode: ModeSigns) -> Spec | None:
    """Sensors that warn of one failure mode: mean difference from matched times by lead, with bands over machines."""
    lead = mode.aligned.lead / found.fleet.grain
    rows = []
    shown = sorted((s for s in mode.sensors if s.lead > 0), key=lambda s: -np.nanmax(np.abs(s.difference)))[:6]
    for sign in shown:
        table = pd.DataFrame({"lead": lead, "mean": sign.difference, "low": sign.low, "high": sign.high})
        rows += _rows(table.assign(sensor=found.fleet.describe(sign.sensor)[0]).dropna())
    if not rows:
        return None
    x = {
        "field": "lead",
        "type": "quantitative",
        "title": f"before the failure [{found.fleet.grain_words}]",
        "scale": {"reverse": True},
    }
    colour = {"field": "sensor", "type": "nominal", **_LINES}
    return {
        "height": 200, "width": "container", "data": {"values": rows},
        "layer": [
            {"mark": {"type": "area", "opacity": 0.15},
             "encoding": {"x": x, "color": colour, "y": {"field": "low", "type": "quantitative"},
                          "y2": {"field": "high"}}},
            {"mark": "line",
             "encoding": {"x": x, "color": colour, "strokeDash": {"field": "sensor", "type": "nominal", "legend": None},
                          "y": {"field": "mean", "type": "quantitative", "title": "standard deviations from usual"},
                          "tooltip": [{"field": "sensor"}, {**x, "format": ".1f"},
                                      {"field": "mean", "format": ".2f"}]}},
            {"mark": {"type": "rule", "strokeDash": [3, 3], "color": "var(--ink)"}, "encoding": {"y": {"datum": 0}}},
        ],
    }  # fmt: skip


def announced_by_lead(found: Exploration) -> Spec | None:
    """Share of failures that show a sign at each lead or earlier, by mode: what a forecast could announce."""
    rows = []
    for mode in (m for m in found.modes if m.sensors):
        whole = float(mode.aligned.edges[-1])
        for lead in mode.aligned.edges[:-1]:
            share = announceable(mode, lead=float(lead), horizon=whole)
            rows.append({"mode": mode.mode, "lead": round(float(lead) / found.fleet.grain, 3), "share": share})
    if not rows:
        return None
    colour = {"field": "mode", "type": "nominal", **_LINES}
    return {
        "height": 240, "width": "container", "data": {"values": rows}, "mark": {"type": "line", "point": False},
        "encoding": {"x": {"field": "lead", "type": "quantitative",
                           "title": f"lead time asked for [{found.fleet.grain_words}]"},
                     "y": {"field": "share", "type": "quantitative", "title": "failures with a sign",
                           "axis": {"format": "%"}, "scale": {"domain": [0, 1]}},
                     "color": colour, "strokeDash": {"field": "mode", "type": "nominal", **_LINES},
                     "tooltip": [{"field": "mode"}, {"field": "lead"}, {"field": "share", "format": ".0%"}]},
    }  # fmt: skip


def spreads(found: Exploration, kinds: list[str]) -> Spec | None:
    """Where the middle half and nine tenths of each sensor lie, for all machines and by each kind (model, site)."""
    fleet = found.fleet
    names = [fact.name for fact in found.sensors if fact.verdict not in {"constant", "never there"}][:_MOST_SENSORS]
    groups = [("all", np.arange(len(fleet.readings)))]
    for kind in kinds:
        of = fleet.readings[MACHINE].map(fleet.machines.set_index(MACHINE)[kind].astype(str))
        groups += [(f"{kind} {value}", at) for value, at in sorted(of.groupby(of).indices.items())]
    rows = []
    for name in names:
        words, unit = fleet.describe(name)
        column = fleet.readings[name].to_numpy(dtype=np.float64, na_value=np.nan)
        for value, at in groups:
            there = column[at]
            there = there[~np.isnan(there)]
            if len(there):
                low, first, middle, third, high = np.quantile(there, [0.05, 0.25, 0.5, 0.75, 0.95])
                rows.append(
                    {
                        "sensor": f"{words} [{unit}]",
                        "kind": value,
                        "low": _short(low),
                        "first": _short(first),
                        "middle": _short(middle),
                        "third": _short(third),
                        "high": _short(high),
                    }
                )
    if not rows:
        return None
    y = {"field": "kind", "type": "nominal", "title": None, "sort": None}
    return {
        "data": {"values": rows}, "columns": 3, "resolve": {"scale": {"x": "independent"}},
        "facet": {"field": "sensor", "type": "nominal", "title": None, "header": {"labelLimit": 260}},
        "spec": {"width": 240, "height": {"step": 16}, "layer": [
            {"mark": {"type": "rule", "color": "var(--ink)"}, "encoding": {"y": y, "x2": {"field": "high"}, "x": {
                "field": "low", "type": "quantitative", "title": None, "scale": {"zero": False}}}},
            {"mark": {"type": "bar", "height": 8, "opacity": 0.6, "color": "var(--s0)"},
             "encoding": {"y": y, "x": {"field": "first", "type": "quantitative"}, "x2": {"field": "third"},
                          "tooltip": [{"field": field} for field in ("kind", "low", "first", "middle", "third",
                                                                     "high")],
                          }},
            {"mark": {"type": "tick", "thickness": 2, "size": 12, "color": "var(--s1)"},
             "encoding": {"y": y, "x": {"field": "middle", "type": "quantitative"}}},
        ]},
    }  # fmt: skip


def correlations(found: Exploration) -> Spec | None:
    """How sensors move together within machines, conditions taken out."""
    names = [found.fleet.describe(name)[0] for name in found.signals.sensors][:_MOST_SENSORS]
    if len(names) < 2:
        return None
    rows = [
        {"one": names[i], "other": names[j], "r": round(float(found.correlation[i, j]), 2),
         "size": round(abs(float(found.correlation[i, j])), 2)}
        for i in range(len(names))
        for j in range(len(names))
    ]
    axis = {"type": "nominal", "sort": names, "title": None, "axis": {"labelLimit": 150}}
    return {
        "data": {"values": rows}, "mark": "rect", "width": {"step": 22}, "height": {"step": 22},
        "encoding": {"x": {"field": "one", **axis}, "y": {"field": "other", **axis},
                     "color": {"condition": {"test": "datum.r < 0", "value": "var(--s6)"}, "value": "var(--s1)"},
                     "opacity": {"field": "size", "type": "quantitative", "legend": None,
                                 "scale": {"domain": [0, 1], "range": [0, 1]}},
                     "tooltip": [{"field": "one"}, {"field": "other"}, {"field": "r"}]},
    }  # fmt: skip


def fleet_course(found: Exploration) -> Spec | None:
    """The whole fleet's weekly mean of each sensor with conditions taken out: trends, seasons, steps."""
    if found.fleet.unit != "h" or TIME not in found.fleet.readings:
        return None
    week = np.floor(found.fleet.tick / 168)
    rows = []
    for at, name in enumerate(found.signals.sensors[:12]):
        weeks, means = fleet_mean(found.signals.values[:, at], week)
        days = pd.to_datetime(weeks * 7, unit="D").strftime("%Y-%m-%d")
        rows += [{"sensor": found.fleet.describe(name)[0], "week": day, "mean": round(float(mean), 3)}
                 for day, mean in zip(days, means, strict=True)]  # fmt: skip
    if not rows:
        return None
    return {
        "data": {"values": rows}, "columns": 3,
        "facet": {"field": "sensor", "type": "nominal", "title": None, "header": {"labelLimit": 260}},
        "spec": {"width": 240, "height": 90, "mark": {"type": "line", "color": "var(--s0)"}, "encoding": {
            "x": {"field": "week", "type": "temporal", "title": None},
            "y": {"field": "mean", "type": "quantitative", "title": None},
            "tooltip": [{"field": "week", "type": "temporal"}, {"field": "mean"}]}},
    }  # fmt: skip


def _when(column: pd.Series, time: Time) -> pd.Series:
    if time.kind == "elapsed":
        return column.dt.as_unit("us").astype("int64") / ELAPSED_UNITS[time.unit]
    return column.dt.strftime("%Y-%m-%dT%H:%M") if column.dtype.kind == "M" else column


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    numbers = table.select_dtypes("number").columns
    return list(table.assign(**{name: table[name].round(_DIGITS) for name in numbers}).to_dict("records"))


def _short(value: float) -> float:
    return float(f"{value:.5g}")

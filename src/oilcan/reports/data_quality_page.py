"""What do the data look like, in words and pictures for a plant engineer?

One self-contained page: no scripts, no outside files, the same bytes for the same verdict.
"""

from typing import Any, Final

import jinja2
import numpy as np

from oilcan.contract import Contract
from oilcan.core.quality import Verdict
from oilcan.ground.columns import MACHINE

SHOWN_MACHINES: Final = 40          # of the heat map; those with most missing rows
_STRIP: Final = 220                 # width of a range strip, px

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Data quality: {{ name }}</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1c2530}
h1{margin-bottom:0}h2{margin-top:2.2rem}table{border-collapse:collapse;width:100%}
th,td{padding:.25rem .6rem;border-bottom:1px solid #dde3e8;text-align:right;vertical-align:middle}
th:first-child,td:first-child,td.text,th.text{text-align:left}th{font-weight:600;background:#f3f6f8}
.tiles{display:flex;flex-wrap:wrap;gap:1rem}.tile{background:#f3f6f8;border-radius:6px;padding:.6rem 1rem}
.tile b{display:block;font-size:1.4rem}.note{color:#566472}.bad{color:#a02c1d;font-weight:600}
.scroll{overflow-x:auto}
</style></head><body>
<h1>Data quality: {{ name }}</h1>
<p class="note">{{ description }} Contract version {{ version }}. The data passed: no limit of
<code>params.yaml: validate</code> is exceeded.</p>
<div class="tiles">{% for value, label in tiles %}<div class="tile"><b>{{ value }}</b>{{ label }}</div>
{% endfor %}</div>
<h2>What was read</h2>
<table><tr><th>table</th><th>rows read</th><th>kept</th><th>left out</th><th>refused</th><th class="text">why</th></tr>
{% for t in tables %}<tr><td>{{ t.name }}</td><td>{{ t.read }}</td><td>{{ t.kept }}</td><td>{{ t.excluded }}</td>
<td>{{ t.refused }}</td><td class="text">{{ t.why }}</td></tr>
{% endfor %}</table>
<h2>What was found</h2>
<table><tr><th>finding</th><th>count</th><th class="text">what was done</th></tr>
{% for label, count, done in counts %}<tr><td>{{ label }}</td><td>{{ count }}</td><td class="text">{{ done }}</td></tr>
{% endfor %}</table>
<h2>Sensors</h2>
<p class="note">The strip shows the physically possible range; the bar holds 98 % of the readings, the dark mark
their middle. Readings outside the range, and repeated ones of a sensor that usually moves, are set missing.</p>
<div class="scroll"><table><tr><th>sensor</th><th>unit</th><th>missing</th><th>outside range</th><th>stuck</th>
<th>spikes</th><th>silent on</th><th class="text">behaviour</th><th class="text">range and readings</th></tr>
{% for s in sensors %}<tr><td>{{ s.name }}</td><td>{{ s.unit }}</td><td>{{ s.missing }}</td>
<td{% if s.outside != "0" %} class="bad"{% endif %}>{{ s.outside }}</td>
<td{% if s.stuck != "0" %} class="bad"{% endif %}>{{ s.stuck }}</td><td>{{ s.spikes }}</td><td>{{ s.silent }}</td>
<td class="text">{{ s.nature }}</td><td class="text">{% if s.strip %}{{ s.low }}
<svg width="{{ width }}" height="16" role="img" aria-label="{{ s.name }}: 98 % of readings in {{ s.label }}">
<rect y="5" width="{{ width }}" height="6" fill="#dde3e8"/>
<rect x="{{ s.strip[0] }}" y="2" width="{{ s.strip[1] }}" height="12" fill="#5b8db8"/>
<rect x="{{ s.strip[2] }}" y="0" width="2" height="16" fill="#1c2530"/></svg> {{ s.high }}{% endif %}</td></tr>
{% endfor %}</table></div>
{% if cells %}<h2>Gaps, machine by machine</h2>
<p class="note">Each row is a machine{% if hidden %} (the {{ shown }} with most missing rows; {{ hidden }} more not
shown){% endif %}, from {{ begin }} to {{ end }}. White: all expected rows are there. Dark: none. Grey: before the
machine's first or after its last row.</p>
<svg viewBox="0 0 760 {{ height }}" width="100%" font-family="sans-serif" role="img"
aria-label="Share of expected rows missing">
{% for machine, y in labels %}<text x="0" y="{{ y }}" font-size="9">{{ machine }}</text>
{% endfor %}{% for x, y, w, colour in cells %}<rect x="{{ x }}" y="{{ y }}" width="{{ w }}" height="10" \
fill="{{ colour }}"/>
{% endfor %}<rect x="120" y="0" width="640" height="{{ height }}" fill="none" stroke="#dde3e8"/></svg>{% endif %}
</body></html>
"""
_DONE: Final = {
    "outside_range": ("Readings outside the physical range", "set missing"),
    "stuck": ("Readings of a stuck sensor", "set missing"),
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
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(_PAGE).render(
        name=contract.name,
        description=contract.description.strip(),
        version=contract.version,
        tiles=[
            (f"{metrics['rows']:,}", "rows"), (f"{metrics['machines']:,}", "machines"),
            (f"{metrics['sensors']:,}", "sensors"), (f"{metrics['failures']:,}", "failures"),
            (_percent(metrics["refused_share"]), "of rows refused"),
            (_percent(metrics["missing_share"]), "of readings missing"),
            (_percent(metrics["quarantined_share"]), "of readings set missing"),
            (_percent(metrics["gap_share"]), "of expected rows absent"),
        ],
        tables=[_table(name, counts) for name, counts in sorted(verdict.tables.items())],
        counts=[(_DONE[reason][0], f"{count:,}", _DONE[reason][1]) for reason, count in metrics["counts"].items()],
        sensors=[_sensor(str(name), found, contract) for name, found in verdict.sensors.iterrows()],
        width=_STRIP,
        **_heat_map(verdict),
    )  # fmt: skip


def _percent(share: float) -> str:
    return f"{share:.2%}"


def _table(name: str, counts: dict[str, Any]) -> dict[str, str]:
    why = [f"{reason}: {rows:,}" for word in ("excluded", "refused") for reason, rows in sorted(counts[word].items())]
    return {
        "name": name, "read": f"{counts['read']:,}", "kept": f"{counts['kept']:,}",
        "excluded": f"{sum(counts['excluded'].values()):,}", "refused": f"{sum(counts['refused'].values()):,}",
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
        label = f"{quantiles[0]:.4g} to {quantiles[2]:.4g} {spec.unit}"
    nature = found["nature"] if isinstance(found["nature"], str) else "not judged"
    return {
        "name": name, "unit": spec.unit, "missing": _percent(found["missing_share"]),
        "outside": f"{found['outside_range']:,}", "stuck": f"{found['stuck']:,}", "spikes": f"{found['spikes']:,}",
        "silent": f"{found['silent_machines']:,} machines", "nature": nature, "strip": strip, "label": label,
        "low": "" if low is None else f"{low:g}", "high": "" if high is None else f"{high:g}",
    }  # fmt: skip


def _heat_map(verdict: Verdict) -> dict[str, Any]:
    presence = verdict.presence
    if presence.shape[1] == 0:
        return {"cells": []}
    order = np.argsort(-verdict.machines["missing_rows"].to_numpy(), kind="stable")[:SHOWN_MACHINES]
    order = np.sort(order)
    full = np.maximum(np.median(presence, axis=0), 1.0)     # (slices,) rows of a machine that reports as most do
    width = 640 / presence.shape[1]
    cells = []
    for place, machine in enumerate(order):
        counts = presence[machine]
        alive = np.flatnonzero(counts)
        for at, count in enumerate(counts):
            inside = len(alive) and alive[0] <= at <= alive[-1]
            missing = 1 - min(count / full[at], 1.0)
            # the slices in which a life begins or ends are not full by nature
            at_border = inside and at in (alive[0], alive[-1])
            if inside and (at_border or missing < 0.02):
                continue
            colour = _shade(missing) if inside else "#eceff1"
            cells.append((f"{120 + at * width:.1f}", place * 12 + 1, f"{width:.1f}", colour))
    machines = verdict.machines[MACHINE].to_numpy()
    return {
        "cells": cells or [("0", 0, "0", "none")], "labels": [(machines[m], i * 12 + 10) for i, m in enumerate(order)],
        "height": len(order) * 12, "shown": len(order), "hidden": len(machines) - len(order),
        "begin": verdict.span[0], "end": verdict.span[1],
    }  # fmt: skip


def _shade(missing: float) -> str:
    """From pale to dark red; already a tenth of a slice is easy to see."""
    dark = np.sqrt(missing)
    red, green, blue = (round(pale + (deep - pale) * dark) for pale, deep in ((253, 140), (232, 30), (215, 20)))
    return f"rgb({red},{green},{blue})"

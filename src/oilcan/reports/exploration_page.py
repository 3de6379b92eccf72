"""The exploration as one page for people who repair machines: sentences, pictures, tables. Self-contained."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import jinja2
import numpy as np
import vl_convert

from oilcan.core.exploration.findings import Exploration, Lives
from oilcan.core.exploration.holdings import SHOWN
from oilcan.core.exploration.warning_signs import FEWEST, ModeSigns
from oilcan.ground.columns import MACHINE
from oilcan.ground.quantities import between, number, percent, span
from oilcan.reports import exploration_charts as charts

_GLOBALS: Final = "window.vegaEmbed = vegaEmbed;"
_CAUSES: Final = {"wear": "wear (the failure rate grows with age)", "chance": "chance (age says little)",
                  "infancy": "infancy (young ones fail more)"}


@dataclass(frozen=True)
class Table:
    """Column heads, lines of cells, and which columns hold numbers."""

    columns: Sequence[str]
    lines: list[list[str]]
    numbers: frozenset[int] = frozenset()


def page(found: Exploration) -> str:
    """HTML of the page; the same bytes for the same findings."""
    specs = _specs(found)
    environment = jinja2.Environment(loader=jinja2.PackageLoader("oilcan.reports"), autoescape=True,
                                     undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    contract = found.fleet.contract
    whole = [lives for lives in found.lives if lives.kind == "all"]
    return environment.get_template("exploration.html").render(
        name=contract.name, description=contract.description, headline=_headline(found), basis=_basis(found),
        tiles=_tiles(found), have=_have(found), shown=_shown(found), specs=specs,
        lives=_lives_table(found) if whole else None, life_lines=_life_lines(found, whole), life_note=_life_note(whole),
        modes=[_mode(found, mode) for mode in found.modes], warning_note=_warning_note(found),
        recommendations=_recommendations(found), labels=[_label(found, name) for name in found.labels],
        sensors=_sensors(found), sensor_lines=_sensor_lines(found), pitfalls=found.pitfalls, footer=_footer(found),
        vega=vl_convert.javascript_bundle(_GLOBALS).replace("</script", "<\\/script"),
        specs_json=json.dumps(specs, separators=(",", ":"), allow_nan=False).replace("</", "<\\/"),
    ) + "\n"  # fmt: skip


def _specs(found: Exploration) -> dict[str, Any]:
    kinds = list(found.holdings["kinds"])
    drawn = {"survival": charts.survival(found), "announced": charts.announced_by_lead(found),
             "spreads": charts.spreads(found, kinds[0] if kinds and found.fleet.unit == "h" else None),
             "course": charts.fleet_course(found), "correlations": charts.correlations(found)}
    if len(found.time_lines[0]):
        drawn["time_line"] = charts.time_line(found)
    drawn |= {_id(mode): charts.before_failures(found, mode) for mode in found.modes}
    return {name: spec for name, spec in drawn.items() if spec is not None}


def _id(mode: ModeSigns) -> str:
    return f"before_{mode.mode}"


def _headline(found: Exploration) -> str:
    if found.labels:
        name, label = next(iter(found.labels.items()))
        return f"{percent(label['share'])} of {label['rows']:,.0f} rows carry {name}"
    warned = [mode for mode in found.modes if any(s.lead > 0 for s in mode.sensors) or any(c.lead > 0 for c in mode.codes)]
    failures = found.clusters["failures"]
    if not failures:
        return f"{found.holdings['machines']:,} machines, and no failure that may be looked at yet"
    if not warned:
        return f"{failures:,} failures, and nothing in the record warns of them beyond chance"
    lead = max(max((s.lead for s in m.sensors), default=0.0) for m in warned)
    return (f"{len(warned)} of {len(found.modes)} failure mode{'s' if len(found.modes) != 1 else ''} give"
            f"{'' if len(warned) != 1 else 's'} warning, the earliest {span(lead, found.fleet.unit)} ahead")


def _basis(found: Exploration) -> str:
    if found.labels:
        return "Labels are looked at on training rows only."
    with_labels = found.holdings.get("machines_with_labels", 0)
    return (f"Failures are looked at on the training part only: {found.clusters['failures']:,} failures of "
            f"{with_labels:,} of {found.holdings['machines']:,} machines, each up to its last training row.")


def _tiles(found: Exploration) -> list[tuple[str, str]]:
    have, unit = found.holdings, found.fleet.unit
    tiles = [(f"{have['machines']:,}", "rows" if found.labels else "machines"), (f"{have['readings']:,}", "readings")]
    if found.labels:
        return tiles[:1]
    hours = have["observed"]
    tiles.append((f"{hours / 8766:,.0f}" if unit == "h" else f"{hours:,.0f}", "machine-years" if unit == "h" else "cycles"))
    return [*tiles, (f"{sum(have['failures'].values()):,}", "failures in the training part"),
            (f"{sum(have['errors'].values()):,}", "errors"), (f"{sum(have['maintenance'].values()):,}", "maintenance records")]


def _have(found: Exploration) -> list[str]:
    have = found.holdings
    lines = [f"By {kind}: " + ", ".join(f"{value} {count:,}" for value, count in counts.items()) + "."
             for kind, counts in have["kinds"].items()]
    if have.get("ages_years"):
        ages = have["ages_years"]
        lines.append(f"At their first reading the machines are {ages['youngest']:.1f} to {ages['oldest']:.1f} years old, "
                     f"half of them more than {ages['median']:.1f}.")
    if "machines_that_failed" in have:
        censored = have["machines_with_labels"] - have["machines_that_failed"]
        lines.append(f"Observed from {have['first'][:16]} to {have['last'][:16]}. {have['machines_that_failed']:,} machines "
                     f"failed at least once; {censored:,} did not while one looked (censored).")
    for word in ("failures", "errors", "maintenance"):
        if have.get(word):
            lines.append(f"{word.capitalize()}: " + ", ".join(f"{kind} {count:,}" for kind, count in have[word].items()) + ".")
    return lines


def _shown(found: Exploration) -> str:
    machines = found.holdings["machines"]
    return f"{SHOWN} of {machines:,} machines are drawn: those with most failures, then evenly." if machines > SHOWN else ""


def _lives_table(found: Exploration) -> Table:
    unit = found.fleet.unit
    def length(ticks: float) -> str:
        return span(ticks, unit)

    lines = []
    for lives in found.lives:
        if lives.kind != "all" and lives.failed < 5:
            continue
        fit = lives.fit
        lines.append([lives.mode, lives.kind, f"{lives.lives:,}", f"{lives.failed:,}"] + (
            [f"{number(fit.shape)} ({between(fit.shape_ci95)})",
             f"{length(fit.scale)} ({between(fit.scale_ci95, length)})",
             f"{length(fit.mean_between)} ({between(fit.mean_between_ci95, length)})", fit.cause] if fit else ["too few", "too few", "too few", "unknown"]))
    return Table(["component", "machines", "lives", "failed", "Weibull shape", "Weibull scale",
                  "mean time between failures", "cause"], lines, frozenset({2, 3}))


def _life_lines(found: Exploration, whole: list[Lives]) -> list[str]:
    lines = []
    for lives in whole:
        if lives.fit is None:
            lines.append(f"{lives.mode}: {lives.failed} failures, too few for a law of life.")
            continue
        text = f"{lives.mode} fails by {_CAUSES[lives.fit.cause]}; shape {number(lives.fit.shape)}."
        if lives.renewal:
            same = lives.renewal["p_value"] >= 0.05
            text += (" Lives after planned work and after failures are alike: planned work renews it." if same else
                     f" After planned work it fails {number(lives.renewal['rate_ratio'])} times as often as after a failure "
                     f"(p = {lives.renewal['p_value']:.2g}): planned work "
                     f"{'renews less than a repair' if lives.renewal['rate_ratio'] > 1 else 'renews more than a repair'}.")
        if lives.repair_median is not None:
            text += f" A repair takes {span(lives.repair_median, found.fleet.unit)} (median)."
        lines.append(text)
    return lines


def _life_note(whole: list[Lives]) -> str:
    note = ("Shape above 1: wear; 1: chance; below 1: infancy. In brackets 95 % intervals over machines. A life begins with "
            "a failure or planned work on the component.")
    unknown = [lives.mode for lives in whole if lives.age_is_unknown]
    return note + (f" For {', '.join(unknown)} too few lives begin within the record, so lives count from its start although "
                   f"the machines were older: shapes say little." if unknown else "")


def _warning_note(found: Exploration) -> str:
    return ("Each failure is compared with up to five matched times: the same machine at the same hour of the day, with no such "
            "failure near (or machines alike, where a machine fails only once). A difference counts if chance makes "
            "one as large at any sensor and lead in one of twenty fleets.")


def _mode(found: Exploration, mode: ModeSigns) -> dict[str, Any]:
    unit = found.fleet.unit
    if mode.failures < FEWEST:
        return {"name": mode.mode, "id": _id(mode), "codes": None, "lines": [f"{mode.failures} failures: too few to compare."]}
    share = found.announceable[mode.mode]
    signs = sorted((s for s in mode.sensors if s.lead > 0), key=lambda s: -s.lead)
    lines = [f"{mode.failures:,} failures. " + (f"A sign is there in time for {percent(share)} of them." if share is not None else "")]
    whole = float(mode.aligned.edges[-1])
    for sign in signs[:6]:
        interval = f" ({between(sign.half_lead_ci95, lambda lead: span(lead, unit))})" if sign.half_lead_ci95 else ""
        reach = "as far as one looked, " if sign.lead >= whole else ""
        half = f"; half of the change is there {span(sign.half_lead, unit)} ahead{interval}" if sign.half_lead else ""
        lines.append(f"{found.fleet.describe(sign.sensor)[0]} {'rises' if np.nan_to_num(sign.difference[0]) > 0 else 'falls'} "
                     f"from {reach}{span(sign.lead, unit)} before{half}.")
    silent = [found.fleet.describe(s.sensor)[0] for s in mode.sensors if s.lead == 0]
    if silent:
        lines.append(f"No warning in: {', '.join(silent[:10])}{' and more' if len(silent) > 10 else ''}.")
    rows = [[code.code, f"{code.before_failures:,}", number(code.expected),
             number(code.lift) if np.isfinite(code.lift) else f"above {number(code.lift_ci95[0])}",
             span(code.lead, unit) if code.lead else "no warning"] for code in mode.codes]
    codes = Table(["error code", "before failures", "at matched times", "times as often", "warns"], rows,
                  frozenset({1, 2, 3})) if rows else None
    return {"name": mode.mode, "id": _id(mode), "lines": lines, "codes": codes}


def _recommendations(found: Exploration) -> Table | None:
    unit = found.fleet.unit

    def say(value: float | list[float] | None) -> str:
        if value is None:
            return "not stated"
        return ", ".join(span(one, unit) for one in (value if isinstance(value, list) else [value]))

    lines = [[item.word, say(item.value), say(item.current), item.why] for item in found.recommendations]
    return Table(["word", "recommended", "in the contract", "evidence"], lines) if lines else None


def _label(found: Exploration, name: str) -> dict[str, Any]:
    label, fleet = found.labels[name], found.fleet
    columns = [[fleet.describe(row["column"])[0], f"{row['auc']:.2f}", f"{row['side']} values",
                f"{row['tail_lift']:.1f} in the {row['tail']} tail", "yes" if row["beyond_chance"] else "no"]
               for row in label["columns"]]
    pairs = [[f"{fleet.describe(row['first'])[0]} and {fleet.describe(row['second'])[0]}", row["kind"],
              percent(row['caught']), percent(row['alone'])] for row in label["pairs"]]
    return {
        "name": name, "basis": f"{label['rows']:,.0f} training rows, {percent(label['share'])} with the label.",
        "columns": Table(["column", "ranks the label (0.5 is chance)", "label goes with", "times as frequent",
                          "beyond chance"], columns, frozenset({1})),
        "pairs": Table(["columns", "as", "of the labelled rows in its outer 2 %", "best alone"], pairs, frozenset({2, 3})),
        "pair_note": "Worth a derived column in the contract: the combination gathers labelled rows that neither column does.",
    }  # fmt: skip


def _sensor_lines(found: Exploration) -> list[str]:
    fleet, lines = found.fleet, []
    if found.regimes > 1:
        lines.append(f"The operating conditions take {found.regimes} separate settings (regimes).")
    elif fleet.columns("condition"):
        lines.append("The operating conditions vary smoothly; their effect is taken out by a smooth surface.")
    if found.trends:
        lines.append(f"Before failures the sensors that warn move as {found.trends} independent trend"
                     f"{'s' if found.trends != 1 else ''}.")
    if found.sampling:
        beat = found.sampling
        lines.append(f"Readings come every {span(beat['step'], fleet.unit)}; {percent(beat['regular_share'])} of the steps are that "
                     f"long, {percent(beat['gap_share'])} of the time lies in gaps.")
    silent = [fleet.describe(fact.name)[0] for fact in found.sensors if fact.verdict in {"constant", "almost constant",
                                                                                          "never there"}]
    if silent:
        lines.append(f"Sensors that say nothing: {', '.join(silent)}.")
    for one, other, r in found.same[:8]:
        lines.append(f"{fleet.describe(one)[0]} and {fleet.describe(other)[0]} say the same (correlation {r:.3f}).")
    for change in found.changes:
        lines.append(f"{fleet.describe(change['sensor'])[0]} of the whole fleet jumps by {change['step_sd']:+.1f} standard "
                     f"deviations in the week of {change['week']}: a new calibration or firmware?")
    return lines


def _sensors(found: Exploration) -> Table:
    lines = []
    for fact in found.sensors:
        words, unit = found.fleet.describe(fact.name)
        remarks = [fact.verdict] + ([f"clipped {fact.clipped}"] if fact.clipped else []) + (
            [f"{fact.resets} resets"] if fact.is_counter else [])
        lines.append([f"{words} ({fact.name})", unit, percent(fact.missing), number(fact.quantiles[2], 4),
                      between((fact.quantiles[0], fact.quantiles[4]), lambda value: number(value, 4)), number(fact.step), percent(fact.explained),
                      f"{fact.trend_per_year:+.2f}" if fact.trend_per_year is not None else "",
                      percent(fact.daily_share) if fact.daily_share is not None else "", ", ".join(remarks)])
    return Table(["sensor", "unit", "missing", "median", "nine tenths", "resolution", "explained by conditions",
                  "trend a year [sd]", "daily wave", "remarks"], lines, frozenset({2, 3, 5, 6, 7, 8}))


def _footer(found: Exploration) -> str:
    left = found.fleet.left_out
    return ("Lives: censored maximum likelihood. Warnings: sign flips of whole machines over all sensors and leads together. "
            "docs/stages/explore.md has the methods." + (f" {left:,} machines were left out to keep the reading short."
                                                         if left else "") +
            f" Readings of {found.fleet.readings[MACHINE].nunique():,} machines.")

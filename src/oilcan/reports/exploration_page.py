"""The exploration as one page for people who repair machines: sentences, pictures, tables. Self-contained."""

import json
from typing import Any, Final

from oilcan.core.exploration.fleet_findings import Exploration, Lives
from oilcan.core.exploration.holdings import SHOWN
from oilcan.core.exploration.lives.failure_patterns import FailurePattern
from oilcan.core.exploration.lives.kind_rates import KindRates
from oilcan.core.phrasing.quantities import between, number, percent
from oilcan.ground.columns import MACHINE
from oilcan.ground.time_units import in_unit
from oilcan.reports import exploration_tables as tables
from oilcan.reports import rendering
from oilcan.reports.drawing import exploration_charts as charts

_HOURS_PER_YEAR: Final = 8766.0
_MOST_KINDS: Final = 2           # columns that sort machines into kinds, in the picture of readings
_DIFFERENT: Final = 0.01         # p-value below which kinds of machines are reported as different
_CAUSES: Final = {
    "wear": "wear (the failure rate grows with age)",
    "chance": "chance (age says little)",
    "infancy": "infancy (young ones fail more)",
}

_WARNING_NOTE: Final = (
    "Each failure is compared with up to five matched times: the same machine at other times (on the calendar, at the "
    "same hour of the day) with no such failure near, or machines alike, where a machine fails only once. A "
    "difference counts if chance makes one as large at any sensor and lead in one of twenty fleets."
)


def page(found: Exploration, vega: str) -> str:
    """HTML of the page; the same bytes for the same findings.

    Parameters
    ----------
    vega
        JavaScript of Vega, from `oilcan.io.vega_bundle`.
    """
    specs = _specs(found)
    contract = found.fleet.contract
    whole = [lives for lives in found.lives if lives.kind == "all"]
    return rendering.html(
        "exploration.html",
        name=contract.name, description=contract.description, headline=_headline(found), basis=_basis(found),
        tiles=_tiles(found), have=_have(found), shown=_shown(found), specs=specs,
        lives=tables.lives_table(found) if whole else None, life_lines=_life_lines(found, whole),
        life_note=_life_note(whole), warning_note=_WARNING_NOTE,
        modes=[tables.mode_block(found, mode) for mode in found.modes],
        recommendations=tables.recommendations_table(found),
        labels=[tables.label_block(found, name) for name in found.labels],
        sensors=tables.sensors_table(found), sensor_lines=_sensor_lines(found), pitfalls=found.pitfalls,
        footer=_footer(found),
        vega=vega,
        specs_json=json.dumps(specs, separators=(",", ":"), allow_nan=False).replace("</", "<\\/"),
    )  # fmt: skip


def summary(found: Exploration) -> list[str]:
    """The page in lines for a terminal: headline, lives, what to write into the contract, pitfalls."""
    whole = [lives for lives in found.lives if lives.kind == "all"]
    advice = [f"{item.word}: {', '.join(tables.lengths(found, item.value))} ({item.why})"
              for item in found.recommendations]  # fmt: skip
    traps = [f"Careful: {trap.kind}: {trap.what} ({trap.evidence})" for trap in found.pitfalls]
    return [_headline(found), *_life_lines(found, whole), *advice, *traps]


def _specs(found: Exploration) -> dict[str, Any]:
    kinds = list(found.holdings["kinds"])
    drawn = {
        "survival": charts.survival(found),
        "announced": charts.announced_by_lead(found),
        "spreads": charts.spreads(found, kinds[:_MOST_KINDS] if not found.labels else []),
        "course": charts.fleet_course(found),
        "correlations": charts.correlations(found),
    }
    if len(found.time_lines[0]):
        drawn["time_line"] = charts.time_line(found)
    drawn |= {tables.picture_id(mode): charts.before_failures(found, mode) for mode in found.modes}
    return {name: spec for name, spec in drawn.items() if spec is not None}


def _headline(found: Exploration) -> str:
    if found.labels:
        name, label = next(iter(found.labels.items()))
        return f"{percent(label['share'])} of {label['rows']:,.0f} rows carry {name}"
    warned = [
        mode for mode in found.modes if any(s.lead > 0 for s in mode.sensors) or any(c.lead > 0 for c in mode.codes)
    ]
    failures = found.clusters["failures"]
    if not failures:
        return f"{found.holdings['machines']:,} machines, and no failure that may be looked at yet"
    if not warned:
        return f"{failures:,} failures, and nothing in the record warns of them beyond chance"
    lead = max(max((s.lead for s in m.sensors), default=0.0) for m in warned)
    return (
        f"{len(warned)} of {len(found.modes)} failure mode{'s' if len(found.modes) != 1 else ''} give"
        f"{'' if len(warned) != 1 else 's'} warning, the earliest {found.fleet.length(lead)} ahead"
    )


def _basis(found: Exploration) -> str:
    if found.labels:
        return "Labels are looked at on training rows only."
    with_labels = found.holdings.get("machines_with_labels", 0)
    return (
        f"Failures are looked at on the training part only: {found.clusters['failures']:,} failures of "
        f"{with_labels:,} of {found.holdings['machines']:,} machines, each up to its last training row."
    )


def _tiles(found: Exploration) -> list[tuple[str, str]]:
    have, unit = found.holdings, found.fleet.unit
    tiles = [(f"{have['machines']:,}", "rows" if found.labels else "machines"), (f"{have['readings']:,}", "readings")]
    if found.labels:
        return tiles[:1]
    observed = have["observed"]
    tiles.append(
        (number(observed / _HOURS_PER_YEAR, 2), "machine-years")
        if unit == "h"
        else (f"{in_unit(observed, unit):,.0f}", f"{found.fleet.grain_words} of all machines together")
    )
    return [
        *tiles,
        (f"{sum(have['failures'].values()):,}", "failures in the training part"),
        (f"{sum(have['errors'].values()):,}", "errors"),
        (f"{sum(have['maintenance'].values()):,}", "maintenance records"),
    ]


def _have(found: Exploration) -> list[str]:
    have = found.holdings
    lines = [
        f"By {kind}: " + ", ".join(f"{value} {count:,}" for value, count in counts.items()) + "."
        for kind, counts in have["kinds"].items()
    ]
    if have.get("ages_years"):
        ages = have["ages_years"]
        lines.append(
            f"At their first reading the machines are {ages['youngest']:.1f} to {ages['oldest']:.1f} years old, "
            f"half of them more than {ages['median']:.1f}."
        )
    if "machines_that_failed" in have:
        censored = have["machines_with_labels"] - have["machines_that_failed"]
        lines.append(
            f"Observed from {have['first']} to {have['last']}. {have['machines_that_failed']:,} machines "
            f"failed at least once; {censored:,} did not during the observation (censored)."
        )
    for word in ("failures", "errors", "maintenance"):
        if have.get(word):
            lines.append(
                f"{word.capitalize()}: " + ", ".join(f"{kind} {count:,}" for kind, count in have[word].items()) + "."
            )
    return lines


def _shown(found: Exploration) -> str:
    machines = found.holdings["machines"]
    return (
        f"{SHOWN} of {machines:,} machines are drawn: those with most failures, then evenly."
        if machines > SHOWN
        else ""
    )


def _life_lines(found: Exploration, whole: list[Lives]) -> list[str]:
    lines = []
    for lives in whole:
        if lives.fit is None:
            lines.append(f"{lives.mode}: {lives.failed} failures, too few for a law of life.")
            continue
        text = f"{lives.mode} fails by {_CAUSES[lives.fit.cause]}; shape {number(lives.fit.shape)}."
        if lives.renewal:
            text += _renewal(lives.renewal)
        if lives.repair_median is not None:
            text += f" A repair takes {found.fleet.length(lives.repair_median)} (median)."
        lines.append(text)
    return lines + [_kinds(kind) for kind in found.kinds if kind.p_value < _DIFFERENT] + _patterns(found)


def _patterns(found: Exploration) -> list[str]:
    """Whether failures follow the calendar, maintenance or operating conditions, and what of these they do not."""
    sure = [pattern for pattern in found.patterns if pattern.is_sure]
    free = [_pattern_name(pattern, found) for pattern in found.patterns if not pattern.is_sure]
    lines = [f"{_pattern(pattern, found)} (p = {pattern.p_value:.1g})." for pattern in sure]
    return [*lines, *([f"Beyond chance, failures do not follow: {', '.join(free)}."] if free else [])]


def _pattern_name(pattern: FailurePattern, found: Exploration) -> str:
    """The pattern in words; a condition by its description."""
    is_condition = pattern.kind in found.fleet.readings
    return found.fleet.describe(pattern.kind)[0] if is_condition else pattern.kind.replace("after", "recent")


def _pattern(pattern: FailurePattern, found: Exploration) -> str:
    if pattern.kind in found.fleet.readings:
        side = "above" if pattern.ratio > 0 else "below"
        return (f"In the {pattern.where} before failures, {_pattern_name(pattern, found)} lies "
                f"{number(abs(pattern.ratio), 2)} standard deviations {side} matched times")
    place = {"week": f"in the week of {pattern.where}", "weekday": f"on {pattern.where}",
             "hour of the day": f"from {pattern.where}", "season": f"in {pattern.where}",
             "after maintenance": f"within {pattern.where} after planned work"}[pattern.kind]
    return (f"Failures come together {place}: {pattern.failures:,}, {number(pattern.ratio)} times as many as the time "
            f"observed explains")


def _kinds(found: KindRates) -> str:
    return (f"{found.mode}: machines differ by {found.column} (p = {found.p_value:.1g}). {found.kind} fail "
            f"{number(found.ratio)} times as often as the others ({between(found.ratio_ci95)}).")


def _renewal(renewal: dict[str, float]) -> str:
    """Whether planned work gives a component as long a life as the repair of a failure does."""
    if renewal["p_value"] >= 0.05:
        return " Lives after planned work and after repairs show no difference."
    than = "less" if renewal["rate_ratio"] > 1 else "more"
    return (f" After planned work it fails {number(renewal['rate_ratio'])} times as often as after a repair "
            f"(p = {renewal['p_value']:.2g}): planned work renews it {than} than a repair.")  # fmt: skip


def _life_note(whole: list[Lives]) -> str:
    note = (
        "Shape above 1: wear; 1: chance; below 1: infancy. In brackets 95 % intervals over machines. A life begins "
        "with a failure or planned work on the component."
    )
    unknown = [lives.mode for lives in whole if lives.age_is_unknown]
    return note + (
        f" For {', '.join(unknown)} too few lives begin within the record, so lives count from its start although "
        f"the machines were older: shapes say little."
        if unknown
        else ""
    )


def _sensor_lines(found: Exploration) -> list[str]:
    fleet, lines = found.fleet, []
    if found.regimes > 1:
        lines.append(f"The operating conditions take {found.regimes} separate settings (regimes).")
    elif fleet.columns("condition"):
        lines.append("The operating conditions vary smoothly; their effect is taken out by a smooth surface.")
    if found.trends:
        lines.append(
            f"Before failures the sensors that warn move as {found.trends} independent trend"
            f"{'s' if found.trends != 1 else ''}."
        )
    if found.sampling:
        beat = found.sampling
        lines.append(
            f"Readings come every {fleet.length(beat['step'])}; {percent(beat['regular_share'])} of the steps are "
            f"that long, {percent(beat['gap_share'])} of the time lies in gaps."
        )
    silent = [
        fleet.describe(fact.name)[0]
        for fact in found.sensors
        if fact.verdict in {"constant", "almost constant", "never there"}
    ]
    if silent:
        lines.append(f"Sensors that say nothing: {', '.join(silent)}.")
    for one, other, r in found.same[:8]:
        lines.append(f"{fleet.describe(one)[0]} and {fleet.describe(other)[0]} say the same (correlation {r:.3f}).")
    for change in found.changes:
        lines.append(
            f"{fleet.describe(change['sensor'])[0]} of the whole fleet jumps by {change['step_sd']:+.1f} standard "
            f"deviations in the week of {change['week']}: a new calibration or firmware?"
        )
    return lines


def _footer(found: Exploration) -> str:
    left = found.fleet.left_out
    return (
        "Lives: censored maximum likelihood. Warnings: sign flips of whole machines over all sensors and leads. "
        "docs/stages/explore.md has the methods."
        + (f" {left:,} machines were left out to keep the reading short." if left else "")
        + f" Readings of {found.fleet.readings[MACHINE].nunique():,} machines."
    )

"""Tables of the exploration page, cell by cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from oilcan.core.exploration.fleet_findings import Exploration
from oilcan.core.exploration.warnings.warning_signs import FEWEST, ModeSigns
from oilcan.core.phrasing.quantities import between, number, percent


def picture_id(mode: ModeSigns) -> str:
    """Anchor of the picture of a mode on the page."""
    return f"before_{mode.mode}"


@dataclass(frozen=True)
class Table:
    """Column heads, lines of cells, and which columns hold numbers."""

    columns: Sequence[str]
    lines: list[list[str]]
    numbers: frozenset[int] = frozenset()
    folded: int = 0             # number of lines at the end that are shown on request only


def lives_table(found: Exploration) -> Table:
    """Fitted lives by component and kind of machine."""
    length = found.fleet.length
    lines = []
    shown = [lives for lives in found.lives if lives.kind == "all"]
    by_kind = [lives for lives in found.lives if lives.kind != "all" and lives.failed >= FEWEST]
    for lives in [*shown, *by_kind]:
        fit = lives.fit
        law = ["too few", "too few", "too few", "unknown"] if fit is None else [
            f"{number(fit.shape)} ({between(fit.shape_ci95)})",
            f"{length(fit.scale)} ({between(fit.scale_ci95, length)})",
            f"{length(fit.mean_between)} ({between(fit.mean_between_ci95, length)})",
            fit.cause,
        ]  # fmt: skip
        lines.append([lives.mode, lives.kind, f"{lives.lives:,}", f"{lives.failed:,}", *law])
    heads = ["component", "machines", "lives", "failed", "Weibull shape", "Weibull scale", "mean time between failures",
             "cause"]  # fmt: skip
    return Table(heads, lines, frozenset({2, 3}), len(by_kind))


def mode_block(found: Exploration, mode: ModeSigns) -> dict[str, Any]:
    """What warns of one failure mode: sentences, and its error codes."""
    length = found.fleet.length
    if mode.failures < FEWEST:
        return {
            "name": mode.mode,
            "id": picture_id(mode),
            "codes": None,
            "lines": [f"{mode.failures} failures: too few to compare."],
        }
    share = found.announceable[mode.mode]
    signs = sorted((s for s in mode.sensors if s.lead > 0), key=lambda s: -s.lead)
    lines = [
        f"{mode.failures:,} failures. "
        + (f"A sign is there in time for {percent(share)} of them." if share is not None else "")
    ]
    whole = float(mode.aligned.edges[-1])
    for sign in signs[:6]:
        interval = f" ({between(sign.half_lead_ci95, length)})" if sign.half_lead_ci95 else ""
        reach = "as far as one looked, " if sign.lead >= whole else ""
        half = f"; half of the change is there {length(sign.half_lead)} ahead{interval}" if sign.half_lead else ""
        lines.append(
            f"{found.fleet.describe(sign.sensor)[0]} {'rises' if np.nan_to_num(sign.difference[0]) > 0 else 'falls'} "
            f"from {reach}{length(sign.lead)} before{half}."
        )
    silent = [found.fleet.describe(s.sensor)[0] for s in mode.sensors if s.lead == 0]
    if silent:
        lines.append(f"No warning in: {', '.join(silent[:10])}{' and more' if len(silent) > 10 else ''}.")
    telling = sorted(mode.codes, key=lambda code: code.lead == 0)
    rows = [[code.code, f"{code.before_failures:,}", number(code.expected),
             number(code.lift) if np.isfinite(code.lift) else f"above {number(code.lift_ci95[0])}",
             length(code.lead) if code.lead else "no warning"] for code in telling]  # fmt: skip
    heads = ["error code", "before failures", "at matched times", "times as often", "warns"]
    silent_codes = sum(code.lead == 0 for code in telling)
    codes = Table(heads, rows, frozenset({1, 2, 3}), silent_codes) if rows else None
    return {"name": mode.mode, "id": picture_id(mode), "lines": lines, "codes": codes}


def lengths(found: Exploration, value: float | list[float] | None) -> list[str]:
    """One length or several for people; `not stated` for None."""
    if value is None:
        return ["not stated"]
    return [found.fleet.length(one) for one in (value if isinstance(value, list) else [value])]


def recommendations_table(found: Exploration) -> Table | None:
    """Recommended words of the contract beside the present ones; None if nothing warns."""
    lines = [[item.word, ", ".join(lengths(found, item.value)), ", ".join(lengths(found, item.current)), item.why]
             for item in found.recommendations]  # fmt: skip
    return Table(["word", "recommended", "in the contract", "evidence"], lines) if lines else None


def label_block(found: Exploration, name: str) -> dict[str, Any]:
    """Columns that separate the rows of one label from the others, and derived columns that the contract could have."""
    label, fleet = found.labels[name], found.fleet
    columns = [
        [
            fleet.describe(row["column"])[0],
            f"{row['auc']:.2f}",
            f"{row['side']} values",
            f"{row['tail_lift']:.1f} in the {row['tail']} tail",
            "yes" if row["beyond_chance"] else "no",
        ]
        for row in label["columns"]
    ]
    derived = [
        [
            each["expression"],
            f"{each['low']:g} to {each['high']:g} {each['unit']}",
            f"{each['labelled']:,}",
            f"{each['expected']:.3g}",
            f"{each['p_value']:.1g}",
        ]
        for each in label["derived"]
    ]
    return {
        "name": name, "basis": f"{label['rows']:,.0f} training rows, {percent(label['share'])} with the label.",
        "columns": Table(["column", "ranks the label (0.5 is chance)", "label goes with", "times as frequent",
                          "beyond chance"], columns, frozenset({1})),
        "derived": Table(["derived column", "most labelled between", "labelled rows there", "by its columns alone",
                          "p-value, all tests together"], derived, frozenset({2, 3, 4})),
        "derived_lines": "\n".join(["derived:", *(each["line"] for each in label["derived"])]),
    }  # fmt: skip


def sensors_table(found: Exploration) -> Table:
    """What each sensor is like."""
    lines = []
    for fact in found.sensors:
        words, unit = found.fleet.describe(fact.name)
        remarks = (
            [fact.verdict]
            + ([f"clipped {fact.clipped}"] if fact.clipped else [])
            + ([f"{fact.resets} resets"] if fact.is_counter else [])
        )
        lines.append(
            [
                f"{words} ({fact.name})",
                unit,
                percent(fact.missing),
                number(fact.quantiles[2], 4),
                between((fact.quantiles[0], fact.quantiles[4]), lambda value: number(value, 4)),
                number(fact.step),
                percent(fact.explained),
                f"{fact.trend_per_year:+.2f}" if fact.trend_per_year is not None else "",
                percent(fact.daily_share) if fact.daily_share is not None else "",
                percent(fact.yearly_share) if fact.yearly_share is not None else "",
                ", ".join(remarks),
            ]
        )
    return Table(
        [
            "sensor",
            "unit",
            "missing",
            "median",
            "nine tenths",
            "resolution",
            "explained by conditions",
            "trend a year [sd]",
            "daily wave",
            "yearly wave",
            "remarks",
        ],
        lines,
        frozenset({2, 3, 5, 6, 7, 8, 9}),
    )

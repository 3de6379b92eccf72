"""Two commits compared, as the Markdown of a pull request's comment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.core.phrasing.quantities import number
from oilcan.reports.drawing.svg import Axis, Drawing, Series

_MORE_IS_BETTER: Final = ("detected_share", "saving", "saving_captured", "median_lead_time_h",
                          "median_lead_time_cycles", "pr_auc", "roc_auc", "f1", "precision", "recall")
_NEITHER: Final = ("n", "prevalence", "coverage_90", "perfect", "run_to_failure", "periodic")
_COLOURS: Final = ("#8a8a8a", "#1f6fb4")
CURVES: Final = {"pr": ("recall", "precision", "Precision and recall"),
                  "calibration": ("forecast", "frequency", "Forecast risk and observed frequency"),
                  "cost_curve": ("threshold", "model", "Cost [EUR] by threshold")}


@dataclass(frozen=True)
class Line:
    """One row of the table of metrics."""

    name: str
    base: float | None
    head: float | None
    base_ci95: list[float] | None
    head_ci95: list[float] | None
    change_ci95: tuple[float, float] | None         # of the paired difference; None where it was not compared


def metrics_table(lines: Iterable[Line]) -> str:
    """Markdown table; a change is called better or worse only where its paired interval leaves out 0.

    Examples
    --------
    >>> print(metrics_table([Line("costs.model", 10.0, 8.0, [9.0, 11.0], None, (-3.0, -1.0))]))
    | metric | base | this change | difference (95 %, paired by machine) | |
    |---|---|---|---|---|
    | costs.model | 10 (9 to 11) | 8 | -2 (-3 to -1) | **better** |
    """
    rows = ["| metric | base | this change | difference (95 %, paired by machine) | |", "|---|---|---|---|---|"]
    for line in lines:
        rows.append(f"| {line.name} | {_with(line.base, line.base_ci95)} | {_with(line.head, line.head_ci95)} | "
                    f"{_change(line)} | {judgement(line)} |")
    return "\n".join(rows)


def judgement(line: Line) -> str:
    """What may be claimed of one metric."""
    if line.head is None:
        return "**missing**"
    if line.base is None:
        return "new"
    if line.base == line.head and line.change_ci95 in (None, (0.0, 0.0)):
        return "same"
    if line.change_ci95 is None:
        return "not compared"
    low, high = line.change_ci95
    if low <= 0 <= high:
        return "within noise"
    word = line.name.rpartition(".")[2]
    if word in _NEITHER:
        return "changed"
    return "**better**" if (low > 0) == (word in _MORE_IS_BETTER) else "**worse**"


def _with(value: float | None, pair: list[float] | None) -> str:
    if value is None:
        return "-"
    return number(value) + (f" ({number(pair[0])} to {number(pair[1])})" if pair else "")


def _change(line: Line) -> str:
    if line.base is None or line.head is None:
        return ""
    change = number(line.head - line.base)
    return change + (f" ({number(line.change_ci95[0])} to {number(line.change_ci95[1])})" if line.change_ci95 else "")


def values_table(heads: tuple[str, ...], rows: Mapping[str, tuple[Any, ...]]) -> str:
    """Markdown table of names and values; `none` where there are no rows."""
    if not rows:
        return "none"
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += [f"| {' | '.join(map(str, (f'`{name}`', *values)))} |" for name, values in rows.items()]
    return "\n".join(lines)


def pictures(base: Mapping[str, pd.DataFrame], head: Mapping[str, pd.DataFrame]) -> dict[str, tuple[str, str]]:
    """Name -> heading and SVG file of each curve that both commits have."""
    drawn: dict[str, tuple[str, str]] = {}
    for name, (x, y, heading) in CURVES.items():
        tables = [each.get(name) for each in (base, head)]
        both = [table for table in tables if table is not None and {x, y} <= set(table) and len(table)]
        if len(both) == len(tables):
            series = [Series(word, table[x].to_numpy(dtype=np.float64), table[y].to_numpy(dtype=np.float64), f"s{at}")
                      for at, (word, table) in enumerate(zip(("base", "this change"), both, strict=True))]
            drawn[name] = heading, _standing_alone(Drawing(heading, Axis(x), Axis(y), series).svg())
    return drawn


def _standing_alone(svg: str) -> str:
    """A drawing as a file: its colours inside, as no page gives them."""
    picture = svg[:svg.index("</svg>")]
    style = "".join(f".s{at}{{stroke:{colour};fill:none}}" for at, colour in enumerate(_COLOURS))
    style += "text{font:11px sans-serif;fill:#666;stroke:none}.grid,line{stroke:#ccc}.frame{fill:none}"
    legend = "".join(f'<text x="{80 + 90 * at}" y="24" style="fill:{colour}">{word}</text>'
                     for at, (word, colour) in enumerate(zip(("base", "this change"), _COLOURS, strict=True)))
    return picture.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace(
        "</title>", f"</title><style>{style}</style>", 1) + legend + "</svg>\n"

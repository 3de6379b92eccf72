"""Small drawings as SVG text: lines, bars and points that follow the page's colours, light or dark.

Colours come from the page's style sheet by class (`s0`, `s1`, ... `ghost`), so a drawing needs no second
version for dark mode or print, and the same numbers give the same bytes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

import numpy as np

from oilcan.core.phrasing.quantities import compact

_WIDTH: Final = 520.0
_HEIGHT: Final = 300.0
_LEFT: Final = 62.0
_RIGHT: Final = 14.0
_TOP: Final = 10.0
_BOTTOM: Final = 46.0


@dataclass(frozen=True)
class Chart:
    """A picture with its heading and how to read it."""

    heading: str
    caption: str
    svg: str


@dataclass(frozen=True)
class Series:
    """A named line or set of points; `style` is a class of the page, led by its colour."""

    name: str
    x: np.ndarray
    y: np.ndarray
    style: str = "s0"
    mark: str = "line"              # line, points, bars
    low: np.ndarray | None = None   # points: lower end of a whisker
    high: np.ndarray | None = None


@dataclass(frozen=True)
class Axis:
    """Label, limits (None: from the data) and form of one axis."""

    label: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    percent: bool = False


@dataclass(frozen=True)
class Drawing:
    """One picture: series on two axes, with lines and labels laid over."""

    title: str                      # read aloud by screen readers
    x: Axis
    y: Axis
    series: Sequence[Series]
    upright: Sequence[tuple[float, str]] = field(default_factory=tuple)     # vertical lines with a label

    def svg(self) -> str:
        """SVG element with its legend as a line of HTML below."""
        series = [each for each in self.series if len(each.x)]
        if not series:
            return '<p class="quiet">Nothing to draw.</p>'
        across = _Scale.of(self.x, [each.x for each in series], _LEFT, _WIDTH - _RIGHT)
        up = _Scale.of(self.y, [v for each in series for v in (each.y, each.low, each.high) if v is not None],
                       _HEIGHT - _BOTTOM, _TOP)
        body = [_grid(self.x, self.y, across, up)]
        body += [_draw(each, across, up) for each in series]
        body += [_upright(at, label, across) for at, label in self.upright]
        return (f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img"><title>{escape(self.title)}</title>'
                f'{"".join(body)}</svg>{_legend(series)}')


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float
    log: bool

    @classmethod
    def of(cls, axis: Axis, values: Sequence[np.ndarray], start: float, end: float) -> "_Scale":
        everything = np.concatenate([np.asarray(value, dtype=np.float64) for value in values])
        everything = everything[np.isfinite(everything)]
        low = axis.low if axis.low is not None else float(everything.min(initial=0.0 if not axis.log else np.inf))
        high = axis.high if axis.high is not None else float(everything.max(initial=low))
        if axis.log:
            low, high = math.log10(max(low, 1e-12)), math.log10(max(high, 1e-12))
        return cls(low, high if high > low else low + 1.0, start, end, axis.log)

    def __call__(self, value: np.ndarray | float) -> np.ndarray:
        position = np.log10(np.maximum(value, 1e-12)) if self.log else np.asarray(value, dtype=np.float64)
        share = np.clip((position - self.low) / (self.high - self.low), 0.0, 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.log:
            decades = range(math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9) + 1)
            found = [10.0**decade * step for decade in range(math.floor(self.low), math.ceil(self.high) + 1)
                     for step in ((1,) if len(decades) > 3 else (1, 2, 5))]
            return [tick for tick in found if self.low - 1e-9 <= math.log10(tick) <= self.high + 1e-9]
        return nice_ticks(self.low, self.high)


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers from `low` to `high`.

    Examples
    --------
    >>> nice_ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1.0, 2.0, 2.5, 5.0, 10.0) if size * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _grid(x: Axis, y: Axis, across: _Scale, up: _Scale) -> str:
    parts = []
    for tick in across.ticks():
        at = float(across(tick))
        parts.append(f'<line class="grid" x1="{at:.1f}" y1="{up.end:.1f}" x2="{at:.1f}" y2="{up.start:.1f}"/>'
                     f'<text x="{at:.1f}" y="{up.start + 16:.1f}" text-anchor="middle">{_number(tick, x)}</text>')
    for tick in up.ticks():
        at = float(up(tick))
        parts.append(f'<line class="grid" x1="{across.start:.1f}" y1="{at:.1f}" x2="{across.end:.1f}" y2="{at:.1f}"/>'
                     f'<text x="{across.start - 6:.1f}" y="{at + 4:.1f}" text-anchor="end">{_number(tick, y)}</text>')
    middle = (across.start + across.end) / 2, (up.start + up.end) / 2
    parts.append(f'<text class="label" x="{middle[0]:.1f}" y="{_HEIGHT - 8:.1f}" text-anchor="middle">'
                 f'{escape(x.label)}</text>'
                 f'<text class="label" transform="translate(14 {middle[1]:.1f}) rotate(-90)" text-anchor="middle">'
                 f'{escape(y.label)}</text>')
    return "".join(parts)


def _number(value: float, axis: Axis) -> str:
    if axis.percent:
        return f"{100 * value:g} %"
    return compact(value)


def _draw(series: Series, across: _Scale, up: _Scale) -> str:
    kept = np.isfinite(series.x) & np.isfinite(series.y)
    x, y = across(series.x[kept]), up(series.y[kept])
    if series.mark == "bars":
        return _bars(series, x, y, up)
    if series.mark == "line":
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        return f'<polyline class="line {series.style}" points="{path}"/>'
    whiskers = ""
    if series.low is not None and series.high is not None:
        ends = zip(x, up(series.low[kept]), up(series.high[kept]), strict=True)
        whiskers = "".join(f'<line class="whisker {series.style}" x1="{a:.1f}" y1="{b:.1f}" x2="{a:.1f}" y2="{c:.1f}"/>'
                           for a, b, c in ends)
    dots = "".join(f'<circle class="dot {series.style}" cx="{a:.1f}" cy="{b:.1f}" r="3"/>'
                   for a, b in zip(x, y, strict=True))
    return whiskers + dots


def _bars(series: Series, x: np.ndarray, y: np.ndarray, up: _Scale) -> str:
    width = max((float(np.diff(x).min()) if len(x) > 1 else 24.0) - 2.0, 1.0)
    return "".join(
        f'<rect class="bar {series.style}" x="{max(a - width / 2, _LEFT):.1f}" y="{b:.1f}" width="{width:.1f}" '
        f'height="{max(up.start - b, 0.0):.1f}"/>' for a, b in zip(x, y, strict=True))


def _upright(at: float, label: str, across: _Scale) -> str:
    x = float(across(at))
    side, anchor = (-5.0, "end") if x > (across.start + across.end) / 2 else (5.0, "start")
    return (f'<line class="upright" x1="{x:.1f}" y1="{_TOP:.1f}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM:.1f}"/>'
            f'<text class="note" x="{x + side:.1f}" y="{_TOP + 12:.1f}" text-anchor="{anchor}">{escape(label)}</text>')


def _legend(series: Sequence[Series]) -> str:
    named = [each for each in series if each.name]
    if not named:
        return ""
    entries = "".join(f'<span><i class="{each.style} {each.mark}"></i>{escape(each.name)}</span>' for each in named)
    return f'<p class="legend">{entries}</p>'

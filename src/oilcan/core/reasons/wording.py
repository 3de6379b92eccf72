"""How does the crew say what a feature shows? One sentence per reason, in its words and units."""

import math
import re
from collections.abc import Callable
from typing import Final

from oilcan.core.features.plan import Feature, FeaturePlan
from oilcan.core.features.signals.surface import Surface
from oilcan.ground.quantities import number, span, unit_words

_SINGULAR: Final = {"errors": "error", "maintenance": "maintenance", "failures": "failure"}
_EXPECTED: Final = " above expectation"     # ends the description of a sensor that conditions are taken out of
_EXPLAINED: Final = re.compile(r": [^,]*,")  # a description that explains its sensor: the sentence needs its name only
_FLAT: Final = 0.005                        # of the larger number; a smaller gap is none
_SMALL: Final = 0.1                         # of the value; a smaller normal of a difference is none


def sentence(plan: FeaturePlan, feature: Feature, value: float | None, normal: float | None) -> str:
    """What a feature shows, beside its normal.

    Parameters
    ----------
    value, normal
        In the feature's unit; None where missing.

    Examples
    --------
    >>> from oilcan.core.features.plan import Category, Sensor
    >>> plan = FeaturePlan("pumps", 1, "instant", (), (Sensor("v", "mm/s", "Vibration", "plain"),),
    ...                    categories=(Category("model", ("P100", "P200")),))
    >>> def said(kind, statistic, text, value, normal, window=24.0, unit="mm/s", sensor="v", code=None):
    ...     feature = Feature("f", kind, sensor, statistic, window, unit, text, code)
    ...     print(sentence(plan, feature, value, normal))
    >>> said("trailing", "mean", "Vibration, mean of the last 24 h", 46.2, 42.1)
    Vibration, mean of the last 24 h: 46.2 mm/s, 4.1 above its normal
    >>> said("trailing", "mean", "Vibration above expectation, mean of the last 24 h", 1.25, -0.02)
    Vibration, mean of the last 24 h: 1.25 mm/s above expectation, normally equal
    >>> said("trailing", "mean", "Health index: life left that the sensors tell, mean of the last 24 h", 30.0, 90.0,
    ...      unit="h")
    Health index, mean of the last 24 h: 30 h, 60 below its normal
    >>> said("trailing", "std", "Vibration, standard deviation of the last 24 h", 0.5, 0.5)
    Vibration, standard deviation of the last 24 h: 0.5 mm/s, its normal
    >>> said("ewm", "ewm", "Vibration, exponential average with half-life 24 h", 3.0, 4.0)
    Vibration, exponential average with half-life 24 h: 3 mm/s, 1 below its normal
    >>> said("level", "level", "Vibration, newest reading", None, 42.1, None)
    Vibration, newest reading: missing
    >>> said("slope", "slope", "Vibration, trend of the last 72 h", 0.031, 0.0, 72.0, "mm/s/h")
    Vibration, trend of the last 72 h: rising by 0.031 mm/s per h, normally steady
    >>> said("early_life", "early", "Vibration, mean of the last 24 h against the machine's first 168 h", 2.1, 0.1)
    Vibration, mean of the last 24 h: 2.1 mm/s above the machine's first 168 h, normally equal
    >>> said("fleet", "fleet", "Vibration, mean of the last 24 h against machines of the same model", -2.5, 0.0,
    ...      unit="standard deviations")
    Vibration, mean of the last 24 h: 2.5 standard deviations below machines of the same model, normally equal
    >>> said("events", "count", "", 3.0, 0.0, 72.0, "errors", "errors", "E12")
    Error E12 3 times in the last 72 h; usually 0
    >>> said("events", "since", "", 5.0, 300.0, None, "h", "errors", "E12")
    Error E12 last 5 h ago; usually 12.5 days
    >>> said("events", "since", "", 2000.0, 700.0, None, "h", "maintenance", "bearing")
    Maintenance of bearing last 83.3 days ago; usually 29.2 days
    >>> said("events", "since", "", None, 700.0, None, "h", "failures")
    No failure on record; usually 29.2 days ago
    >>> said("events", "elapsed", "", 8766.0, 4383.0, None, "h", "telemetry")
    Watched for 365 days; usually 183 days
    >>> said("static", "code", "Machine model", 1.0, 0.0, None, "code", "model")
    Machine model: P200
    """
    if feature.kind == "events":
        return _events(plan, feature, value, normal)
    if feature.kind == "static":
        return _static(plan, feature, value, normal)
    plain = _EXPLAINED.sub(",", feature.description.replace(_EXPECTED, "", 1), count=1)
    subject, _, other = plain.partition(" against ")
    if value is None:
        return f"{subject}: missing"
    if feature.unit == "%" and isinstance(plan.regimes, Surface) and feature.sensor in plan.regimes.relative:
        value, normal = _share(value), None if normal is None else _share(normal)
    unit = unit_words(feature.unit)
    if feature.statistic in {"slope", "trend"}:
        base, _, tick = feature.unit.rpartition("/")
        return f"{subject}: {_trend(value, f'{unit_words(base)} per {tick}')}{_normally(value, normal, _trend)}"
    if other:
        return f"{subject}: {_side(value, unit, other)}{_normally(value, normal, _side)}"
    expected = _EXPECTED in feature.description and feature.statistic != "std"
    if expected:
        return f"{subject}: {_side(value, unit, 'expectation')}{_normally(value, normal, _side)}"
    return f"{subject}: {number(value)}{unit}{_gap(value, normal)}"


def _share(hundredths: float) -> float:
    """Per cent of a hundred times a difference of logarithms: minus 69.3 is half, so 50 below."""
    return 100 * math.expm1(hundredths / 100)


def _is_same(value: float, normal: float) -> bool:
    return abs(value - normal) <= _FLAT * max(abs(value), abs(normal))


def _gap(value: float, normal: float | None) -> str:
    if normal is None:
        return ""
    if _is_same(value, normal):
        return ", its normal"
    return f", {number(abs(value - normal))} {'above' if value > normal else 'below'} its normal"


def _normally(value: float, normal: float | None, say: Callable[[float], str]) -> str:
    """The normal of what is itself a difference; next to none beside the value is none."""
    if normal is None:
        return ""
    return f", normally {say(0.0 if abs(normal) <= _SMALL * abs(value) else normal)}"


def _trend(value: float, unit: str = "") -> str:
    shown = number(abs(value))
    return "steady" if shown == "0" else f"{'rising' if value > 0 else 'falling'} by {shown}{unit}"


def _side(value: float, unit: str = "", other: str = "") -> str:
    shown = number(abs(value))
    if shown == "0":
        return f"equal to {other}" if other else "equal"
    return f"{shown}{unit} {'above' if value > 0 else 'below'} {other}".strip()


def _events(plan: FeaturePlan, feature: Feature, value: float | None, normal: float | None) -> str:
    def long(ticks: float) -> str:
        return span(ticks, "cycles" if plan.time == "cycle" else "h")

    usually = "" if normal is None else f"; usually {long(normal)}"
    what = _what(feature)
    if feature.statistic == "elapsed":
        return f"Watched for {'an unknown time' if value is None else long(value)}{usually}"
    if feature.statistic == "since":
        if value is None:
            return f"No {what[0].lower()}{what[1:]} on record{usually + ' ago' if usually else ''}"
        return f"{what} last {long(value)} ago{usually}"
    ticks = "cycles" if plan.time == "cycle" else "h"
    times = f"{number(value or 0.0)} time{'' if value == 1 else 's'}"
    when = "so far" if feature.window is None else f"in the last {feature.window:g} {ticks}"
    return f"{what} {times} {when}{'' if normal is None else f'; usually {number(normal)}'}"


def _what(feature: Feature) -> str:
    if feature.sensor == "renewals":
        return "Maintenance or failure"
    word = _SINGULAR.get(feature.sensor, feature.sensor).capitalize()
    if feature.value is None:
        return "Any error" if feature.sensor == "errors" else word
    return f"{word} {feature.value}" if feature.sensor == "errors" else f"{word} of {feature.value}"


def _static(plan: FeaturePlan, feature: Feature, value: float | None, normal: float | None) -> str:
    if value is None:
        return f"{feature.description}: unknown"
    if feature.statistic == "code":
        values = next((entry.values for entry in plan.categories if entry.column == feature.sensor), ())
        return f"{feature.description}: {values[int(value)] if 0 <= value < len(values) else 'not seen in training'}"
    if feature.statistic == "age":
        usually = "" if normal is None else f"; usually {span(normal, 'h')}"
        since = feature.description.removesuffix(", time since then")
        return f"{since} {span(value, 'h')} ago{usually}"
    return f"{feature.description}: {number(value)}{unit_words(feature.unit)}{_gap(value, normal)}"

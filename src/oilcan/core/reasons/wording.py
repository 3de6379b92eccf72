"""What does a feature show, in one sentence for the crew? Composed from the fields of the feature, in its units."""

import math
from collections.abc import Callable
from typing import Final

from oilcan.core.features.plan import Feature, FeaturePlan
from oilcan.core.features.signals.surface import Surface
from oilcan.core.phrasing.quantities import number, span, unit_words
from oilcan.ground.time_units import in_ticks, in_unit, length_unit

_FLAT: Final = 0.005                        # share of the larger number below which two numbers count as equal
_SMALL: Final = 0.1                         # share of the value below which the normal of a difference counts as zero


def sentence(plan: FeaturePlan, feature: Feature, value: float | None, normal: float | None) -> str:
    """What a feature shows, compared with its normal.

    Parameters
    ----------
    value, normal
        In the feature's unit; None where missing.

    Examples
    --------
    >>> from oilcan.core.features.plan import Category
    >>> plan = FeaturePlan("pumps", 1, "instant", (), (), categories=(Category("model", ("P100", "P200")),))
    >>> def show(kind, statistic, value, normal, words=("Vibration", "mean of the last 24 h"), window=24.0,
    ...          unit="mm/s", sensor="v", code=None):
    ...     feature = Feature("f", kind, sensor, statistic, window, unit, "", *words, value=code)
    ...     print(sentence(plan, feature, value, normal))
    >>> show("trailing", "mean", 46.2, 42.1)
    Vibration, mean of the last 24 h: 46.2 mm/s, 4.1 above its normal
    >>> show("trailing", "mean", 1.25, -0.02, ("Vibration", "mean of the last 24 h", "expectation"))
    Vibration, mean of the last 24 h: 1.25 mm/s above expectation, normally equal
    >>> show("trailing", "std", 0.5, 0.5, ("Vibration", "standard deviation of the last 24 h"))
    Vibration, standard deviation of the last 24 h: 0.5 mm/s, its normal
    >>> show("level", "level", None, 42.1, ("Vibration", "newest reading"))
    Vibration, newest reading: missing
    >>> show("slope", "slope", 0.031, 0.0, ("Vibration", "trend of the last 72 h"), 72.0, "mm/s/h")
    Vibration, trend of the last 72 h: rising by 0.031 mm/s per h, normally steady
    >>> show("early_life", "early", 2.1, 0.1, ("Vibration", "mean of the last 24 h", "the machine's first 168 h"))
    Vibration, mean of the last 24 h: 2.1 mm/s above the machine's first 168 h, normally equal
    >>> show("fleet", "fleet", -2.5, 0.0, ("Vibration", "mean of the last 24 h", "machines of the same model"),
    ...      unit="standard deviations")
    Vibration, mean of the last 24 h: 2.5 standard deviations below machines of the same model, normally equal
    >>> show("events", "count", 3.0, 0.0, ("error E12",), 72.0, "errors", "errors", "E12")
    Error E12 3 times in the last 72 h; usually 0
    >>> show("events", "since", 5.0, 300.0, ("error E12",), None, "h", "errors", "E12")
    Error E12 last 5 h ago; usually 12.5 days
    >>> show("events", "since", 2000.0, 700.0, ("maintenance of bearing",), None, "h", "maintenance", "bearing")
    Maintenance of bearing last 83.3 days ago; usually 29.2 days
    >>> show("events", "since", None, 700.0, ("failure",), None, "h", "failures")
    No failure on record; usually 29.2 days ago
    >>> show("events", "elapsed", 8766.0, 4383.0, ("the machine's first reading",), None, "h", "telemetry")
    Watched for 365 days; usually 183 days
    >>> running = FeaturePlan("rigs", 1, "elapsed s", (), ())
    >>> sentence(running, Feature("f", "events", "failures", "since", None, "h", "", "failure", ""), 0.025, 0.5)
    'Failure last 90 s ago; usually 1,800 s'
    >>> show("drift", "remaining", 55.0, 700.0, ("Wear over all sensors",), None, "h")
    At the pace of its wear it reaches where machines fail in about 55 h; usually 29.2 days
    >>> show("drift", "constant", 40.0, None, ("Wear over all sensors",), None, "h")
    Its wear grows with a time constant of 40 h
    >>> show("drift", "doubt", 9.0, 30.0, ("Wear over all sensors",), None, "h")
    The pace of its wear tells its remaining life to within 9 h; usually 30 h
    >>> show("drift", "margin", -2.0, 19.0, ("Wear over all sensors",), None, "1")
    Its wear is 2 beyond where machines fail, usually 19 short of it (in standard deviations of a reading)
    >>> show("static", "code", 1.0, 0.0, ("Machine model",), None, "code", "model")
    Machine model: P200
    """
    if feature.kind == "events":
        return _events(plan, feature, value, normal)
    if feature.kind == "drift" and value is not None:
        return _wear(plan, feature.statistic, value, normal)
    if feature.kind == "static":
        return _static(plan, feature, value, normal)
    subject = f"{feature.subject}, {feature.measure}" if feature.measure else feature.subject
    if value is None:
        return f"{subject}: missing"
    if feature.unit == "%" and isinstance(plan.regimes, Surface) and feature.sensor in plan.regimes.relative:
        value, normal = _share(value), None if normal is None else _share(normal)
    if feature.statistic in {"slope", "trend"}:
        base, _, tick = feature.unit.rpartition("/")
        lengths = _lengths(plan)
        if plan.time.startswith("elapsed"):         # rates are per hour in all plans with time
            value, normal = in_ticks(value, lengths), None if normal is None else in_ticks(normal, lengths)
            tick = "h" if lengths == "hours" else lengths
        return f"{subject}: {_trend(value, f'{unit_words(base)} per {tick}')}{_normally(value, normal, _trend)}"
    unit = unit_words(feature.unit)
    if feature.reference is not None:
        return f"{subject}: {_side(value, unit, feature.reference)}{_normally(value, normal, _side)}"
    return f"{subject}: {number(value)}{unit}{_gap(value, normal)}"


def _lengths(plan: FeaturePlan) -> str:
    """Unit in which lengths of time are shown."""
    return length_unit(*plan.time.split())


def _plain(ticks: float, lengths: str) -> str:
    """A window as its feature is named: `72 h`, never in days."""
    return f"{in_unit(ticks, lengths):g} {'h' if lengths == 'hours' else lengths}"


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
    """The normal of a difference; a normal below 10 % of the value counts as zero."""
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
    lengths = _lengths(plan)

    def long(ticks: float) -> str:
        return span(in_unit(ticks, lengths), lengths)

    usually = "" if normal is None else f"; usually {long(normal)}"
    if feature.statistic == "elapsed":
        return f"Watched for {'an unknown time' if value is None else long(value)}{usually}"
    if value is None and feature.statistic == "since":
        return f"No {feature.subject} on record{usually + ' ago' if usually else ''}"
    any_error = feature.sensor == "errors" and feature.value is None
    event = "Any error" if any_error else feature.subject[:1].upper() + feature.subject[1:]
    if feature.statistic == "since":
        return f"{event} last {long(value or 0.0)} ago{usually}"
    times = f"{number(value or 0.0)} time{'' if value == 1 else 's'}"
    when = "so far" if feature.window is None else f"in the last {_plain(feature.window, lengths)}"
    return f"{event} {times} {when}{'' if normal is None else f'; usually {number(normal)}'}"


def _wear(plan: FeaturePlan, statistic: str, value: float, normal: float | None) -> str:
    """What the drift of the hidden state says."""
    if statistic == "margin":
        usually = "" if normal is None else f", usually {_short_of(normal)} it"
        return f"Its wear is {_short_of(value)} where machines fail{usually} (in standard deviations of a reading)"
    lengths = _lengths(plan)
    begin = {"remaining": "At the pace of its wear it reaches where machines fail in about",
             "constant": "Its wear grows with a time constant of",
             "doubt": "The pace of its wear tells its remaining life to within"}[statistic]
    usually = "" if normal is None else f"; usually {span(in_unit(normal, lengths), lengths)}"
    return f"{begin} {span(in_unit(value, lengths), lengths)}{usually}"


def _short_of(margin: float) -> str:
    return f"{number(abs(margin))} {'short of' if margin >= 0 else 'beyond'}"


def _static(plan: FeaturePlan, feature: Feature, value: float | None, normal: float | None) -> str:
    subject = feature.subject
    if feature.statistic == "age":
        usually = "" if normal is None else f"; usually {span(normal, 'h')}"
        elapsed = None if value is None else span(value, "h")
        return f"{subject}, {feature.measure}: unknown" if elapsed is None else f"{subject} {elapsed} ago{usually}"
    if value is None:
        return f"{subject}: unknown"
    if feature.statistic == "code":
        values = next((entry.values for entry in plan.categories if entry.column == feature.sensor), ())
        return f"{subject}: {values[int(value)] if 0 <= value < len(values) else 'not seen in training'}"
    return f"{subject}: {number(value)}{unit_words(feature.unit)}{_gap(value, normal)}"

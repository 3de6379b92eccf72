"""The families of features as the online engine computes them, one entry per family of batch.

An entry looks at its features once, where their numbers will stand, and returns a function that fills
their columns from what is known of some machines. Every family of `features.families` must have one here.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from oilcan.core.features.families.drift import statistics
from oilcan.core.features.families.early_life import PERIODS, moved
from oilcan.core.features.plan import Feature
from oilcan.core.online.compiled_plan import Parts
from oilcan.core.online.instant_view import InstantView
from oilcan.core.online.state.machine_arrays import NONE
from oilcan.core.timeline.lookup import window_units

Columns = Callable[[InstantView], np.ndarray]       # (m, features)


def level(parts: Parts, features: list[Feature]) -> Columns:
    """The newest reading itself."""
    at = [parts.column(f.sensor) for f in features]
    return lambda view: view.state["level"][:, at]


def trailing(parts: Parts, features: list[Feature]) -> Columns:
    """Statistics of windows; a slope is one of them."""
    found = {name: [at for at, f in enumerate(features) if f.statistic == name] for name in parts.sliding.used}
    pairs = np.array([parts.sliding.pair(f) for f in features])

    def columns(view: InstantView) -> np.ndarray:
        out = np.empty((len(view.slots), len(features)))
        for name, at in found.items():
            out[:, at] = view.windows[name][:, pairs[at]]
        return out

    return columns


def ewm(parts: Parts, _: list[Feature]) -> Columns:
    """Exponential averages; they are kept in the order of their features."""
    return lambda view: parts.averages.at(view.state, view.now)


def early_life(parts: Parts, features: list[Feature]) -> Columns:
    """How far the mean of a window, or of all so far, stands from the machine's own normal."""
    normal = np.array([parts.lives.place(PERIODS.get(f.statistic, f.statistic), parts.column(f.sensor))
                       for f in features])  # fmt: skip
    windowed = [at for at, f in enumerate(features) if f.window]
    pairs = [parts.sliding.pair(features[at]) for at in windowed]
    rates = [at for at, f in enumerate(features) if f.statistic == "rate"]
    drifts = [at for at, f in enumerate(features) if f.statistic == "drift"]
    early = [parts.lives.place("early", parts.column(features[at].sensor)) for at in drifts]
    trends = [at for at, f in enumerate(features) if f.statistic == "trend"]
    windows = np.array([features[at].window for at in rates])

    def columns(view: InstantView) -> np.ndarray:
        means, out = view.normals("mean"), np.empty((len(view.slots), len(features)))
        out[:, windowed] = moved(view.windows["mean"][:, pairs], means[:, normal[windowed]])
        began = np.maximum(view.replaced, view.state["first"])
        out[:, rates] /= np.fmax(view.since(began)[:, None], windows)
        out[:, drifts] = moved(means[:, normal[drifts]], means[:, early])
        if trends:
            out[:, trends] = view.normals("slope")[:, normal[trends]]
        return out

    return columns


def drift(parts: Parts, features: list[Feature]) -> Columns:
    """What the drift of the hidden state says, where the present life has a reading."""
    model, names = parts.plan.drift, [f.statistic for f in features]
    assert model is not None        # noqa: S101 - else there is no such feature

    def columns(view: InstantView) -> np.ndarray:
        out = np.full((len(view.slots), len(features)), np.nan)
        at = np.flatnonzero((view.began == view.state["began"]) & (view.now != NONE))
        sums = parts.wear.at({name: each[at] for name, each in view.state.items()}, view.now[at])
        out[at] = statistics(model, view.since(view.began)[at], sums, names)
        return out

    return columns


def fleet(parts: Parts, features: list[Feature]) -> Columns:
    """Standard deviations between a window's mean and that of the machine's like."""
    by_sensor = {reference.sensor: reference for reference in parts.plan.fleet}
    references = [by_sensor[f.sensor] for f in features]
    pairs = [parts.sliding.pair(f) for f in features]

    def columns(view: InstantView) -> np.ndarray:
        out = view.windows["mean"][:, pairs]
        for at, reference in enumerate(references):
            code = view.static(reference.column)
            place = np.where(code >= 0, code, len(reference.values)).astype(np.int64)   # NaN and unseen: all machines
            out[:, at] = (out[:, at] - np.array(reference.mean)[place]) / np.array(reference.std)[place]
        return out

    return columns


def events(parts: Parts, features: list[Feature]) -> Columns:
    """Time since the last record, records in a window, records in all, and time lived."""
    elapsed = [at for at, f in enumerate(features) if f.statistic == "elapsed"]
    since, total = ([at for at, f in enumerate(features) if f.statistic == name] for name in ("since", "total"))
    key = np.array([parts.records.keys.get((f.sensor, f.value), -1) for f in features])
    windows = sorted({f.window for f in features if f.statistic == "count" and f.window})
    counts = {window: [at for at, f in enumerate(features) if f.statistic == "count" and f.window == window]
              for window in windows}  # fmt: skip

    def columns(view: InstantView) -> np.ndarray:
        out = np.empty((len(view.slots), len(features)))
        out[:, elapsed] = view.since(view.state["first"])[:, None]
        out[:, since] = view.since(view.last[:, key[since]])
        out[:, total] = view.records.count(np.full(len(view.slots), NONE))[:, key[total]]
        for window, at in counts.items():
            out[:, at] = view.records.count(view.now - window_units(window, parts.per_tick))[:, key[at]]
        return out

    return columns


def static(_: Parts, features: list[Feature]) -> Columns:
    """Model, site, rating, age."""
    one = [_age if f.statistic == "age" else InstantView.static for f in features]
    return lambda view: np.stack([read(view, f.sensor) for read, f in zip(one, features, strict=True)], axis=1)


def _age(view: InstantView, column: str) -> np.ndarray:
    born = view.static(column)
    return np.where(view.now == NONE, np.nan, (view.now - born) / view.parts.per_tick)


ONLINE: Final[dict[str, Callable[[Parts, list[Feature]], Columns]]] = {
    "level": level,
    "trailing": trailing,
    "ewm": ewm,
    "slope": trailing,
    "early_life": early_life,
    "drift": drift,
    "fleet": fleet,
    "events": events,
    "static": static,
}

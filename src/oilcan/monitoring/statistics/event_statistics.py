"""Do failures, work, errors and alarms come as often as in the reference, and as often as the forecasts say?

Two rates are compared without assuming that the reference is exact: of k events now and K then, with exposures e and
E, k is binomial with share e / (e + E) if nothing changed (Przyborowski and Wilenski, Homogeneity of results in
testing samples from Poisson series, Biometrika 31, 1940). Three things make a rate less certain than its count says,
and all are learned from the reference:

- *dispersion*: events that come in clusters, of whatever machines. Counts are divided by it.
- *burst*: events of one machine that come together. Counts are divided by it instead where it is larger. What the
  reference shows and what the windows show that are judged count by their events: a fault may repeat its code far more
  often than any fault of the reference.
- *wander*: the rate itself goes up and down with season, load and the age of the fleet. A rate that wanders by a third
  is known no better than from nine events, however many were counted (gamma-Poisson mixture).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
from scipy.special import betainc

from oilcan.monitoring.alerts.window_findings import Finding, Unknown
from oilcan.monitoring.statistics.event_bursts import Places
from oilcan.params.operating.monitoring import EventRules

HEADLINES: Final = ("failures", "planned work", "forecast failures", "alarms", "announced failures")
_LOOKS: Final = 3.0                     # looks at overlapping spans that count as one new look
_DISPERSION: Final = (1.0, 12.0)        # less than chance is not believed, more is hardly a rate
_MOST_WANDER: Final = 1.0
_ALIKE: Final = 24.0                   # failures of any kind that say as much of how well one kind is forecast


@dataclass(frozen=True)
class Rate:
    """Events of one kind in the reference.

    Attributes
    ----------
    count, exposure
        Events, and what they are counted against: machine-slots, failures, or failures that were forecast.
    dispersion
        Variance of the counts of a window over their mean, at least 1.
    wander
        Coefficient of variation of the rate itself from one longest span to the next.
    burst
        Variance of the counts of a machine in a longest span over their mean, at least 1.
    """

    count: float
    exposure: float
    dispersion: float = 1.0
    wander: float = 0.0
    burst: float = 1.0

    def as_json(self) -> dict[str, float]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Rate":
        """The inverse of `as_json`."""
        return cls(**values)


@dataclass(frozen=True)
class EventCounts:
    """Events of consecutive windows.

    Attributes
    ----------
    count, exposure
        Kind -> by window, shape (w,); NaN where the window cannot be known yet.
    places
        Kind -> where its events are, for kinds that may come in bursts.
    """

    count: Mapping[str, np.ndarray]
    exposure: Mapping[str, np.ndarray]
    places: Mapping[str, Places] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of windows."""
        return len(next(iter(self.count.values()), ()))

    def last(self, end: int, size: int) -> "EventCounts":
        """The windows before a position, at most `size` of them."""
        kept = slice(max(0, end - size), end)
        count, exposure = ({kind: values[kept] for kind, values in of_kind.items()}
                           for of_kind in (self.count, self.exposure))
        return EventCounts(count, exposure,
                           {kind: places.between(kept.start, end) for kind, places in self.places.items()})


def learn_rates(counts: EventCounts, *, span: int, least_wander: float) -> dict[str, Rate]:
    """Rates of all kinds over the windows of the reference.

    Parameters
    ----------
    span
        Windows of a stretch between which a rate wanders.
    least_wander
        Assumed at least: one reference has few stretches to learn it from.
    """
    known = {kind: _known(values, counts.exposure[kind]) for kind, values in counts.count.items()}
    bursts = {kind: _known_burst(counts, kind, span) for kind in known}
    dispersions = {kind: _dispersion(*pair) for kind, pair in known.items()}
    clusters = {kind: max(bursts[kind], dispersions[kind]) for kind in known}
    out = {}
    for kind, (count, exposure) in known.items():
        family = [other for other in known if _family(other) == _family(kind)]
        wander = max(least_wander, *(_wander([(*known[name], clusters[name]) for name in names], span)
                                     for names in ([kind], family)))
        seen, against = count.sum(), exposure.sum()
        if _family(kind) == "forecast failures" != kind:
            seen, against = _with_alike(seen, against, *(values.sum() for values in known[_family(kind)]))
        out[kind] = Rate(round(float(seen), 6), round(float(against), 6), dispersions[kind],
                         round(min(wander, _MOST_WANDER), 6), bursts[kind])
    return out


def _with_alike(seen: float, expected: float, of_all: float, expected_of_all: float) -> tuple[float, float]:
    """Failures of one kind, seen and expected, and with them those of all kinds under the same forecasts.

    A kind with three failures in the reference says little; that the others came as often as expected says more.

    Examples
    --------
    >>> _with_alike(3.0, 2.0, 40.0, 40.0)
    (27.0, 26.0)
    """
    if of_all <= 0 or expected_of_all <= 0:
        return seen, expected
    more = min(of_all, _ALIKE)
    return seen + more, expected + more * expected_of_all / of_all


def _family(kind: str) -> str:
    return kind.partition(": ")[0]


def _known(count: np.ndarray, exposure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = ~(np.isnan(count) | np.isnan(exposure)) & (exposure > 0)
    return count[known], exposure[known]


def _dispersion(count: np.ndarray, exposure: np.ndarray) -> float:
    if len(count) < 8 or count.sum() < 8:
        return 1.0
    expected = exposure * count.sum() / exposure.sum()
    value = float(np.mean((count - expected) ** 2 / expected)) * len(count) / (len(count) - 1)
    return round(float(np.clip(value, *_DISPERSION)), 6)


def _known_burst(counts: EventCounts, kind: str, span: int) -> float:
    """Burst of a kind in the windows in which it can be known: those of alarms begin with the first forecast."""
    if kind not in counts.places:
        return 1.0
    first = int((~np.isnan(counts.count[kind])).argmax())
    return counts.places[kind].between(first, len(counts)).burst(len(counts) - first, span)


def _wander(kinds: Sequence[tuple[np.ndarray, np.ndarray, float]], span: int) -> float:
    """Coefficient of variation of rates between stretches, chance taken out; 0 with fewer than three stretches."""
    beyond, size = 0.0, 0.0
    for count, exposure, dispersion in kinds:
        stretches = len(count) // span
        if stretches < 3 or count.sum() <= 0:
            continue
        k, e = (values[-stretches * span:].reshape(stretches, span).sum(axis=1) for values in (count, exposure))
        expected = e * k.sum() / e.sum()
        beyond += float(((k - expected) ** 2).sum() * stretches / (stretches - 1) - dispersion * expected.sum())
        size += float((expected**2).sum())
    return float(np.sqrt(max(beyond, 0.0) / size)) if size > 0 else 0.0


def chances(k: float, e: float, rate: Rate) -> tuple[float, float]:
    """Chance of at least, and of at most, so many events if nothing changed.

    Parameters
    ----------
    k, e
        Events now and their exposure, > 0.

    Examples
    --------
    >>> high, low = chances(30, 100.0, Rate(100, 1000.0))
    >>> round(high, 6), round(low, 3)
    (0.0, 1.0)
    >>> high, low = chances(30, 100.0, Rate(100, 1000.0, wander=0.5))        # the same of a rate that wanders
    >>> round(high, 3)
    0.02
    """
    x, known = k / rate.dispersion, rate.count / rate.dispersion
    certain = known / (1 + known * rate.wander**2)          # events that say as much of a rate that stands still
    mean = known * e / rate.exposure
    share = mean / (mean + certain) if known > 0 else e / (e + rate.exposure)
    high = 1.0 if x <= 0 else float(betainc(x, certain + 1, share))
    low = 1.0 if certain <= 0 else 1.0 - float(betainc(x + 1, certain, share))
    return high, low


def event_findings(counts: EventCounts, rates: Mapping[str, Rate], rules: EventRules, *, budget: float,
                   per_year: float) -> tuple[list[Finding], list[Unknown]]:
    """Kinds whose rate has changed over the last windows, and those too rare to say.

    Parameters
    ----------
    counts
        Windows up to the one that is judged.
    budget
        False alerts a year that these rules may raise.
    per_year
        Windows in a year.
    """
    headlines = [kind for kind in rates if kind in HEADLINES or _family(kind) == "forecast failures"]
    others = [kind for kind in rates if kind not in headlines]
    found, unknown = [], []
    for kinds, share in ((headlines, rules.headline_share), (others, 1 - rules.headline_share)):
        for kind in kinds:
            best = None
            for span in rules.spans:
                looks = per_year * min(1.0, _LOOKS / span)
                alpha = budget * share / looks / len(kinds) / len(rules.spans) / 2
                result = _compare(counts, kind, rates[kind], span, alpha, rules.fewest)
                if isinstance(result, Finding) and (best is None or result.detail["chance"] < best.detail["chance"]):
                    best = result
                if isinstance(result, Unknown) and span == max(rules.spans):
                    unknown.append(result)
            if best is not None:
                found.append(best)
    return found, unknown


def _compare(counts: EventCounts, kind: str, rate: Rate, span: int, alpha: float, fewest: int
             ) -> Finding | Unknown | None:
    k_all, e_all = counts.count.get(kind, np.zeros(0))[-span:], counts.exposure.get(kind, np.zeros(0))[-span:]
    known = ~(np.isnan(k_all) | np.isnan(e_all))
    k, e = float(k_all[known].sum()), float(e_all[known].sum())
    if e <= 0 or rate.exposure <= 0:
        return Unknown(kind, f"nothing to count against in the last {span} windows")
    expected = rate.count / rate.exposure * e
    if max(k, expected) < fewest or known.sum() < span:
        return Unknown(kind, f"{k:.0f} seen and {expected:.1f} expected in {int(known.sum())} of {span} windows, fewer "
                             f"than {fewest}: not enough data" if max(k, expected) < fewest else
                       f"known in {int(known.sum())} of {span} windows: not enough data")
    high, low = chances(k, e, _with_bursts(rate, counts, kind, span))
    chance = min(high, low)
    if chance >= alpha:
        return None
    return Finding("events", "rate", kind, "alert", k, round(expected, 3), "events",
                   detail={"span": span, "chance": chance, "direction": "more" if high < low else "fewer",
                           "exposure": e})


def _with_bursts(rate: Rate, counts: EventCounts, kind: str, span: int) -> Rate:
    """The rate as if each burst were one event, the bursts of the last windows among them."""
    if kind not in counts.places:
        return rate
    last = counts.places[kind].between(len(counts) - span, len(counts))
    seen = len(last.window)
    burst = (rate.count * rate.burst + seen * last.burst(span, span)) / max(rate.count + seen, 1.0)
    return replace(rate, dispersion=max(rate.dispersion, burst))


def planned_work(work: Sequence[tuple[str, int]], failures: Sequence[tuple[str, int]], *, within: int) -> list[bool]:
    """Which work follows no failure of its machine: the crew's plan, not a repair.

    Parameters
    ----------
    work, failures
        Machine and exact time.
    within
        Exact time after a failure in which work is its repair.

    Examples
    --------
    >>> planned_work([("a", 10), ("a", 50)], [("a", 8)], within=5)
    [False, True]
    """
    of_machine: dict[str, list[int]] = {}
    for machine, time in failures:
        of_machine.setdefault(machine, []).append(time)
    sorted_times = {machine: np.sort(np.array(times)) for machine, times in of_machine.items()}
    out = []
    for machine, time in work:
        times = sorted_times.get(machine)
        at = -1 if times is None else int(np.searchsorted(times, time, side="right")) - 1
        out.append(times is None or at < 0 or time - int(times[at]) > within)
    return out

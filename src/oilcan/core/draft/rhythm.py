"""How often does a machine report, and which flags look like failures?"""

import re
from dataclasses import dataclass
from typing import Final

import pandas as pd

from oilcan.core.draft.column_names import Name, canonical
from oilcan.core.draft.file_groups import Group

_FAILURE: Final = re.compile(r"fail|breakdown|broken|outage|ausfall|stillstand|(^|_)(down|stopped|tripped)(_|$)")


@dataclass(frozen=True)
class Rhythm:
    """The usual step between readings of a machine, in seconds or cycles, and the share of steps that have it."""

    step: float
    share: float


@dataclass(frozen=True)
class FailureFlag:
    """A flag column with the number of times it is true, and the share of these that are a machine's last row."""

    name: Name
    count: int
    share_last: float


def rhythm(group: Group) -> Rhythm | None:
    """The most frequent step between readings of a machine; None without one."""
    if group.time is None:
        return None
    time = group.looks[group.time].values
    steps = time.sort_values().groupby(group.id_values()).diff().dropna()
    if group.looks[group.time].type == "instant":
        steps = steps.dt.total_seconds()
    steps = steps[steps > 0]
    if steps.empty:
        return None
    usual = steps.mode().iloc[0]
    return Rhythm(float(usual), float((steps == usual).mean()))


def duration(seconds: float) -> str:
    """Seconds in the largest unit that gives a whole number.

    Examples
    --------
    >>> duration(3600), duration(600), duration(172800), duration(0.5)
    ('1h', '10min', '2d', '0.5s')
    """
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"


def step_of(guess_kind: str, step: float, unit: str) -> str:
    """A step between readings as the contract writes it: cycles, or a duration with its unit.

    Examples
    --------
    >>> step_of("cycle", 5.0, "h"), step_of("elapsed", 0.5, "s"), step_of("elapsed", 90.0, "min")
    ('5 cycles', '0.5s', '90min')
    """
    if guess_kind == "cycle":
        return f"{step:g} cycles"
    return f"{step:g}{unit}" if guess_kind == "elapsed" else duration(step)


def failure_flags(group: Group) -> list[FailureFlag]:
    """Flags named like failures, or true in hardly any row but machines' last ones; the likeliest first."""
    found = []
    last = _is_last_row(group)
    for name, look in group.looks.items():
        count = int(look.values.fillna(False).astype("bool").sum()) if look.type == "flag" else 0
        named = _FAILURE.search(canonical(name)) is not None
        if look.type != "flag" and not (named and look.type == "integer"):
            continue
        share_last = float(last[look.values.fillna(False).astype("bool")].mean()) if count else 0.0
        if named or (group.time is not None and count and share_last > 0.9):
            found.append(FailureFlag(name, count, share_last))
    return sorted(found, key=lambda flag: (-flag.share_last, "machine" not in str(flag.name).lower(), -flag.count))


def implied(group: Group, flag: Name, label: Name) -> bool:
    """Whether `flag` is true hardly anywhere but where `label` is: as an input it would give it away."""
    where = group.looks[flag].values.fillna(False).astype("bool")
    return bool(where.any()) and float(group.looks[label].values[where].astype("float64").mean()) >= 0.9


def _is_last_row(group: Group) -> pd.Series:
    ids = group.id_values()
    if group.time is None:
        return pd.Series(False, index=ids.index)
    time = group.looks[group.time].values
    return time == time.groupby(ids).transform("max")

"""In which format are the instants of a file written?"""

from dataclasses import replace
from typing import Final

import pandas as pd

from oilcan.core.draft.file_groups import Group
from oilcan.core.draft.seen import Look

_FEWEST_STEPS: Final = 20            # between readings; with fewer, no format is called regular


def in_regular_format(look: Look, text: pd.Series, ids: pd.Series) -> Look:
    """Read in the one of several possible formats that makes the steps between readings regular, if it stands out."""
    shares = {}
    for form in look.formats:
        time = pd.to_datetime(text.str.strip(), format=form, errors="coerce", utc=True)
        steps = time.groupby(ids).diff().dropna()
        steps = steps[steps > pd.Timedelta(0)]
        shares[form] = float((steps == steps.mode().iloc[0]).mean()) if len(steps) >= _FEWEST_STEPS else 0.0
    best, second = sorted(shares, key=lambda form: -shares[form])[:2]
    stands_out = shares[best] > 0.5 and 3 * (1 - shares[best]) <= 1 - shares[second] and shares[second] < 1
    return _read_as(look, text, best) if stands_out else look


def in_format(group: Group, form: str) -> Group:
    """Read dates that fit several formats in the format of the telemetry."""
    text = pd.concat([file.frame for file in group.files], ignore_index=True)
    looks = {name: _read_as(look, text[name], form) if len(look.formats) > 1 and form in look.formats else look
             for name, look in group.looks.items()}
    return replace(group, looks=looks)


def with_clock(group: Group) -> Group:
    """Combine a date and a time of day from two columns into one instant."""
    if group.time is None or group.looks[group.time].type != "instant":
        return group
    date = group.looks[group.time]
    clock = next((name for name, look in group.looks.items() if look.is_clock), None)
    present = date.values.dropna()
    if clock is None or not (present == present.dt.normalize()).all():
        return group
    times = group.looks[clock].values
    form = "%H:%M:%S" if times.dropna().iloc[:1].str.count(":").eq(2).all() else "%H:%M"
    joined = date.values + pd.to_timedelta(times.where(times.str.count(":") == 2, times + ":00"), errors="coerce")
    look = replace(date, values=joined, formats=tuple(f"{day} {form}" for day in date.formats or ("%Y-%m-%d",)))
    return replace(group, clock=clock, looks=dict(group.looks) | {group.time: look})


def _read_as(look: Look, text: pd.Series, form: str) -> Look:
    values = pd.to_datetime(text.str.strip(), format=form, errors="coerce", utc=True)
    return replace(look, values=values, formats=(form,))

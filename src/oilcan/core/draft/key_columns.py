"""Which columns identify a record: machine, time, end of an event, and tag and value of a long table."""

import re
from collections.abc import Mapping
from typing import Final

import pandas as pd

from oilcan.core.draft.column_names import Name, canonical
from oilcan.core.draft.seen import Look, as_epoch

_MACHINE: Final = re.compile(
    r"(machine|asset|unit|engine|device|equipment|pump|turbine|vehicle|truck|serial|motor|drive|robot|"
    r"maschinen?|anlagen?|pumpen?|turbinen?|geraete?|aggregat|fahrzeug|antrieb)_?"
    r"(id|nr|no|number|name|code|nummer|kennung)?|id|udi|product_id|(run|lot|batch|charge|los|experiment|sample)"
    r"_?(id|nr|no|number|name)?")
_TIME: Final = re.compile(
    r"(date_?time|time_?stamp|time|date|ts|day|zeit(punkt|stempel)?|datum|epoch|unix)(_utc|_ms|_s)?")
_START: Final = re.compile(r"(start|begin|from|beginn|von|down|opened)(_.*)?|.*_(start|begin|from)")
_END: Final = re.compile(r"(end|until|to|stop|finish(ed)?|closed|ende|bis|up)(_(time|date|at))?|(time|date)_(end|to)")
_CYCLE: Final = re.compile(
    r"(time_?(in_)?|elapsed_?|run(ning)?_?)?(cycles?|operating_hours|betriebsstunden|hours|minutes|seconds|elapsed|time"
    r"(_?stamp)?|t|step|tick|index)(_nr|_number|_step|_s|_sec|_min|_h|_hours)?")
_TAG: Final = re.compile(r"tag|signal|sensor|channel|variable|item|point|parameter|measure|name|kanal|messstelle")
_VALUE: Final = re.compile(r"value|val|reading|wert|messwert")
_RUNNING: Final[dict[str, frozenset[str]]] = {
    "s": frozenset({"s", "sec", "secs", "second", "seconds", "sekunden"}),
    "min": frozenset({"min", "mins", "minute", "minutes", "minuten"}),
    "h": frozenset({"h", "hr", "hrs", "hour", "hours", "stunden", "betriebsstunden"})}


def machine_column(looks: Mapping[Name, Look], header: bool) -> Name | None:
    """The column that names the machine; None if there is none. Without a header only the first column can be it."""
    named = [name for name in looks if isinstance(name, str) and _MACHINE.fullmatch(canonical(name))]
    if named:
        return min(named, key=lambda name: (not re.search(r"machine|asset|unit|serial", canonical(name)),
                                            list(looks).index(name)))
    if not header and looks[0].type in {"integer", "text"} and len(looks) > 1:
        return 0
    return None


def time_column(looks: Mapping[Name, Look], machine: Name | None, ids: pd.Series, header: bool) -> Name | None:
    """The column of the record's time: an instant, else an epoch, else a number that rises within every machine."""
    instants = [name for name, look in looks.items() if look.type == "instant" and name != machine]
    if instants:
        return min(instants, key=lambda name: (not _TIME.fullmatch(canonical(name)),
                                               not _START.fullmatch(canonical(name)),
                                               bool(_END.fullmatch(canonical(name)))))
    whole = [name for name, look in looks.items() if look.type == "integer" and name != machine]
    for name in whole:
        if header and _TIME.fullmatch(canonical(name)) and as_epoch(looks[name]) is not None:
            return name
    fractions = [name for name, look in looks.items() if look.type == "number" and header and running_unit(name)]
    for name in [*whole, *fractions]:
        if header and not _CYCLE.fullmatch(canonical(name)):
            continue
        steps = looks[name].values.groupby(ids).diff().dropna()
        if len(steps) and (steps > 0).all() and (machine is not None or header):
            return name
    return None


def end_column(looks: Mapping[Name, Look], time: Name) -> Name | None:
    """A second instant that is never before the first and is named like an end."""
    begin = looks[time].values
    for name, look in looks.items():
        if name != time and look.type == "instant" and _END.fullmatch(canonical(name)) and bool(
                (look.values.isna() | begin.isna() | (look.values >= begin)).all()):
            return name
    return None


def tag_and_value(looks: Mapping[Name, Look], machine: Name | None, time: Name | None, ids: pd.Series
                  ) -> tuple[Name, Name] | None:
    """Columns of the tag and its value, if each record holds one tag."""
    if time is None:
        return None
    tag = next((name for name, look in looks.items() if look.type == "text" and name not in {machine, time}
                and _TAG.search(canonical(name)) and 1 < look.values.nunique() <= 200), None)
    value = next((name for name, look in looks.items() if look.type in {"number", "integer"}
                  and _VALUE.fullmatch(canonical(name))), None)
    if tag is None or value is None:
        return None
    repeated = pd.DataFrame({"id": ids, "time": looks[time].values}).duplicated().mean()
    return (tag, value) if repeated > 0.3 else None


def running_unit(name: Name, unit: str = "") -> str | None:
    """Unit of running time by a column's name or its row of units: `s`, `min` or `h`; None if neither names one.

    Examples
    --------
    >>> [running_unit(name) for name in ("t_s", "Time [min]", "operating_hours", "cycle", "step", "time_in_cycles")]
    ['s', 'min', 'h', None, None, None]
    """
    bracket = re.search(r"[\[(]\s*(\w+)\s*[\])]", name) if isinstance(name, str) else None
    words = [unit.lower(), bracket[1].lower() if bracket else "", *canonical(name).split("_")]
    return next((short for short, spellings in _RUNNING.items() for word in words if word in spellings), None)

"""Which file is which table, and which column is which?"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import pandas as pd

from oilcan.core.draft.seen import Look, SeenFile, as_epoch, look_at_column

Name = str | int
TableName = Literal["telemetry", "errors", "maintenance", "failures", "machines", "test_rul"]
_TABLE_WORDS: Final[dict[TableName, str]] = {
    "telemetry": r"telemetr|sensor|reading|measure|scada|messwert|messung",
    "test_rul": r"(^|[^a-z])rul([^a-z]|$)",
    "failures": r"fail|breakdown|ausf(a|ae|ä)ll|stillstand",
    "errors": r"err|fault|alarm|event|st(oe|ö)r|fehler|meldung",
    "maintenance": r"maint|repair|service|workorder|work_order|wartung|instandhalt|reparatur",
    "machines": r"machine|asset|fleet|equipment|master|maschine|anlage|stammdaten",
}
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
_RUNNING: Final[dict[str, frozenset[str]]] = {
    "s": frozenset({"s", "sec", "secs", "second", "seconds", "sekunden"}),
    "min": frozenset({"min", "mins", "minute", "minutes", "minuten"}),
    "h": frozenset({"h", "hr", "hrs", "hour", "hours", "stunden", "betriebsstunden"})}
_TAG: Final = re.compile(r"tag|signal|sensor|channel|variable|item|point|parameter|measure|name|kanal|messstelle")
_VALUE: Final = re.compile(r"value|val|reading|wert|messwert")
_FEWEST_STEPS: Final = 20            # between readings, before their rhythm tells formats apart
_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_ABOUT_PEOPLE: Final = re.compile(
    r"operator|technician|driver|employee|user|e_?mail|phone|person|first_?name|last_?name")


@dataclass(frozen=True)
class Group:
    """Files of one form: one raw table."""

    files: list[SeenFile]
    looks: Mapping[Name, Look]
    machine: Name | None
    time: Name | None
    test_files: list[SeenFile] = field(default_factory=list)
    file_of_row: pd.Series = field(default_factory=lambda: pd.Series(dtype="str"))
    clock: Name | None = None                       # time of day, where `time` holds the date alone
    until: Name | None = None                       # end of an event that lasts
    pivot: tuple[Name, Name] | None = None          # tag and value of a long table
    optional: frozenset[Name] = frozenset()         # columns that some files lack
    joined: list[SeenFile] = field(default_factory=list)    # one further sensor each, for the same rows

    @property
    def rows(self) -> int:
        """Rows looked at."""
        return sum(len(file.frame) for file in self.files)

    def files_text(self, name: Name) -> pd.Series:
        """Stripped cells of a column, over all files that have it."""
        return pd.concat([file.frame[name].str.strip() for file in self.files if name in file.frame])

    def id_values(self) -> pd.Series:
        """Machine ids as text; one machine for each file where no column names it."""
        if self.machine is None:
            return self.file_of_row
        return self.looks[self.machine].values.astype("str")


@dataclass(frozen=True)
class Guess:
    """The tables recognised, and files that fit none."""

    tables: dict[TableName, Group]
    unused: list[SeenFile]
    empty: list[SeenFile]
    kind: Literal["instant", "cycle", "elapsed", "none"]
    unit: str = "h"                                 # of elapsed time: s, min or h


def canonical(name: Name) -> str:
    """A column name in the form of the contract.

    Examples
    --------
    >>> canonical("Air temperature [K]"), canonical("machineID"), canonical(7)
    ('air_temperature', 'machine_id', 'column_7')
    >>> canonical("Öldruck"), canonical("Débit d'huile")
    ('oeldruck', 'debit_d_huile')
    """
    if isinstance(name, int):
        return f"column_{name}"
    plain = re.sub(r"\s*[\[(].*?[\])]\s*", " ", name) if re.search(r"\w", re.sub(r"[\[(].*?[\])]", "", name)) else name
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain)
    clean = re.sub(r"[^a-z0-9]+", "_", _ascii(words.lower())).strip("_")
    return clean if re.match(r"[a-z]", clean) else f"c_{clean}".rstrip("_")


def _ascii(text: str) -> str:
    """Letters with marks as they are spelt without, the German way for German ones."""
    parted = unicodedata.normalize("NFKD", text.translate(_GERMAN))
    return "".join(letter for letter in parted if not unicodedata.combining(letter))


def about_people(name: Name) -> bool:
    """Whether a column's name suggests that it says something about a person."""
    return isinstance(name, str) and _ABOUT_PEOPLE.search(canonical(name)) is not None


def recognise(files: Sequence[SeenFile]) -> Guess:
    """Group files by their form, and tell the groups' roles from names, columns and sizes."""
    forms: dict[tuple[object, ...], list[SeenFile]] = {}
    empty = [file for file in files if file.frame.empty]
    for file in [file for file in files if not file.frame.empty]:
        forms.setdefault((file.header, file.separator, file.format, *file.frame.columns), []).append(file)
    groups = [_group(members) for members in _with_lacking(list(forms.values()))]
    tables: dict[TableName, Group] = {}
    for group in sorted(groups, key=lambda group: -group.rows):
        name = _role(group)
        if name is not None and name not in tables:
            tables[name] = group
    if "telemetry" not in tables:
        largest = max(groups, key=lambda group: group.rows)
        tables = {name: group for name, group in tables.items() if group is not largest} | {"telemetry": largest}
    telemetry = tables["telemetry"]
    formats = telemetry.looks[telemetry.time].formats if telemetry.time is not None else ()
    for name in tables.keys() & {"errors", "maintenance", "failures"}:
        if len(formats) == 1:
            tables[name] = _written_alike(tables[name], formats[0])
        tables[name] = _lasting(tables[name])
    taken = [id(file) for group in tables.values() for file in [*group.files, *group.test_files, *group.joined]]
    unused = [file for file in files if id(file) not in taken and not file.frame.empty]
    kind, unit = _time_kind(tables["telemetry"])
    return Guess(tables, unused, empty, kind, unit)


def _with_lacking(forms: list[list[SeenFile]]) -> list[list[SeenFile]]:
    """Files that only lack columns of others are put to them: columns come and go over the years."""
    whole: list[list[SeenFile]] = []
    for members in sorted(forms, key=lambda members: -len(members[0].frame.columns)):
        mine = set(members[0].frame.columns)
        host = next((other for other in whole if members[0].header and len(mine) > 2
                     and mine < set(other[0].frame.columns) and not any(map(_names_a_table, (members, other)))), None)
        if host is None:
            whole.append(list(members))
        else:
            host += members
    return whole


def _names_a_table(members: list[SeenFile]) -> bool:
    return any(re.search(words, members[0].path.lower()) for name, words in _TABLE_WORDS.items() if name != "telemetry")


def _group(members: list[SeenFile]) -> Group:
    tests = [file for file in members if re.search(r"test", file.path, re.I)]
    plain = [file for file in members if file not in tests]
    if not plain:
        plain, tests = tests, []
    widest, header = plain[0], plain[0].header
    optional = frozenset(name for name in widest.frame.columns if any(name not in file.frame for file in plain))
    group = _looked_at(plain, tests, optional)
    if len(plain) > 1 and header and _one_sensor_each(group):
        group = replace(_looked_at(plain[:1], tests, optional), joined=plain[1:])
    return _with_clock(group)


def _looked_at(plain: list[SeenFile], tests: list[SeenFile], optional: frozenset[Name]) -> Group:
    text = pd.concat([file.frame for file in plain], ignore_index=True).fillna("")
    looks = {name: look_at_column(text[name], plain[0].decimal) for name in text.columns}
    files = pd.Series([file.path for file in plain for _ in range(len(file.frame))], dtype="str")
    machine, header = _machine(looks, plain[0].header), plain[0].header
    ids = files if machine is None else looks[machine].values.astype("str")
    time = _time(looks, machine, ids, header)
    if time is not None and looks[time].type != "instant" and (epoch := as_epoch(looks[time])) is not None:
        looks[time] = epoch
    if time is not None and len(looks[time].formats) > 1:
        looks[time] = _regular(looks[time], text[time], ids)
    return Group(plain, looks, machine, time, tests, files, optional=optional, pivot=_long(looks, machine, time, ids))


def _regular(look: Look, text: pd.Series, ids: pd.Series) -> Look:
    """Of several formats the one that makes the steps between readings regular, if it stands out."""
    shares = {}
    for form in look.formats:
        time = pd.to_datetime(text.str.strip(), format=form, errors="coerce", utc=True)
        steps = time.groupby(ids).diff().dropna()
        steps = steps[steps > pd.Timedelta(0)]
        shares[form] = float((steps == steps.mode().iloc[0]).mean()) if len(steps) >= _FEWEST_STEPS else 0.0
    best, second = sorted(shares, key=lambda form: -shares[form])[:2]
    stands_out = shares[best] > 0.5 and 3 * (1 - shares[best]) <= 1 - shares[second] and shares[second] < 1
    return _read_as(look, text, best) if stands_out else look


def _read_as(look: Look, text: pd.Series, form: str) -> Look:
    return replace(look, values=pd.to_datetime(text.str.strip(), format=form, errors="coerce", utc=True),
         formats=(form,))


def _written_alike(group: Group, form: str) -> Group:
    """Dates that can be read in two ways are read as those of the telemetry."""
    text = pd.concat([file.frame for file in group.files], ignore_index=True)
    looks = {name: _read_as(look, text[name], form) if len(look.formats) > 1 and form in look.formats else look
             for name, look in group.looks.items()}
    return replace(group, looks=looks)


def _one_sensor_each(group: Group) -> bool:
    """Whether the files hold the same rows, each another sensor: they are joined, not stacked."""
    if group.machine is None or group.time is None or len(group.looks) != 3:
        return False
    rows = pd.DataFrame({"machine": group.id_values(), "time": group.looks[group.time].values,
         "file": group.file_of_row})
    return bool(rows.groupby(["machine", "time"])["file"].nunique().median() > 1)


def _with_clock(group: Group) -> Group:
    """Date and time of day in two columns are one instant."""
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


def _lasting(group: Group) -> Group:
    """An event table with a second instant that is never before the first and named like an end."""
    if group.time is None:
        return group
    begin = group.looks[group.time].values
    for name, look in group.looks.items():
        if name != group.time and look.type == "instant" and _END.fullmatch(canonical(name)) and bool(
                (look.values.isna() | begin.isna() | (look.values >= begin)).all()):
            return replace(group, until=name)
    return group


def _long(looks: Mapping[Name, Look], machine: Name | None, time: Name | None, ids: pd.Series) -> tuple[Name,
     Name] | None:
    """Columns of the tag and its value, if each record holds one tag."""
    if time is None:
        return None
    tag = next((name for name, look in looks.items() if look.type == "text" and name not in {machine, time}
                and _TAG.search(canonical(name)) and 1 < look.values.nunique() <= 200), None)
    value = next((name for name, look in looks.items() if look.type in {"number", "integer"}
                  and _VALUE.fullmatch(canonical(name))), None)
    if tag is None or value is None:
        return None
    twins = pd.DataFrame({"id": ids, "time": looks[time].values}).duplicated().mean()
    return (tag, value) if twins > 0.3 else None


def _machine(looks: Mapping[Name, Look], header: bool) -> Name | None:
    named = [name for name in looks if isinstance(name, str) and _MACHINE.fullmatch(canonical(name))]
    if named:
        return min(named, key=lambda name: (not re.search(r"machine|asset|unit|serial", canonical(name)),
                                            list(looks).index(name)))
    if not header and looks[0].type in {"integer", "text"} and len(looks) > 1:
        return 0
    return None


def _time(looks: Mapping[Name, Look], machine: Name | None, ids: pd.Series, header: bool) -> Name | None:
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


def _role(group: Group) -> TableName | None:
    path = group.files[0].path.rpartition("/")[2].lower()
    if len(group.looks) == 1 and not group.files[0].header:
        return "test_rul" if next(iter(group.looks.values())).type in {"integer", "number"} else None
    for name, words in _TABLE_WORDS.items():
        if name != "test_rul" and re.search(words, path):
            is_event = name in {"errors", "maintenance", "failures"}
            if is_event and (group.time is None or len(group.looks) > 8):
                continue                            # `predictive_maintenance.csv` holds no maintenance log
            return name
    return None


def _time_kind(telemetry: Group) -> tuple[Literal["instant", "cycle", "elapsed", "none"], str]:
    """How time is counted, and the unit of running time: told by the column's name, or by a row of units."""
    if telemetry.time is None:
        return "none", "h"
    if telemetry.looks[telemetry.time].type == "instant":
        return "instant", "h"
    unit = running_unit(telemetry.time, telemetry.files[0].units.get(telemetry.time, ""))
    return ("elapsed", unit) if unit else ("cycle", "h")


def running_unit(name: Name, unit: str = "") -> str | None:
    """Unit of running time that a column's name or its unit tells: `s`, `min` or `h`; None if it tells none.

    Examples
    --------
    >>> [running_unit(name) for name in ("t_s", "Time [min]", "operating_hours", "cycle", "step", "time_in_cycles")]
    ['s', 'min', 'h', None, None, None]
    """
    bracket = re.search(r"[\[(]\s*(\w+)\s*[\])]", name) if isinstance(name, str) else None
    said = [unit.lower(), bracket[1].lower() if bracket else "", *canonical(name).split("_")]
    return next((short for short, words in _RUNNING.items() for word in said if word in words), None)

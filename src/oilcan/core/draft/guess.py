"""Which file is which table, and which column is which?"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import pandas as pd

from oilcan.core.draft.seen import Look, SeenFile, look_at_column

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
    r"(machine|asset|unit|engine|device|equipment|pump|turbine|vehicle|serial|motor|drive|robot|"
    r"maschinen?|anlagen?|pumpen?|turbinen?|geraete?|aggregat|fahrzeug|antrieb)_?"
    r"(id|nr|no|number|name|code|nummer|kennung)?|id|udi|product_id")
_TIME: Final = re.compile(r"(date_?time|time_?stamp|time|date|ts|day|zeit(punkt|stempel)?|datum)(_utc)?")
_CYCLE: Final = re.compile(r"(time_?(in_)?)?(cycles?|operating_hours|hours|time|t)(_nr|_number)?")
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

    @property
    def rows(self) -> int:
        """Rows looked at."""
        return sum(len(file.frame) for file in self.files)

    def id_values(self) -> pd.Series:
        """Machine ids as text; one machine where none is known."""
        if self.machine is None:
            return pd.Series("", index=next(iter(self.looks.values())).values.index)
        return self.looks[self.machine].values.astype("str")


@dataclass(frozen=True)
class Guess:
    """The tables recognised, and files that fit none."""

    tables: dict[TableName, Group]
    unused: list[SeenFile]
    kind: Literal["instant", "cycle", "none"]


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
    for file in files:
        forms.setdefault((file.header, file.separator, file.format, *file.frame.columns), []).append(file)
    groups = [_group(members) for members in forms.values()]
    tables: dict[TableName, Group] = {}
    for group in sorted(groups, key=lambda group: -group.rows):
        name = _role(group)
        if name is not None and name not in tables:
            tables[name] = group
    if "telemetry" not in tables:
        largest = max(groups, key=lambda group: group.rows)
        tables = {name: group for name, group in tables.items() if group is not largest} | {"telemetry": largest}
    taken = [id(file) for group in tables.values() for file in [*group.files, *group.test_files]]
    unused = [file for file in files if id(file) not in taken]
    return Guess(tables, unused, _time_kind(tables["telemetry"]))


def _group(members: list[SeenFile]) -> Group:
    tests = [file for file in members if re.search(r"test", file.path, re.I)]
    plain = [file for file in members if file not in tests]
    if not plain:
        plain, tests = tests, []
    text = pd.concat([file.frame for file in plain], ignore_index=True)
    looks = {name: look_at_column(text[name], plain[0].decimal) for name in text.columns}
    machine = _machine(looks, plain[0].header)
    return Group(plain, looks, machine, _time(looks, machine, plain[0].header), tests)


def _machine(looks: Mapping[Name, Look], header: bool) -> Name | None:
    named = [name for name in looks if isinstance(name, str) and _MACHINE.fullmatch(canonical(name))]
    if named:
        return min(named, key=lambda name: (not re.search(r"machine|asset|unit|serial", canonical(name)),
                                            list(looks).index(name)))
    if not header and looks[0].type in {"integer", "text"} and len(looks) > 1:
        return 0
    return None


def _time(looks: Mapping[Name, Look], machine: Name | None, header: bool) -> Name | None:
    instants = [name for name, look in looks.items() if look.type == "instant" and name != machine]
    if instants:
        return min(instants, key=lambda name: not _TIME.fullmatch(canonical(name)))
    candidates = [name for name, look in looks.items() if look.type == "integer" and name != machine
                  and (not header or _CYCLE.fullmatch(canonical(name)))]
    if machine is None:
        return None
    ids = looks[machine].values.astype("str")
    for name in candidates:
        steps = looks[name].values.groupby(ids).diff().dropna()
        if len(steps) and (steps > 0).all():
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


def _time_kind(telemetry: Group) -> Literal["instant", "cycle", "none"]:
    if telemetry.time is None:
        return "none"
    return "instant" if telemetry.looks[telemetry.time].type == "instant" else "cycle"

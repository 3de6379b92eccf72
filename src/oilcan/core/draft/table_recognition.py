"""Which raw files belong to which table?"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Literal

import pandas as pd

from oilcan.core.draft.column_names import Name
from oilcan.core.draft.file_groups import Group, Guess, TableName
from oilcan.core.draft.instant_formats import in_format, in_regular_format, with_clock
from oilcan.core.draft.key_columns import end_column, machine_column, running_unit, tag_and_value, time_column
from oilcan.core.draft.seen import SeenFile, as_epoch, look_at_column

_TABLE_WORDS: Final[dict[TableName, str]] = {
    "telemetry": r"telemetr|sensor|reading|measure|scada|messwert|messung",
    "test_rul": r"(^|[^a-z])rul([^a-z]|$)",
    "failures": r"fail|breakdown|ausf(a|ae|ä)ll|stillstand",
    "errors": r"err|fault|alarm|event|st(oe|ö)r|fehler|meldung",
    "maintenance": r"maint|repair|service|workorder|work_order|wartung|instandhalt|reparatur",
    "machines": r"machine|asset|fleet|equipment|master|maschine|anlage|stammdaten",
}


def recognise(files: Sequence[SeenFile]) -> Guess:
    """Group files by their form, and assign each group to a table by its name, columns and size."""
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
            tables[name] = in_format(tables[name], formats[0])
        tables[name] = _lasting(tables[name])
    taken = [id(file) for group in tables.values() for file in [*group.files, *group.test_files, *group.joined]]
    unused = [file for file in files if id(file) not in taken and not file.frame.empty]
    kind, unit = _time_kind(tables["telemetry"])
    return Guess(tables, unused, empty, kind, unit)


def _with_lacking(forms: list[list[SeenFile]]) -> list[list[SeenFile]]:
    """Add files that only lack columns to the group with all columns: columns come and go over the years."""
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
    return with_clock(group)


def _looked_at(plain: list[SeenFile], tests: list[SeenFile], optional: frozenset[Name]) -> Group:
    text = pd.concat([file.frame for file in plain], ignore_index=True).fillna("")
    looks = {name: look_at_column(text[name], plain[0].decimal) for name in text.columns}
    files = pd.Series([file.path for file in plain for _ in range(len(file.frame))], dtype="str")
    machine, header = machine_column(looks, plain[0].header), plain[0].header
    ids = files if machine is None else looks[machine].values.astype("str")
    time = time_column(looks, machine, ids, header)
    if time is not None and looks[time].type != "instant" and (epoch := as_epoch(looks[time])) is not None:
        looks[time] = epoch
    if time is not None and len(looks[time].formats) > 1:
        looks[time] = in_regular_format(looks[time], text[time], ids)
    return Group(plain, looks, machine, time, tests, files, optional=optional,
                 pivot=tag_and_value(looks, machine, time, ids))


def _one_sensor_each(group: Group) -> bool:
    """Whether each file holds another sensor of the same rows, so that files are joined instead of stacked."""
    if group.machine is None or group.time is None or len(group.looks) != 3:
        return False
    rows = pd.DataFrame({"machine": group.id_values(), "time": group.looks[group.time].values,
                         "file": group.file_of_row})
    return bool(rows.groupby(["machine", "time"])["file"].nunique().median() > 1)


def _lasting(group: Group) -> Group:
    """An event table with the end of its events, where it has one."""
    return group if group.time is None else replace(group, until=end_column(group.looks, group.time))


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
    """How time is counted, and the unit of running time: by the column's name or a row of units."""
    if telemetry.time is None:
        return "none", "h"
    if telemetry.looks[telemetry.time].type == "instant":
        return "instant", "h"
    unit = running_unit(telemetry.time, telemetry.files[0].units.get(telemetry.time, ""))
    return ("elapsed", unit) if unit else ("cycle", "h")

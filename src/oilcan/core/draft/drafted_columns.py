"""Columns of a drafted contract as lines of YAML."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import pandas as pd

from oilcan.contract import UNKNOWN
from oilcan.core.draft.column_names import Name, about_people, canonical
from oilcan.core.draft.file_groups import Group, TableName
from oilcan.core.draft.rhythm import failure_flags, implied
from oilcan.core.draft.seen import Look, SeenFile, look_at_column
from oilcan.core.draft.units import described, unit_of
from oilcan.core.ingest.cells.numbers import looks_grouped
from oilcan.ground.columns import CODE, COMPONENT, MACHINE, MODE, TIME, UNTIL

_LAST_KEY: Final = {"errors": (CODE, r"err|code|id|fault|alarm|fehler|meldung"),
                    "maintenance": (COMPONENT, r"comp|part|task|kind|teil|ma(ss|ß)nahme"),
                    "failures": (MODE, r"fail|mode|comp|cause|teil|ursache|fehlerart")}
_DESCRIPTIONS: Final = {MACHINE: "Machine identifier", TIME: "Instant of the row", CODE: "Error code",
                        COMPONENT: "Component worked on", MODE: "What failed", UNTIL: "End of it"}
_PLAIN: Final = re.compile(r"[A-Za-z_][\w./%+-]*( [\w./%+-]+)*")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def quoted(value: Name) -> str:
    """A scalar as flow-style YAML needs it.

    Examples
    --------
    >>> quoted("Tool wear [min]"), quoted("volt"), quoted("no"), quoted(3)
    ('"Tool wear [min]"', 'volt', '"no"', '3')
    """
    if isinstance(value, int):
        return str(value)
    plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return value if plain else json.dumps(value, ensure_ascii=False)


def column_lines(table: TableName, group: Group, running: str | None = None) -> Iterator[str]:
    """One line per column of a table: what was seen, what is guessed, and what is to be filled in."""
    names = _canonical_names(table, group)
    needed = [MACHINE, TIME] if group.time is not None and table != "machines" else [MACHINE]
    needed += [_LAST_KEY[table][0]] if table in _LAST_KEY else []
    for key in needed:
        if key not in names.values():
            yield _missing_key(key, table, group)
    flags = [flag.name for flag in failure_flags(group)] if table == "telemetry" else []
    for name, look in group.looks.items():
        if name == group.clock or name in (group.pivot or ()):
            continue
        key = names[name]
        source = {} if key == name else {"from": quoted(name)}
        if name == group.time and group.clock is not None:
            source = {"from": f"[{quoted(name)}, {quoted(group.clock)}]"}
        is_key = key in {*needed, UNTIL}
        entries, notes = _key_entries(key, look, running) if is_key else _entries(table, group, name, flags)
        if name in group.optional:
            entries["optional"] = "true"
            notes = [*notes, "not in every file"]
        if len(look.formats) > 1:
            notes = [*notes, f"format is one of {', '.join(look.formats)}"]
        yield _line(key, source | entries, notes)
    yield from _tag_lines(group, set(names.values()))
    for file in group.joined:
        yield from _joined_line(group, file)


def join_lines(group: Group) -> Iterator[str]:
    """The files of further sensors for the same rows."""
    for file in group.joined:
        yield f"{_stem(file)}: {{files: [{quoted(file.path)}], by: [machine_id, time]}}"


def _line(key: str, entries: Mapping[str, str], notes: Sequence[str]) -> str:
    text = ", ".join(f"{word}: {value}" for word, value in entries.items())
    return f"{key}: {{{text}}}" + (f"  # {'; '.join(notes)}" if notes else "")


def _missing_key(key: str, table: TableName, group: Group) -> str:
    words = f"type: text, unit: none, description: {_DESCRIPTIONS[key]}"
    if key == MACHINE and table == "telemetry" and group.time is not None:
        return f"{key}: {{from: file_name, {words}}}  # guessed: one machine for each file"
    if key == MACHINE and table == "telemetry":
        return f"{key}: {{from: row_number, {words}}}  # guessed: each row stands for itself"
    if key in {CODE, COMPONENT, MODE}:
        return f"{key}: {{from: file_name, {words}}}  # no column names it"
    return f"{key}: {{from: {UNKNOWN}, {words}}}  # no column looks like it; part of the key"


def _tag_lines(group: Group, taken: set[str]) -> Iterator[str]:
    if group.pivot is None:
        return
    tag, value = (group.looks[name] for name in group.pivot)
    for text in sorted(tag.values.dropna().unique()):
        name = _unique(canonical(text), taken)
        taken.add(name)
        unit, is_guess = unit_of(text)
        seen = value.values[(tag.values == text).to_numpy()]
        entries = {"from_tag": quoted(text), "type": "number", "unit": quoted(unit), "nullable": "true",
                   "description": quoted(described(text))}
        yield _line(name, entries, [_seen(seen), *(["unit guessed"] if is_guess else [])])


def _joined_line(group: Group, file: SeenFile) -> Iterator[str]:
    keys = {group.machine, group.time}
    for name in [name for name in file.frame.columns if name not in keys]:
        look = look_at_column(file.frame[name], file.decimal)
        unit, is_guess = unit_of(_stem(file))
        entries = {"join": _stem(file), "from": quoted(name), "type": "number", "unit": quoted(unit),
                   "nullable": "true", "description": quoted(described(_stem(file)))}
        yield _line(_stem(file), entries, [_seen(look.values), *(["unit guessed"] if is_guess else [])])


def _stem(file: SeenFile) -> str:
    return canonical(file.path.rpartition("/")[2].partition(".")[0])


def names_of(table: TableName, group: Group) -> dict[Name, str]:
    """Canonical name of each raw column."""
    return _canonical_names(table, group)


def _canonical_names(table: TableName, group: Group) -> dict[Name, str]:
    names: dict[Name, str] = {}
    if group.machine is not None:
        names[group.machine] = MACHINE
    if group.time is not None:
        names[group.time] = TIME
    if table in _LAST_KEY:
        key, words = _LAST_KEY[table]
        rest = [name for name in group.looks if name not in names]
        fitting = [name for name in rest if re.search(words, str(name).lower())]
        if fitting or len(rest) == 1:
            names[(fitting or rest)[0]] = key
    if group.until is not None:
        names[group.until] = UNTIL
    taken = set(names.values())
    for name in group.looks:
        if name not in names:
            names[name] = _unique(_stem(group.files[0]) if group.joined else canonical(name), taken)
            taken.add(names[name])
    return {name: names[name] for name in group.looks}


def _unique(name: str, taken: Iterable[str]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _key_entries(key: str, look: Look, running: str | None) -> tuple[dict[str, str], list[str]]:
    if key in {TIME, UNTIL} and look.type == "instant":
        entries = {"type": "instant", "unit": "UTC", "description": _DESCRIPTIONS[key]} | _how_written(look)
        entries |= {"nullable": "true"} if key == UNTIL else {}
        return entries, [f"seen {look.values.min():%Y-%m-%d %H:%M} .. {look.values.max():%Y-%m-%d %H:%M}"]
    if key in {TIME, UNTIL} and running:
        return {"type": "number", "unit": running, "description": _DESCRIPTIONS[key]}, [_seen(look.values)]
    if key in {TIME, UNTIL}:
        entries = {"type": "integer", "unit": "cycles", "description": "Cycles since the start of the record"}
        return entries, [_seen(look.values)]
    return ({"type": "text", "unit": "none", "description": _DESCRIPTIONS[key]},
            [f"{look.values.nunique():,} distinct"])


def _how_written(look: Look) -> dict[str, str]:
    entries = {"format": quoted(look.formats[0] if len(look.formats) == 1 else UNKNOWN)} if look.formats else {}
    return entries | ({"locale": look.locale} if look.locale else {})


def _entries(table: TableName, group: Group, name: Name, flags: list[Name]) -> tuple[dict[str, str], list[str]]:
    look, notes = group.looks[name], []
    entries = {"type": "number" if look.type == "integer" else look.type, "unit": "none"}
    if look.type in {"number", "integer"}:
        if name in flags:                           # never true in what was looked at, but named like a failure
            entries["type"] = "flag"
        else:
            unit, is_guess = unit_of(str(name), group.files[0].units.get(name, ""))
            entries["unit"] = quoted(unit)
            notes += [_seen(look.values), *(["unit guessed"] if is_guess else [])]
        if looks_grouped_column(group, name):
            notes.append("does the point separate thousands?")
    elif look.type == "instant":
        entries |= _how_written(look)
    elif look.type == "text":
        notes.append(f"{look.values.nunique():,} distinct")
    if look.words:
        words = group.files_text(name).isin(look.words).mean()
        notes.append(f"{words:.1%} words: {', '.join(look.words)}")
    if look.missing_share and name not in group.optional:
        entries["nullable"] = "true"
        notes.append(f"missing {look.missing_share:.1%}")
    role, why = _role(table, group, name, flags)
    entries |= {"role": role} if role else {}
    notes += [why] if why else []
    if about_people(name) and look.type == "text":
        notes.append("about a person? then `personal: drop` or `personal: hash`")
    return entries | {"description": quoted(described(str(name) if isinstance(name, str) else canonical(name)))}, notes


def looks_grouped_column(group: Group, name: Name) -> bool:
    """Whether the decimal marks of a column may separate thousands."""
    first = group.files[0]
    return name in first.frame and looks_grouped(first.frame[name].str.strip().replace("", None), first.decimal)


def _role(table: TableName, group: Group, name: Name, flags: list[Name]) -> tuple[str, str]:
    look = group.looks[name]
    if table == "machines":
        return "static", ""
    if table != "telemetry":
        return "", ""
    if group.time is None and flags:
        if name == flags[0]:
            return "label", "guessed: the label"
        if look.type == "flag" and implied(group, name, flags[0]):
            return "ignore", "guessed: part of the label, would give it away"
    elif flags and name == flags[0]:
        return "", "guessed: the failure flag"
    elif name in flags:
        return "ignore", "guessed: states the failure itself"
    if look.type == "instant" or (look.type == "text" and look.values.nunique() > 50):
        return "ignore", "guessed: left out"
    return ("static", "guessed: never changes within a machine") if _is_static(group, look) else ("", "")


def _is_static(group: Group, look: Look) -> bool:
    """Whether machines differ in it, but no machine in time."""
    if group.machine is None or group.time is None or look.type == "flag" or look.values.nunique() < 2:
        return False
    return bool(look.values.groupby(group.id_values()).nunique(dropna=True).le(1).all())


def _seen(values: pd.Series) -> str:
    if values.isna().all():
        return "no value seen"
    if values.nunique() == 1:
        return f"always {values.min():.6g}"
    return f"seen {values.min():.6g} .. {values.max():.6g}"

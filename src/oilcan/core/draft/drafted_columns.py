"""Columns of a drafted contract as lines of YAML."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Final

import pandas as pd

from oilcan.contract import UNKNOWN
from oilcan.core.draft.guess import Group, Name, TableName, about_people, canonical
from oilcan.core.draft.rhythm import failure_flags, implied
from oilcan.core.draft.seen import Look
from oilcan.ground.columns import CODE, COMPONENT, MACHINE, MODE, TIME

_LAST_KEY: Final = {"errors": (CODE, r"err|code|id|fault|alarm|fehler|meldung"),
                    "maintenance": (COMPONENT, r"comp|part|task|kind|teil|ma(ss|ß)nahme"),
                    "failures": (MODE, r"fail|mode|comp|cause|teil|ursache|fehlerart")}
_DESCRIPTIONS: Final = {MACHINE: "Machine identifier", TIME: "Instant of the row", CODE: "Error code",
                        COMPONENT: "Component worked on", MODE: "What failed"}
_PLAIN: Final = re.compile(r"[A-Za-z_][\w./%+-]*( [\w./%+-]+)*")
_UNIT: Final = re.compile(r"[ _](°C|degC|%|bar|mbar|Pa|kPa|MPa|rpm|1/min|kW|kWh|Hz|kHz|mV|kV|mA|mm/s|m/s|m/s2|mm|µm|"
                          r"m3/h|l/min|Nm|kN|kg)$")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def quoted(value: Name) -> str:
    """A scalar as it can stand in flow-style YAML.

    Examples
    --------
    >>> quoted("Tool wear [min]"), quoted("volt"), quoted("no"), quoted(3)
    ('"Tool wear [min]"', 'volt', '"no"', '3')
    """
    if isinstance(value, int):
        return str(value)
    plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return value if plain else json.dumps(value, ensure_ascii=False)


def column_lines(table: TableName, group: Group) -> Iterator[str]:
    """One line per column of a table: what was seen, and what is to be filled in."""
    names = _canonical_names(table, group)
    needed = [MACHINE, TIME] if group.time is not None else [MACHINE]
    needed = [MACHINE] if table == "machines" else needed
    needed += [_LAST_KEY[table][0]] if table in _LAST_KEY else []
    for key in needed:
        if key not in names.values():
            yield f"{key}: {{from: {UNKNOWN}, type: text, unit: none, description: {_DESCRIPTIONS[key]}}}" \
                  f"  # no column looks like it; part of the key"
    flags = [flag.name for flag in failure_flags(group)] if table == "telemetry" else []
    for name, look in group.looks.items():
        key = names[name]
        source = {} if key == name else {"from": quoted(name)}
        entries, notes = _key_entries(key, look) if key in needed else _entries(table, group, name, flags)
        if len(look.formats) > 1:
            notes = [*notes, f"format is one of {', '.join(look.formats)}"]
        text = ", ".join(f"{word}: {value}" for word, value in (source | entries).items())
        yield f"{key}: {{{text}}}" + (f"  # {'; '.join(notes)}" if notes else "")


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
    taken = set(names.values())
    for name in group.looks:
        if name not in names:
            names[name] = _unique(canonical(name), taken)
            taken.add(names[name])
    return {name: names[name] for name in group.looks}


def _unique(name: str, taken: Iterable[str]) -> str:
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _key_entries(key: str, look: Look) -> tuple[dict[str, str], list[str]]:
    if key == TIME and look.type == "instant":
        entries = {"type": "instant", "unit": "UTC", "description": _DESCRIPTIONS[TIME]}
        entries |= {"format": quoted(look.formats[0] if len(look.formats) == 1 else UNKNOWN)} if look.formats else {}
        return entries, [f"seen {look.values.min():%Y-%m-%d %H:%M} .. {look.values.max():%Y-%m-%d %H:%M}"]
    if key == TIME:
        entries = {"type": "integer", "unit": "cycles", "description": "Cycles since the start of the record"}
        return entries, [_seen(look.values)]
    return ({"type": "text", "unit": "none", "description": _DESCRIPTIONS[key]},
            [f"{look.values.nunique():,} distinct"])


def _entries(table: TableName, group: Group, name: Name, flags: list[Name]) -> tuple[dict[str, str], list[str]]:
    look, notes = group.looks[name], []
    entries = {"type": "number" if look.type == "integer" else look.type, "unit": "none"}
    if look.type in {"number", "integer"}:
        if name in flags:                           # never true in what was looked at, but named like a failure
            entries["type"] = "flag"
        else:
            entries |= {"unit": quoted(_unit(name)), "range": f"[{UNKNOWN}, {UNKNOWN}]"}
            notes.append(_seen(look.values))
    elif look.type == "instant" and look.formats:
        entries["format"] = quoted(look.formats[0] if len(look.formats) == 1 else UNKNOWN)
    elif look.type == "text":
        notes.append(f"{look.values.nunique():,} distinct")
    if look.missing_share:
        entries["nullable"] = "true"
        notes.append(f"missing {look.missing_share:.1%}")
    role, why = _role(table, group, name, flags)
    entries |= {"role": role} if role else {}
    notes += [why] if why else []
    if about_people(name) and look.type == "text":
        notes.append("about a person? then `personal: drop` or `personal: hash`")
    return entries | {"description": UNKNOWN}, notes


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
        return "ignore", "guessed: tells the failure itself"
    if look.type == "instant" or (look.type == "text" and look.values.nunique() > 50):
        return "ignore", "guessed"
    return ("static", "guessed: never changes within a machine") if _is_static(group, look) else ("", "")


def _is_static(group: Group, look: Look) -> bool:
    """Whether machines differ in it, but no machine in time."""
    if group.machine is None or group.time is None or look.type == "flag" or look.values.nunique() < 2:
        return False
    return bool(look.values.groupby(group.id_values()).nunique(dropna=True).le(1).all())


def _unit(name: Name) -> str:
    """The unit in brackets at the end of a name, or after its last blank or underscore if it is a known one."""
    found = re.search(r"[\[(]([^\])]+)[\])]\s*$", str(name)) or _UNIT.search(str(name))
    return found[1] if found else UNKNOWN


def _seen(values: pd.Series) -> str:
    if values.isna().all():
        return "no value seen"
    if values.nunique() == 1:
        return f"always {values.min():.6g}"
    return f"seen {values.min():.6g} .. {values.max():.6g}"

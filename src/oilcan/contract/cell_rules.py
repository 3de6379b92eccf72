"""Rules over what a cell means: zones, formats, thousands, identifiers, intervals; each yields its breaches."""

import re
import zoneinfo
from collections.abc import Iterator
from typing import Final

from oilcan.contract.table_words import Column, Reading, Table
from oilcan.contract.words import Contract
from oilcan.ground.columns import IDENTIFIERS, TIME, UNTIL

EPOCHS: Final = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}   # microseconds in one of them
_DIRECTIVES: Final = frozenset("aAbBdfHIjmMpSyYzGVu%")
_WITH_UNTIL: Final = frozenset({"failures", "maintenance", "errors"})


def cell_rules(contract: Contract) -> Iterator[str]:
    """Rules of the words that say how a cell is read."""
    yield from _zone("time.zone", contract.time.zone)
    for name, table in contract.tables.items():
        where = f"tables.{name}"
        yield from _zone(f"{where}.zone", table.zone)
        yield from _thousands(where, table.thousands, table)
        for column, spec in table.columns.items():
            yield from _column(f"{where}.columns.{column}", column, spec, table)
        yield from _until(where, name, table)


def _column(where: str, name: str, spec: Column, table: Reading) -> Iterator[str]:
    yield from _zone(f"{where}.zone", spec.zone)
    yield from _thousands(where, spec.thousands, table)
    if spec.format is not None:
        yield from _format(f"{where}.format", spec.format)
    for word in ("format", "zone", "locale"):
        if getattr(spec, word) is not None and spec.type != "instant":
            yield f"{where}.{word}: only for instants (type is {spec.type!r})"
    if name in IDENTIFIERS and spec.type not in {"text", "integer"}:
        yield f"{where}.type: an identifier is text, or integer (found {spec.type!r})"
    if isinstance(spec.source, list) and (len(spec.source) < 2 or spec.type not in {"text", "instant"}):
        yield (f"{where}.from: a list joins two or more cells to a text or an instant "
               f"(found {spec.source}, {spec.type!r})")


def _zone(where: str, zone: str | None) -> Iterator[str]:
    if zone is None:
        return
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        yield f"{where}: no such time zone (found {zone!r}, wanted an IANA name such as UTC or Europe/Berlin)"


def _format(where: str, text: str) -> Iterator[str]:
    if text in EPOCHS:
        return
    wanted = f"strptime's directives with a year, e.g. '%d.%m.%Y %H:%M', or one of {', '.join(EPOCHS)}"
    directives = re.findall(r"%(.?)", text, re.S)
    unknown = sorted({f"%{letter}" for letter in directives if letter not in _DIRECTIVES})
    if "%Z" in unknown:
        yield (f"{where}: names of zones are ambiguous (found %Z; wanted %z for offsets, or the name as plain text and "
               f"`zone`)")
    elif unknown:
        yield f"{where}: unknown directives {', '.join(unknown)} (found {text!r}, wanted {wanted})"
    elif not {"Y", "y", "G"} & set(directives):
        yield f"{where}: has no year (found {text!r}, wanted {wanted})"


def _thousands(where: str, mark: str | None, table: Reading) -> Iterator[str]:
    if mark is not None and mark == table.decimal:
        yield f"{where}.thousands: is the decimal mark too (found {mark!r})"


def _until(where: str, name: str, table: Table) -> Iterator[str]:
    until = table.columns.get(UNTIL)
    if until is None or name not in _WITH_UNTIL or TIME not in table.columns:
        return
    if until.type != table.columns[TIME].type:
        yield f"{where}.columns.until.type: wanted that of `time`, {table.columns[TIME].type!r} (found {until.type!r})"

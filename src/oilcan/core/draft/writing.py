"""A drafted contract as YAML text."""

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Final

from oilcan.contract import UNKNOWN
from oilcan.core.draft.drafted_columns import column_lines, join_lines, names_of, quoted
from oilcan.core.draft.file_groups import Group, Guess, TableName
from oilcan.core.draft.rhythm import duration, failure_flags, rhythm, step_of
from oilcan.core.draft.seen import SeenFile
from oilcan.core.draft.table_recognition import recognise
from oilcan.core.draft.units import described
from oilcan.ground.errors import DataError

NAME: Final = r"[a-z][a-z0-9_]*"
_ALL: Final = frozenset({"all", "alle", "*", "tous", "todos", "tutti", "every", "fleet"})
_GRAINS: Final = {
    "errors": "one row per machine, instant and code",
    "maintenance": "one row per machine, instant and component",
    "failures": "one row per machine, instant and mode",
    "machines": "one row per machine",
}


def draft_contract(name: str, files: Sequence[SeenFile]) -> str:
    """The text of `datasets/<name>.yaml`: types, key, rhythm and ranges as seen, the rest marked.

    Parameters
    ----------
    name
        Of the data set.
    files
        All its raw files, telemetry among them.

    Raises
    ------
    DataError
        If the name cannot be that of a data set, no file has a row, or two have the same path.
    """
    if not re.fullmatch(NAME, name):
        raise DataError(f"{name}: no name for a data set (wanted small letters, digits and `_`, a letter first). "
                        f"Choose another one.")
    paths = [file.path for file in files]
    if len(set(paths)) < len(paths):
        raise DataError(f"{name}: two files have the same name (found {sorted(paths)}). Give each its own.")
    if all(file.frame.empty for file in files):
        raise DataError(f"{name}: no file has a row ({', '.join(sorted(paths))}). Name files with data.")
    guess = recognise(files)
    return "\n".join([*_head(name, files, guess), *_tables(guess), *_tail(guess)]) + "\n"


def _head(name: str, files: Sequence[SeenFile], guess: Guess) -> Iterator[str]:
    cut = "" if all(file.whole for file in files) else " What was `seen` comes from the first rows of each file only."
    yield f"# Drafted by `oilcan dataset new`. Fill in every {UNKNOWN} and check what is `guessed`.{cut}"
    yield "# Where you know what is physically possible, say it: `range: [low, high]`."
    for file in guess.empty:
        yield f"# skipped, holds no row: {file.path}"
    yield f"name: {name}"
    yield "version: 1"
    yield f"description: {described(name)}, {', '.join(guess.tables)}.  # guessed"
    yield "source:"
    yield "  licence: our own  # guessed"
    yield "  files:"
    for file in sorted(files, key=lambda file: file.path):
        if not file.frame.empty:
            yield f"    - {{path: {quoted(file.path)}, sha256: {file.sha256}}}"
    yield _time(guess)


def _time(guess: Guess) -> str:
    telemetry = guess.tables["telemetry"]
    usual = rhythm(telemetry)
    if guess.kind == "none" or telemetry.time is None:
        return "time: {kind: none}  # no column looks like a time"
    if guess.kind == "cycle":
        step = f"{usual.step:g} cycles" if usual else UNKNOWN
        return f"time: {{kind: cycle, period: {step}, max_gap: {step}}}{_share(guess)}"
    if guess.kind == "elapsed":
        if usual is None:
            return f"time: {{kind: elapsed, unit: {guess.unit}}}  # no usual step between readings was seen"
        period, gap = (step_of("elapsed", times * usual.step, guess.unit) for times in (1, 6))
        return (f"time: {{kind: elapsed, unit: {guess.unit}, period: {period}, max_gap: {gap}}}{_share(guess)}"
                f"; running time, no calendar time")
    zone = "UTC" if _all_zoned(guess) else UNKNOWN
    if usual is None:
        return f"time: {{kind: instant, zone: {zone}}}  # no usual step between readings was seen"
    why = "" if zone == "UTC" else "; zone of the instants, e.g. UTC or Europe/Berlin"
    period, gap = duration(usual.step), duration(6 * usual.step)
    return f"time: {{kind: instant, zone: {zone}, period: {period}, max_gap: {gap}}}{_share(guess)}{why}"


def _all_zoned(guess: Guess) -> bool:
    """Whether every instant carries an offset, so that no zone has to be known."""
    looks = [look for group in guess.tables.values() for look in group.looks.values() if look.type == "instant"]
    return all(look.zoned for look in looks)


def _share(guess: Guess) -> str:
    usual = rhythm(guess.tables["telemetry"])
    return f"  # {usual.share:.0%} of the steps have this period; max_gap guessed" if usual else ""


def _tables(guess: Guess) -> Iterator[str]:
    yield "tables:"
    for name in ("telemetry", "errors", "maintenance", "failures", "machines"):
        group = guess.tables.get(name)
        if group is None:
            continue
        first = group.files[0]
        yield f"  {name}:"
        yield f"    grain: {_grain(name, guess)}"
        yield f"    files: [{', '.join(_patterns(group.files, guess))}]"
        if group.test_files:
            yield f"    test_files: [{', '.join(_patterns(group.test_files, guess))}]"
        marks = sorted({mark for look in group.looks.values() for mark in (*look.marks, *look.words)})
        thousands = next((look.thousands for look in group.looks.values() if look.thousands), None)
        entries = {"format": first.format if first.format != "csv" else "",
                "separator": quoted(first.separator) if first.separator != "," else "",
                "decimal": quoted(first.decimal) if first.decimal != "." else "",
                "thousands": quoted(thousands) if thousands else "",
                "header": "" if first.header else "false",
                "skip_lines": str(first.skip_lines or ""), "skip_rows": str(first.skip_rows or ""),
                "comment": quoted(first.comment) if first.comment else "",
                "unlisted": "ignore  # columns without a name, or of lists" if first.nameless else "",
                "pivot": f"{{tag: {quoted(group.pivot[0])}, value: {quoted(group.pivot[1])}}}" if group.pivot else "",
                "all_machines": _all_machines(name, group, guess),
                "encoding": first.encoding if first.encoding != "utf-8" else "",
                "missing": f"[{', '.join(quoted(mark) for mark in ['', *marks])}]" if marks else ""}
        yield from (f"    {word}: {value}" for word, value in entries.items() if value)
        if group.joined:
            yield "    join:"
            yield from (f"      {line}" for line in join_lines(group))
        yield "    columns:"
        running = guess.unit if guess.kind == "elapsed" else None
        yield from (f"      {line}" for line in column_lines(name, group, running))
    for file in guess.unused:
        yield f"# not used, guess which table it is: {file.path} (columns {', '.join(map(str, file.frame.columns))})"


def _all_machines(name: TableName, group: Group, guess: Guess) -> str:
    """Texts in the machine column that mean every machine."""
    telemetry = guess.tables["telemetry"]
    if name == "telemetry" or group.machine is None or telemetry.machine is None:
        return ""
    unknown = set(group.id_values()) - set(telemetry.id_values())
    words = sorted(text for text in unknown if text.strip().lower() in _ALL)
    return f"[{', '.join(map(quoted, words))}]  # guessed" if words else ""


def _grain(name: TableName, guess: Guess) -> str:
    if name != "telemetry":
        return _GRAINS[name]
    return {"none": "one independent row", "cycle": "one row per machine and cycle",
            "elapsed": "one row per machine and moment of its running time",
            "instant": "one row per machine and instant"}[guess.kind]


def _patterns(files: Sequence[SeenFile], guess: Guess) -> list[str]:
    """Up to three files by name, more by a glob that no other file fits."""
    paths = sorted(file.path for file in files)
    if len(paths) > 3:
        head, tail = _common_start(paths), _common_start([path[::-1] for path in paths])[::-1]
        pattern = f"{_escaped(head)}*{_escaped(tail)}"
        others = [file.path for group in guess.tables.values() for file in [*group.files, *group.test_files]
                  if file.path not in paths] + [file.path for file in guess.unused]
        if not any(PurePosixPath(other).match(pattern) for other in others):
            return [quoted(pattern)]
    return [quoted(_escaped(path)) for path in paths]


def _escaped(path: str) -> str:
    """A path as a pattern that only it fits."""
    return re.sub(r"([*?\[])", r"[\1]", path)


def _common_start(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))
    return first[:same]


def _tail(guess: Guess) -> Iterator[str]:
    yield _failures(guess)
    yield "tasks:"
    yield _task(guess)
    yield from _rows(guess)
    yield _split(guess)
    yield (f"costs: {{missed_failure_eur: {UNKNOWN}, false_alarm_eur: {UNKNOWN}, planned_repair_eur: {UNKNOWN}}}"
           f"  # per event")


def _failures(guess: Guess) -> str:
    telemetry = guess.tables["telemetry"]
    flags = failure_flags(telemetry)
    if guess.kind == "none":
        return "failures: {from: none}"
    if "failures" in guess.tables:
        return "failures: {from: table}"
    if flags:
        column = names_of("telemetry", telemetry)[flags[0].name]
        return (f"failures: {{from: flag, column: {column}, mode: failure}}  # guessed: true {flags[0].count:,} times, "
                f"{flags[0].share_last:.0%} of them in the last row of a machine")
    if guess.kind in {"cycle", "elapsed"}:
        rul = guess.tables.get("test_rul")
        files = f", test_rul_files: [{', '.join(_patterns(rul.files + rul.test_files, guess))}]" if rul else ""
        if telemetry.test_files and not rul:
            files = f", test_rul_files: [{UNKNOWN}]"
        return (f"failures: {{from: end_of_life, mode: failure{files}}}"
                f"  # guessed: every machine's last row is its failure")
    return f"failures: {{from: {UNKNOWN}}}  # `flag` with `column:`, or `table` with a table of failures"


def _task(guess: Guess) -> str:
    telemetry = guess.tables["telemetry"]
    if guess.kind == "none":
        flags = failure_flags(telemetry)
        column = names_of("telemetry", telemetry)[flags[0].name] if flags else UNKNOWN
        return f"  failure: {{kind: label, column: {column}}}" + ("" if flags else "  # a flag with `role: label`")
    if guess.kind == "cycle":
        return f"  rul: {{kind: rul, cap: {UNKNOWN}}}  # longest life worth telling, e.g. 125 cycles"
    if guess.kind == "elapsed" and "failures" not in guess.tables and not failure_flags(telemetry):
        return f"  rul: {{kind: rul, cap: {UNKNOWN}}}  # longest life worth telling, e.g. 500{guess.unit}"
    modes = ", modes: true" if _has_modes(guess) else ""
    return (f"  failure: {{kind: failure_within, horizon: {UNKNOWN}, lead_time: {_lead_time(guess)}{modes}}}"
            f"  # e.g. 72h ahead; lead_time guessed: the shortest warning that helps")


def _lead_time(guess: Guess) -> str:
    usual = rhythm(guess.tables["telemetry"])
    return step_of(guess.kind, usual.step, guess.unit) if usual else "0h"


def _has_modes(guess: Guess) -> bool:
    group = guess.tables.get("failures")
    if group is None:
        return False
    mode = next((raw for raw, name in names_of("failures", group).items() if name == "mode"), None)
    return mode is not None and 2 <= group.looks[mode].values.nunique() <= 20


def _rows(guess: Guess) -> Iterator[str]:
    usual = rhythm(guess.tables["telemetry"])
    if guess.kind == "none":
        return
    if usual is None:
        yield "rows: {windows: [1d, 7d]}  # guessed"
    elif guess.kind in {"cycle", "elapsed"}:
        windows = ", ".join(step_of(guess.kind, times * usual.step, guess.unit) for times in (5, 15, 30))
        yield f"rows: {{windows: [{windows}]}}  # guessed"
    else:
        yield f"rows: {{windows: [{', '.join(duration(step * usual.step) for step in (8, 24, 168))}]}}  # guessed"


def _split(guess: Guess) -> str:
    if guess.kind == "none":
        return "split: {by: row, validation: 0.2, test: 0.2}"
    if guess.tables["telemetry"].test_files:
        return "split: {by: given, validation: 0.2}"
    if guess.kind in {"cycle", "elapsed"}:
        return "split: {by: machine, validation: 0.2, test: 0.2}"
    return "split: {by: time, validation: 0.15, test: 0.2}"



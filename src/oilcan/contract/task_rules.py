"""Rules over the tasks and the split of a contract; each yields the breaches it finds."""

from collections.abc import Iterator
from typing import Final

from oilcan.contract.words import Contract, Task

_WITHOUT_TIME: Final = frozenset({"label", "class", "number"})
_IN_TIME: Final = frozenset({"failure_within", "rul", "class", "number"})
_TYPES: Final = {"label": {"flag"}, "class": {"text"}, "number": {"number", "integer"}}


def task_rules(contract: Contract) -> Iterator[str]:
    """Every task has the words of its kind, and a column that can be forecast."""
    known = _WITHOUT_TIME if contract.time.kind == "none" else _IN_TIME
    for name, task in contract.tasks.items():
        where = f"tasks.{name}"
        if task.kind not in known:
            yield (f"{where}.kind: {task.kind!r} does not go with time.kind {contract.time.kind!r} (wanted one of "
                   f"{', '.join(sorted(known))})")
        if task.kind == "failure_within" and (task.horizon is None or task.lead_time is None):
            yield f"{where}: failure_within needs horizon and lead_time"
        if task.kind in _TYPES:
            yield from _column(where, task, contract)
    if "costs" not in contract.model_fields_set and any(
            task.kind in {"failure_within", "rul", "label"} for task in contract.tasks.values()):
        yield "costs: missing (wanted: what a missed failure, a false alarm and a planned repair cost)"


def _column(where: str, task: Task, contract: Contract) -> Iterator[str]:
    column = contract.label_column(task.column) if task.column is not None else None
    if column is None:
        yield (f"{where}.column: wanted a telemetry column with role 'label', or a column of the table `labels` (found "
               f"{task.column!r})")
        return
    if column.type not in _TYPES[task.kind]:
        yield f"{where}.column: {task.kind} needs type {' or '.join(sorted(_TYPES[task.kind]))} (found {column.type!r})"
    if task.kind == "class" and len(set(column.values or [])) < 2:
        yield f"{where}.column: class needs a column that lists its classes in `values` (found {column.values})"
    if task.kind == "label" and task.column not in contract.tables["telemetry"].columns:
        yield f"{where}.column: label needs a telemetry column (found {task.column!r})"


def split_rules(contract: Contract) -> Iterator[str]:
    """Parts that go with the way time is counted, and a gap that no label looks across."""
    split, kind = contract.split, contract.time.kind
    if (split.by in {"row", "group"}) != (kind == "none"):
        yield (f"split.by: {split.by!r} does not go with time.kind {kind!r} (rows without time are split by 'row', or "
               f"by 'group')")
    groups = contract.telemetry_columns("group")
    if len(groups) != (split.by == "group"):
        yield (f"split.by: {split.by!r}, but {len(groups)} telemetry columns have role 'group' (found {groups}; wanted "
               f"one with `by: group`, else none)")
    if split.by == "given" and not contract.tables["telemetry"].test_files:
        yield "split.by: 'given' needs tables.telemetry.test_files"
    if split.by != "given" and split.test is None:
        yield "split.test: missing (wanted: a share or a first instant)"
    if split.until is not None and (split.by != "time" or not isinstance(split.test, str | float | int)):
        yield "split.until: ends the test part of a split `by: time` only"
    if isinstance(split.until, str) and isinstance(split.test, str) and split.until <= split.test:
        yield f"split.until: {split.until!r} is not after the first instant of the test part ({split.test!r})"
    if split.by != "time" and (isinstance(split.validation, str) or isinstance(split.test, str)):
        yield "split: a first instant only goes with `by: time`; give shares"
    for word in ("validation", "test"):
        share = getattr(split, word)
        if isinstance(share, float) and not 0 < share < 1:
            yield f"split.{word}: a share lies between 0 and 1 (found {share})"
    needed = contract.longest_look_ahead()
    if split.gap is not None and split.gap.ticks < needed:
        yield (f"split.gap: {split.gap} is shorter than horizon + lead time = {needed:g}, so labels of one part would "
               f"depend on the next. Set split.gap to at least that")

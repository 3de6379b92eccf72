"""Rules that span several entries of a contract; each returns the breaches it finds."""

from collections.abc import Iterator

from oilcan.contract import cell_rules, table_rules, task_rules
from oilcan.contract.words import Contract


def broken_rules(contract: Contract) -> list[str]:
    """Every contradiction in a contract, as one line each; empty if there is none."""
    rules = (table_rules.source_rules, table_rules.table_rules, table_rules.column_rules, cell_rules.cell_rules,
             _units, _failures, task_rules.task_rules, task_rules.split_rules, _alarms, _slices, _rule_baseline)
    return [line for rule in rules for line in rule(contract)]


def _units(contract: Contract) -> Iterator[str]:
    cycles = contract.time.kind == "cycle"
    durations = {"time.period": contract.time.period, "time.max_gap": contract.time.max_gap,
                 "rows.stride": contract.rows.stride, "split.gap": contract.split.gap,
                 "refractory": contract.refractory}
    durations |= {f"rows.windows.{at}": window for at, window in enumerate(contract.rows.windows)}
    for name, task in contract.tasks.items():
        durations |= {f"tasks.{name}.{word}": getattr(task, word) for word in ("horizon", "lead_time", "cap")}
    for where, duration in durations.items():
        if duration is not None and contract.time.kind == "none":
            yield f"{where}: rows without time have no durations (found {duration})"
        elif duration is not None and duration.counts_cycles != cycles:
            yield f"{where}: found {duration}, wanted {'cycles' if cycles else 'hours or days'}"
    if contract.time.kind != "none" and contract.time.period is None and contract.rows.stride is None:
        yield ("time.period: missing (wanted: the usual step between readings, e.g. 1h; where each machine has a step "
               "of its own, rows.stride: the step between forecasts)")
    if contract.time.kind != "none" and not contract.rows.windows:
        yield "rows.windows: empty (wanted: at least one look-back, e.g. [24h, 168h])"


def _failures(contract: Contract) -> Iterator[str]:
    failures, columns = contract.failures, contract.tables["telemetry"].columns
    if failures.source == "table" and "failures" not in contract.tables:
        yield "failures.from: says 'table', but tables.failures is missing"
    if failures.source == "flag" and (failures.column not in columns or columns[failures.column].type != "flag"):
        yield f"failures.column: wanted the name of a telemetry flag (found {failures.column!r})"
    if failures.source != "end_of_life" and failures.test_rul_files:
        yield "failures.test_rul_files: only with `from: end_of_life`"
    if failures.source == "end_of_life" and contract.tables["telemetry"].test_files and not failures.test_rul_files:
        yield "failures.test_rul_files: missing although telemetry has test_files"
    if failures.source == "none" and any(task.kind in {"failure_within", "rul"} for task in contract.tasks.values()):
        yield "failures.from: 'none', but a task needs failures"


def _alarms(contract: Contract) -> Iterator[str]:
    if contract.alarms is None:
        return
    if contract.time.kind != "instant":
        yield (f"alarms.per_week: a budget per week needs time.kind 'instant' (found {contract.time.kind!r}). "
               f"Take `alarms` out")
    crew, known = contract.alarms.crew, contract.tables["machines"].columns if "machines" in contract.tables else {}
    if crew is not None and crew not in known:
        yield f"alarms.crew: {crew!r} is not a column of the machines table (found {sorted(known)})"


def _slices(contract: Contract) -> Iterator[str]:
    table = contract.tables.get("machines", contract.tables["telemetry"])
    for name in contract.slices:
        if name not in table.columns:
            yield f"slices: {name!r} is not a column of the machines table (found {sorted(table.columns)})"


def _rule_baseline(contract: Contract) -> Iterator[str]:
    known = contract.telemetry_columns("sensor", "condition", "static")
    for name in contract.rule_baseline:
        if name not in known:
            yield f"rule_baseline: {name!r} is not a telemetry column (found {sorted(known)})"

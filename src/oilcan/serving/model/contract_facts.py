"""What a reader of forecasts needs of the contract: kind of time, tasks, sensors and static columns in words."""

from typing import Any

from oilcan.contract import Contract
from oilcan.ground.columns import MACHINE
from oilcan.ground.durations import Duration


def described(contract: Contract) -> dict[str, Any]:
    """Part of the model's card: `time`, `tasks`, `sensors`, `statics`; durations as text, caps in ticks."""
    time, columns = contract.time, contract.tables["telemetry"].columns
    shown = contract.telemetry_columns("sensor", "condition")
    sensors = {name: columns[name] if name in columns else contract.derived[name] for name in shown}
    machines = contract.tables["machines"].columns if "machines" in contract.tables else {}
    statics = machines | {name: columns[name] for name in contract.telemetry_columns("static")}
    return {
        "time": {"kind": time.kind, "unit": time.unit,
                 "max_gap_s": time.max_gap.ticks * 3600 if time.kind == "instant" and time.max_gap else None},
        "tasks": {name: _task(contract, name) for name in contract.tasks},
        "sensors": {name: {"unit": column.unit, "description": column.description} for name, column in sensors.items()},
        "statics": {name: column.description for name, column in statics.items()
                    if name != MACHINE and column.type == "text" and column.personal is None
                    and column.role not in {"label", "ignore"}},
    }


def _task(contract: Contract, name: str) -> dict[str, Any]:
    task = contract.tasks[name]
    column = contract.label_column(task.column) if task.column is not None else None
    is_class = task.kind == "class"
    return {"kind": task.kind, "horizon": _text(task.horizon), "lead_time": _text(task.lead_time),
            "cap": task.cap.ticks if task.cap else None, "unit": column.unit if column else None,
            "description": column.description if column else None,
            "classes": contract.classes(name) if is_class else []}


def _text(duration: Duration | None) -> str | None:
    return None if duration is None else duration.words

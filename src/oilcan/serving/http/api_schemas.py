"""Schemas of requests and answers, made from the contract: units, ranges and descriptions as it states them."""

from typing import Any, Final

from oilcan.contract import Column, Contract
from oilcan.ground.columns import EVENT_KEYS
from oilcan.io.stores.column_layout import stored_columns
from oilcan.io.stores.tables.alarm_table import FINDINGS
from oilcan.io.stores.tables.notice_table import STATES
from oilcan.io.stores.values import RECORD_TABLES, RecordTable
from oilcan.serving.bodies.alertmanager_body import alert_group
from oilcan.serving.bodies.machine_body import static_columns
from oilcan.serving.bodies.record_body import extra_columns
from oilcan.serving.model.loaded_bundle import LoadedBundle

Schema = dict[str, Any]
TEXT: Final[Schema] = {"type": "string"}
NUMBER_OR_NULL: Final[Schema] = {"type": ["number", "null"]}
WHOLE: Final[Schema] = {"type": "integer"}
FLAG: Final[Schema] = {"type": "boolean"}
MACHINE_ID: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 200}

DIGEST: Final = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
BUNDLE: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 200,
                         "description": "Name of a folder beside the bundle in service"}
CANARY: Final[Schema] = {"type": "string", "description": "sha256 of the bundle that answers for this machine, if it "
                                                         "is not the one that the answer names"}
ANY: Final[Schema] = {"type": "object"}
ANY_OR_NULL: Final[Schema] = {"type": ["object", "null"]}
TEXT_OR_NULL: Final[Schema] = {"type": ["string", "null"]}
FOUND: Final[Schema] = {"enum": [*FINDINGS, None]}


def record(properties: dict[str, Schema], *, optional: tuple[str, ...] = (), **more: Any) -> Schema:
    """An object with these properties and no other."""
    return {"type": "object", "properties": properties, "additionalProperties": False,
            "required": [name for name in properties if name not in optional]} | more


def listed(entry: Schema, **more: Any) -> Schema:
    """A list of such entries."""
    return {"type": "array", "items": entry} | more


def mapping(entry: Schema) -> Schema:
    """An object of such entries by name."""
    return {"type": "object", "additionalProperties": entry}


REFUSED: Final = record({"row": WHOLE, "where": TEXT, "found": TEXT, "wanted": TEXT})
STAMP: Final[dict[str, Schema]] = {
    "model": {"type": "string", "description": "sha256 of the bundle's manifest"},
    "contract": record({"name": TEXT, "version": WHOLE}),
    "gate": {"type": "string", "description": "What review decided on the model: promote, hold or reject"},
}


_DECISION: Final = record({"id": WHOLE, "at": TEXT, "by": TEXT, "action": {
    "enum": ["nothing", "collect", "recalibrate", "retrain", "cannot_tell"]}, "reasons": listed(TEXT), "detail": ANY})


def time_schema(contract: Contract) -> Schema:
    """A moment: ISO 8601 with its offset, or a number of cycles."""
    if contract.time.kind == "cycle":
        return {"type": "integer", "minimum": 0, "maximum": 2**53, "description": "Number of the cycle"}
    if contract.time.kind == "elapsed":
        return {"type": "number", "minimum": 0, "description": f"Running time in {contract.time.unit}"}
    return {"type": "string", "format": "date-time", "description": "ISO 8601 with Z or an offset"}


def column_schema(column: Column) -> Schema:
    """A cell of a table: type, unit, range."""
    json_type = {"number": "number", "integer": "integer", "flag": "boolean"}.get(column.type, "string")
    kind: Schema = {"type": [json_type, "null"]} | ({"format": "date-time"} if column.type == "instant" else {})
    description = f"{column.description} [{column.unit}]" + ("" if column.range is None else f", physically possible "
                                                      f"{column.range[0]} to {column.range[1]}")
    if column.values:
        kind = {"type": ["string", "null"], "enum": [*column.values, None]}
    return kind | {"description": description, "x-unit": column.unit} | (
        {} if column.range is None else {"x-range": list(column.range)})


def components(served: LoadedBundle, max_rows: int) -> dict[str, Schema]:
    """Every named schema of the OpenAPI document."""
    contract = served.bundle.contract
    timed = contract.time.kind != "none"
    return _common() | _of_predict(served, max_rows) | (_of_machines(served, max_rows) if timed else {})


def _common() -> dict[str, Schema]:
    error = record({"where": TEXT, "found": TEXT, "wanted": TEXT, "do": TEXT, "breaches": listed(TEXT)},
                   optional=("breaches",))
    return {
        "refusal": record({"error": error}),
        "health": record({"status": {"const": "alive"}}),
        "readiness": record({"status": {"enum": ["starting", "ready"]}, "waiting_for": listed(TEXT)} | STAMP),
        "activate": {"anyOf": [record({"bundle": BUNDLE}),
                               record({"digest": DIGEST, "revision": TEXT_OR_NULL}, optional=("revision",))]},
        "watch": record({"bundle": {"anyOf": [BUNDLE, {"type": "null"}]}}),
        "canary": record({"digest": {"anyOf": [DIGEST, {"type": "null"}]}, "revision": TEXT_OR_NULL,
                          "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1}},
                         optional=("revision", "share")),
        "nothing": record({}),
        "alert_group": alert_group(),
        "decided": record(STAMP | {"decision": {"anyOf": [_DECISION, {"type": "null"}]}, "calling": WHOLE}),
        "decisions": record(STAMP | {
            "state": {"enum": ["calm", "alert", "unknown"]}, "verdict": TEXT,
            "alerts": listed(record({"severity": TEXT, "rule": TEXT, "subject": TEXT, "text": TEXT})),
            "decisions": listed(_DECISION)}),
        "model": record(STAMP | {
            "previous": TEXT_OR_NULL, "shadow": TEXT_OR_NULL,
            "canary": {"anyOf": [{"type": "null"}, record({
                "model": TEXT, "share": {"type": "number"}, "machines": WHOLE, "fell_back": TEXT_OR_NULL})]},
            "dataset": TEXT, "lineage": ANY, "libraries": ANY, "review": ANY, "headline": TEXT, "plan_hash": TEXT,
            "forecasts": listed(record({
                "name": TEXT, "kind": {"enum": ["event", "life", "number", "outlook"]}, "task": TEXT,
                "mode": TEXT_OR_NULL, "threshold": NUMBER_OR_NULL, "policy": ANY_OR_NULL,
                "horizons": {"type": ["array", "null"]}})),
            "features": listed(record({"name": TEXT, "unit": TEXT, "description": TEXT})),
            "time": record({"kind": {"enum": ["instant", "cycle", "elapsed", "none"]}, "unit": TEXT,
                             "max_gap_s": NUMBER_OR_NULL}),
            "tasks": mapping(record({"kind": TEXT, "horizon": TEXT_OR_NULL, "lead_time": TEXT_OR_NULL,
                                     "cap": NUMBER_OR_NULL, "unit": TEXT_OR_NULL, "description": TEXT_OR_NULL,
                                     "classes": listed(TEXT)})),
            "sensors": mapping(record({"unit": TEXT, "description": TEXT})), "statics": mapping(TEXT)}),
    }


def _of_predict(served: LoadedBundle, max_rows: int) -> dict[str, Schema]:
    features = {f.name: NUMBER_OR_NULL | {"description": f"{f.description} [{f.unit}]"}
                for f in served.bundle.plan.features}
    names = listed({"type": "string", "enum": list(served.by_name)}, minItems=1,
                   description="Which forecasts to make; all without it")
    alarm = record(dict.fromkeys(served.thresholds, FLAG), optional=tuple(served.thresholds))
    columns = dict.fromkeys(served.columns, NUMBER_OR_NULL)
    forecast = record({"id": TEXT, "row": WHOLE, "machine_id": TEXT, "time": {}} | columns | {"alarm": alarm},
                      optional=("row", "machine_id", "time", *columns))
    rows = listed(record(features), minItems=1, maxItems=max_rows)
    plain = listed(listed(NUMBER_OR_NULL, minItems=len(features), maxItems=len(features)), minItems=1,
                   maxItems=max_rows, description="In the order of the features of GET /v1/model")
    bodies = [record({"rows": rows, "plan_hash": TEXT, "forecasts": names}, optional=("plan_hash", "forecasts")),
              record({"rows": plain, "plan_hash": {"const": served.bundle.fitted.plan_hash}, "forecasts": names},
                     optional=("forecasts",))]
    bodies.append(record({"history": _history(served.bundle.contract, max_rows), "forecasts": names},
                         optional=("forecasts",)))
    return {
        "predict": {"anyOf": bodies},
        "predictions": record(STAMP | {"forecasts": listed(forecast), "refused": listed(REFUSED)}),
    }


def _reading(contract: Contract) -> Schema:
    """A row of telemetry."""
    cells = {name: column_schema(column) for name, column in stored_columns(contract).items()}
    return record({"machine_id": MACHINE_ID, "time": time_schema(contract)} | cells, optional=tuple(cells))


def _machine(contract: Contract) -> Schema:
    """A row of the machines table."""
    statics = {name: column_schema(column) for name, column in static_columns(contract).items()}
    return record({"machine_id": MACHINE_ID} | statics, optional=tuple(statics))


def _history(contract: Contract, max_rows: int) -> Schema:
    """Tables of the past of some machines; for independent rows a list of them."""
    if contract.time.kind == "none":
        cells = {name: column_schema(column) for name, column in stored_columns(contract).items()}
        row = record({"machine_id": MACHINE_ID} | cells, optional=("machine_id", *cells))
        return record({"telemetry": listed(row, minItems=1, maxItems=max_rows)})
    tables = {"telemetry": listed(_reading(contract), minItems=1, maxItems=max_rows),
              "machines": listed(_machine(contract), minItems=1, maxItems=max_rows)}
    tables |= {table: _records(contract, table, max_rows)["properties"]["records"] for table in RECORD_TABLES}
    return record(tables, optional=(*RECORD_TABLES, "machines"))


def _of_machines(served: LoadedBundle, max_rows: int) -> dict[str, Schema]:
    contract = served.bundle.contract
    time, columns = time_schema(contract), dict.fromkeys(served.columns, NUMBER_OR_NULL)
    cells = {name: column_schema(column) for name, column in stored_columns(contract).items()}
    when = {"anyOf": [time, {"type": "null"}]}
    reading = _reading(contract)
    lists = record({name: listed(cell, maxItems=max_rows) for name, cell in cells.items()}, optional=tuple(cells))
    columnar = record({"machine_id": listed(MACHINE_ID, minItems=1, maxItems=max_rows),
                       "time": listed(time, minItems=1, maxItems=max_rows), "columns": lists})
    risk = record({"machine_id": MACHINE_ID, "time": when, "id": TEXT_OR_NULL} | columns
                  | {"alarm": {"type": ["integer", "null"]}, "model": CANARY}, optional=(*columns, "model"))
    shown = {"static": ANY, "component": TEXT_OR_NULL, "data_age_s": NUMBER_OR_NULL}
    listed_risk = record(risk["properties"] | shown, optional=(*columns, "model"))
    refused = record({"count": WHOLE, "rows": listed(REFUSED)})
    counts = dict.fromkeys(("accepted", "duplicates", "conflicts"), WHOLE)
    aside = record({"count": WHOLE, "values": listed(record({"row": WHOLE, "column": TEXT, "value": {},
                                                            "wanted": TEXT}))})
    entry = record({"time": time, "kind": TEXT, "extra": ANY})
    alarm = _alarm(time)
    return {
        "telemetry": {"anyOf": [record({"readings": listed(reading, minItems=1, maxItems=max_rows)}), columnar]},
        "taken": record(STAMP | counts | {"too_late": WHOLE, "refused": refused, "set_aside": aside,
                                          "machines": listed(risk)}),
        "noted": record(STAMP | counts | {"refused": refused, "machines": listed(risk)}),
        **{table: _records(contract, table, max_rows) for table in RECORD_TABLES},
        "machines": record({"machines": listed(_machine(contract), minItems=1, maxItems=max_rows)}),
        "described": record(STAMP | {"accepted": WHOLE, "machines": listed(risk)}),
        "fleet": record(STAMP | {"total": WHOLE, "page": WHOLE, "size": WHOLE, "headline": TEXT,
                                 "filters": {"type": "object", "additionalProperties": listed(TEXT)},
                                 "machines": listed(listed_risk)}),
        "machine": record(listed_risk["properties"] | STAMP | {
            "reasons": listed(ANY), "history": ANY, "sensors": ANY, "alarms": listed(alarm),
            "deliveries": listed(_delivery()),
            "faults": listed(record({"sensor": TEXT, "fault": {"enum": ["silent", "stuck", "unit"]}, "since": TEXT,
                                     "text": TEXT})),
            "records": record(dict.fromkeys(RECORD_TABLES, listed(entry))),
            "last_maintenance": {"anyOf": [record({"time": time, "component": TEXT}), {"type": "null"}]},
        }, optional=tuple(columns)),
        "alarms": record(STAMP | {"alarms": listed(alarm)}),
        "deliveries": record(STAMP | {"deliveries": listed(_delivery())}),
        "acknowledge": record({"comment": {"type": "string", "maxLength": 2_000}, "finding": FOUND},
                              optional=("comment", "finding")),
        "acknowledged": record(STAMP | {"alarm": alarm}),
        "logged": record(STAMP | {"forecast": record({
            "id": TEXT, "machine_id": TEXT_OR_NULL, "time": {"type": ["string", "integer"]}, "made_at": TEXT,
            "role": {"enum": ["active", "shadow", "asked"]}, "bundle": TEXT, "contract_version": WHOLE,
            "values": {"type": "object", "additionalProperties": NUMBER_OR_NULL}, "lineage": ANY_OR_NULL})}),
    }


def _records(contract: Contract, table: RecordTable, max_rows: int) -> Schema:
    """The body with records of one table."""
    columns = contract.tables[table].columns if table in contract.tables else {}
    kind = EVENT_KEYS[table][-1]
    values = columns[kind].values if kind in columns else None
    extras = {name: column_schema(column) for name, column in extra_columns(contract, table).items()}
    kind_schema = {"type": "string", "enum": values} if values else MACHINE_ID
    row = record({"machine_id": MACHINE_ID, "time": time_schema(contract), kind: kind_schema} | extras,
                 optional=tuple(extras))
    return record({"records": listed(row, minItems=1, maxItems=max_rows)})


def _alarm(time: Schema) -> Schema:
    comment = record({"at": TEXT, "by": TEXT, "text": TEXT})
    return record({
        "id": WHOLE, "machine_id": MACHINE_ID, "task": TEXT, "time": time, "opened_at": TEXT,
        "p": {"type": "number"}, "threshold": {"type": "number"}, "reasons": listed(ANY), "forecast": TEXT_OR_NULL,
        "acknowledged_at": TEXT_OR_NULL, "acknowledged_by": TEXT_OR_NULL, "closed_at": TEXT_OR_NULL,
        "finding": FOUND, "found_at": TEXT_OR_NULL, "comments": listed(comment)})


def _delivery() -> Schema:
    return record({"id": WHOLE, "key": TEXT, "channel": TEXT, "step": {"enum": ["alarm", "escalation", "work_order"]},
                   "crew": TEXT, "due_at": TEXT, "state": {"enum": list(STATES)}, "attempts": WHOLE,
                   "error": TEXT_OR_NULL, "reference": TEXT_OR_NULL, "finished_at": TEXT_OR_NULL,
                   "alarms": listed(WHOLE)})

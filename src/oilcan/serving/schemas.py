"""Schemas of requests and answers, made from the contract: units, ranges and descriptions as it states them."""

from typing import Any, Final

from oilcan.contract import Column, Contract
from oilcan.serving.served import Served

Schema = dict[str, Any]
TEXT: Final[Schema] = {"type": "string"}
NUMBER_OR_NULL: Final[Schema] = {"type": ["number", "null"]}
WHOLE: Final[Schema] = {"type": "integer"}
FLAG: Final[Schema] = {"type": "boolean"}
MACHINE_ID: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 200}


def record(properties: dict[str, Schema], *, optional: tuple[str, ...] = (), **more: Any) -> Schema:
    """An object with these properties and no other."""
    return {"type": "object", "properties": properties, "additionalProperties": False,
            "required": [name for name in properties if name not in optional]} | more


def listed(entry: Schema, **more: Any) -> Schema:
    """A list of such entries."""
    return {"type": "array", "items": entry} | more


def ref(name: str) -> Schema:
    """The schema of that name."""
    return {"$ref": f"#/components/schemas/{name}"}


STAMP: Final[dict[str, Schema]] = {
    "model": {"type": "string", "description": "sha256 of the bundle's manifest"},
    "contract": record({"name": TEXT, "version": WHOLE}),
}


def time_schema(contract: Contract) -> Schema:
    """A moment: ISO 8601 with its offset, or a number of cycles."""
    if contract.time.kind == "cycle":
        return {"type": "integer", "minimum": 0, "maximum": 2**53, "description": "Number of the cycle"}
    return {"type": "string", "format": "date-time", "description": "ISO 8601 with Z or an offset"}


def column_schema(column: Column) -> Schema:
    """A cell of a table: type, unit, range."""
    kind: Schema = {"number": {"type": ["number", "null"]}, "integer": {"type": ["integer", "null"]},
                    "flag": {"type": ["boolean", "null"]}}.get(column.type, {"type": ["string", "null"]})
    said = f"{column.description} [{column.unit}]" + ("" if column.range is None else f", physically possible "
                                                      f"{column.range[0]} to {column.range[1]}")
    if column.values:
        kind = {"type": ["string", "null"], "enum": [*column.values, None]}
    return kind | {"description": said, "x-unit": column.unit} | (
        {} if column.range is None else {"x-range": list(column.range)})


def _forecast(served: Served) -> Schema:
    """Columns of a forecast, all optional: which are there depends on what was asked for."""
    columns = {name: {"type": ["number", "null"]} for name in served.columns}
    return record({"id": TEXT, "row": WHOLE, "machine_id": MACHINE_ID, "time": {}} | columns
                  | {"alarm": record(dict.fromkeys(served.thresholds, FLAG), optional=tuple(served.thresholds))},
                  optional=("machine_id", "time", *columns))


def components(served: Served, max_rows: int) -> dict[str, Schema]:
    """Every named schema of the OpenAPI document."""
    plan = served.bundle.plan
    features = {f.name: NUMBER_OR_NULL | {"description": f"{f.description} [{f.unit}]"} for f in plan.features}
    names = listed({"type": "string", "enum": list(served.by_name)}, minItems=1,
                   description="Which forecasts to make; all without it")
    refused = listed(record({"row": WHOLE, "where": TEXT, "found": TEXT, "wanted": TEXT}))
    rows = listed(record(features), minItems=1, maxItems=max_rows)
    return {
        "refusal": record({"error": record({"where": TEXT, "found": TEXT, "wanted": TEXT, "do": TEXT})}),
        "health": record({"status": {"const": "alive"}}),
        "readiness": record({"status": {"enum": ["starting", "ready"]}, "waiting_for": listed(TEXT)} | STAMP),
        "predict": record({"rows": rows, "forecasts": names}, optional=("forecasts",)),
        "predictions": record(STAMP | {"forecasts": listed(_forecast(served)), "refused": refused}),
        "model": record(STAMP | {
            "dataset": TEXT, "lineage": {"type": "object"}, "libraries": {"type": "object"},
            "review": {"type": "object"}, "headline": TEXT, "forecasts": listed({"type": "object"}), "plan_hash": TEXT,
            "features": listed(record({"name": TEXT, "unit": TEXT, "description": TEXT}))}),
    }

"""Bodies of POST /v1/errors, /v1/maintenance and /v1/failures -> records, and which rows were refused."""

from dataclasses import dataclass, field
from typing import Any

from oilcan.contract import Column, Contract
from oilcan.ground.columns import EVENT_KEYS
from oilcan.io.stores.values import Record, RecordTable
from oilcan.serving.bodies.instants_json import InstantFormat
from oilcan.serving.bodies.json_rows import NAME, Row, is_name, kind_of, read_body, row_list, some
from oilcan.serving.bodies.telemetry_body import MOST_LISTED, ahead
from oilcan.serving.ground.refusal import Refusal


@dataclass
class RecordBatch:
    """Records of one table, fit to be stored; rows refused as in `Batch`."""

    table: RecordTable
    records: list[Record]
    refused: list[Row] = field(default_factory=list)
    n_refused: int = 0

    def __len__(self) -> int:
        """Number of records."""
        return len(self.records)


class RecordReader:
    """Reads records of one table of a contract.

    Attributes
    ----------
    kind
        Name of the field that says what it is: code, component or mode.
    extras
        Other columns of the table in the contract, all of them optional.
    values
        What `kind` may be; None for any text.
    """

    def __init__(self, contract: Contract, table: RecordTable, moments: InstantFormat, *, max_rows: int,
                 skew: int | None) -> None:
        self._table, self._moments, self._max_rows, self._skew = table, moments, max_rows, skew
        self.kind = EVENT_KEYS[table][-1]
        listed = contract.tables[table].columns if table in contract.tables else {}
        self.extras = extra_columns(contract, table)
        self.values = listed[self.kind].values if self.kind in listed else None

    def read(self, body: bytes, now: int) -> RecordBatch:
        """The records of a body.

        Raises
        ------
        Refusal
            If it is not JSON, has an unknown field, is too long, or none of its rows can be stored.
        """
        return self.take(read_body(body, ("records",)).get("records"), "body.records", now)

    def take(self, content: Any, where: str, now: int) -> RecordBatch:
        """The records of a list of rows; see `read`."""
        rows = row_list(content, where, self._max_rows)
        good: list[Record] = []
        refused: list[Row] = []
        for at, row in enumerate(rows):
            record = self._read(row, now)
            if isinstance(record, Record):
                good.append(record)
            else:
                refused.append({"row": at, "where": f"row {at}{record.pop('at', '')}"} | record)
        if not good:
            raise Refusal(422, refused[0]["where"], found=refused[0]["found"], wanted=refused[0]["wanted"],
                          do=f"Fix the rows; none of {len(rows)} could be stored.")
        return RecordBatch(self._table, good, refused[:MOST_LISTED], len(refused))

    def _read(self, row: Any, now: int) -> Record | Row:
        if type(row) is not dict:
            return {"found": kind_of(row), "wanted": "an object"}
        strangers = sorted(row.keys() - {"machine_id", "time", self.kind, *self.extras})
        if strangers:
            return {"found": f"unknown fields {some(strangers)}", "wanted": "the columns of the contract"}
        for name, column in {"machine_id": None, self.kind: self.values, **{
                name: column.values for name, column in self.extras.items() if row.get(name) is not None}}.items():
            wrong = _wrong_text(row.get(name), column)
            if wrong:
                return {"at": f".{name}", "found": kind_of(row.get(name)), "wanted": wrong}
        time = self._moments.read(row.get("time"))
        if time is None:
            return {"at": ".time", "found": kind_of(row.get("time")), "wanted": self._moments.wanted}
        if self._skew is not None and time > now + self._skew:
            return {"at": ".time", **ahead(row["time"], time - now, self._skew)}
        return Record(row["machine_id"], time, row[self.kind],
                      {name: row[name] for name in self.extras if row.get(name) is not None})


def extra_columns(contract: Contract, table: RecordTable) -> dict[str, Column]:
    """Texts that a record may carry beside its key."""
    listed = contract.tables[table].columns if table in contract.tables else {}
    return {name: column for name, column in listed.items() if name not in EVENT_KEYS[table]
            and column.personal is None and column.role != "ignore" and column.type == "text"}


def _wrong_text(content: Any, values: list[str] | None) -> str | None:
    """What is wanted instead; None if it is right."""
    if not is_name(content):
        return NAME
    return f"one of {values}" if values is not None and content not in values else None

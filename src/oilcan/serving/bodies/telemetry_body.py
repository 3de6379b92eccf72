"""The body of POST /v1/telemetry -> a batch of readings, and what was refused or kept aside of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from oilcan.contract import Column, Contract
from oilcan.io.stores.column_layout import stored_columns
from oilcan.io.stores.values import Refused
from oilcan.serving.bodies.instants_json import UNITS_PER_S, InstantFormat
from oilcan.serving.bodies.json_rows import NAME, Row, is_name, kind_of, known_keys, read_body, row_list, some
from oilcan.serving.ground.refusal import Refusal, shown

MOST_LISTED: Final = 100               # refused rows and values listed one by one; more are counted
_KEY: Final = ("machine_id", "time")
_COLUMNAR: Final = (*_KEY, "columns")
_TYPES: Final[dict[str, frozenset[type]]] = {
    "number": frozenset({int, float, type(None)}), "integer": frozenset({int, float, type(None)}),
    "flag": frozenset({bool, type(None)}), "text": frozenset({str, type(None)}),
}
_WANTED: Final = {"number": "a number or null", "integer": "a whole number or null", "flag": "true, false or null",
                  "text": "a text or null"}


@dataclass
class Batch:
    """Readings that are fit to be stored, in the order given.

    Attributes
    ----------
    values
        float64, shape (n, columns), NaN where missing or kept aside.
    refused
        Rows that are not stored: {row, where, found, wanted}.
    aside
        Values that were taken out of stored rows: {row, column, value, wanted}.
    n_refused
        How many rows were refused; `refused` lists at most `MOST_LISTED` of them.
    kept
        What the store keeps aside of refused rows and values.
    texts
        Text column -> its texts; `values` holds their places in this list until the store gives them numbers.
    rows
        Place of each reading in the body.
    """

    machine_ids: list[str]
    times: np.ndarray
    values: np.ndarray
    refused: list[Row] = field(default_factory=list)
    aside: list[Row] = field(default_factory=list)
    n_refused: int = 0
    kept: list[Refused] = field(default_factory=list)
    texts: dict[str, list[str]] = field(default_factory=dict)
    rows: Sequence[int] = ()

    def __len__(self) -> int:
        """Number of readings."""
        return len(self.times)


class TelemetryReader:
    """Reads telemetry of one contract.

    Parameters
    ----------
    max_rows
        Of one batch.
    skew
        Whole units by which a reading may be ahead of the clock; None where cycles are counted.
    """

    def __init__(self, contract: Contract, moments: InstantFormat, *, max_rows: int, skew: int | None) -> None:
        self._moments, self._max_rows, self._skew = moments, max_rows, skew
        self.columns = stored_columns(contract)

    def read(self, body: bytes, now: int) -> Batch:
        """The readings of a body.

        Raises
        ------
        Refusal
            If it is not JSON, has an unknown field, is too long, or none of its rows can be stored.
        """
        content = read_body(body, ("readings", *_COLUMNAR))
        if "readings" not in content:
            return self._checked(*self._of_columns(content), now)
        known_keys(content, ("readings",), "body")
        return self.take(content["readings"], "body.readings", now)

    def take(self, rows: Any, where: str, now: int) -> Batch:
        """The readings of a list of rows; see `read`."""
        return self._checked(*self._of_rows(row_list(rows, where, self._max_rows)), now)

    def _of_rows(self, rows: list[Any]) -> tuple[list[Any], list[Any], dict[str, list[Any]], dict[int, Row]]:
        allowed = {*_KEY, *self.columns}
        wrong: dict[int, Row] = {}
        for at, row in enumerate(rows):
            if type(row) is not dict:
                wrong[at] = {"found": kind_of(row), "wanted": "an object"}
            elif not row.keys() <= allowed:
                wrong[at] = {"found": f"unknown fields {some(sorted(row.keys() - allowed))}",
                             "wanted": "the telemetry columns of the contract"}
        sound = [{} if at in wrong else row for at, row in enumerate(rows)] if wrong else rows
        ids, times = [row.get("machine_id") for row in sound], [row.get("time") for row in sound]
        return ids, times, {name: [row.get(name) for row in sound] for name in self.columns}, wrong

    def _of_columns(self, content: Row) -> tuple[list[Any], list[Any], dict[str, list[Any]], dict[int, Row]]:
        ids = row_list(content.get("machine_id"), "body.machine_id", self._max_rows)
        times = row_list(content.get("time"), "body.time", self._max_rows)
        columns = known_keys(content.get("columns"), self.columns, "body.columns")
        for name, values in [("time", times), *columns.items()]:
            if not isinstance(values, list) or len(values) != len(ids):
                found = f"{len(values)} values" if isinstance(values, list) else kind_of(values)
                raise Refusal(422, f"body.{name if name == 'time' else f'columns.{name}'}", found=found,
                              wanted=f"a list of {len(ids)} values, one for each machine_id", do="Send whole columns.")
        return ids, times, columns, {}

    def _checked(self, ids: list[Any], moments: list[Any], columns: dict[str, list[Any]], wrong: dict[int, Row],
                 now: int) -> Batch:
        for at, found in _bad_ids(ids).items():
            wrong.setdefault(at, {"at": ".machine_id", "found": found, "wanted": NAME})
        times, no_times = self._moments.read_all(moments)
        for at, found in no_times.items():
            wrong.setdefault(at, {"at": ".time", "found": found, "wanted": self._moments.wanted})
        if self._skew is not None:
            for at in np.flatnonzero(times > now + self._skew).tolist():
                wrong.setdefault(at, {"at": ".time", **ahead(moments[at], int(times[at]) - now, self._skew)})
        values = np.full((len(ids), len(self.columns)), np.nan)
        outside: list[tuple[int, str, Any]] = []
        texts: dict[str, list[str]] = {}
        for place, (name, column) in enumerate(self.columns.items()):
            if name in columns:
                values[:, place], impossible = self._column(name, column, columns[name], wrong, texts)
                outside += [(at, name, columns[name][at]) for at in impossible]
        return replace(self._batch(ids, times, values, wrong, outside), texts=texts)

    def _column(self, name: str, column: Column, given: list[Any], wrong: dict[int, Row],
                texts: dict[str, list[str]]) -> tuple[np.ndarray, list[int]]:
        """Numbers of a column, and where they are no possible readings; cells of a wrong type go to `wrong`."""
        types = _TYPES[column.type]
        if not types.issuperset(map(type, given)):
            for at, value in enumerate(given):
                if type(value) not in types:
                    wrong.setdefault(at, {"at": f".{name}", "found": kind_of(value), "wanted": _WANTED[column.type]})
            given = [value if type(value) in types else None for value in given]
        if column.type == "text":
            texts[name], places, strange = _listed(column, given)
            return places, strange
        numbers = np.array(given, dtype=np.float64)
        low, high = column.range or (None, None)
        bad = np.isinf(numbers) | (numbers < (-np.inf if low is None else low)) | (
            numbers > (np.inf if high is None else high))
        if column.type == "integer":
            bad |= ~np.isnan(numbers) & (numbers != np.floor(numbers))
        return np.where(bad, np.nan, numbers), np.flatnonzero(bad).tolist()

    def _batch(self, ids: list[Any], times: np.ndarray, values: np.ndarray, wrong: dict[int, Row],
               outside: list[tuple[int, str, Any]]) -> Batch:
        refused: list[Row] = [{"row": at, "where": f"row {at}{reason.pop('at', '')}"} | reason
                              for at, reason in sorted(wrong.items())]
        if len(wrong) == len(ids):
            raise Refusal(422, refused[0]["where"], found=refused[0]["found"], wanted=refused[0]["wanted"],
                          do=f"Fix the rows; none of {len(ids)} could be stored.")
        rows = [at for at in range(len(ids)) if at not in wrong] if wrong else range(len(ids))
        good = np.array(rows) if wrong else slice(None)
        kept = [Refused("telemetry", ids[at], int(times[at]), f"{name} is outside {_range(self.columns[name])}",
                        f"{name}={shown(str(value), 60)}") for at, name, value in outside if at not in wrong]
        aside = [{"row": at, "column": name, "value": value if type(value) is not str else shown(value, 60),
                  "wanted": _range(self.columns[name])} for at, name, value in outside if at not in wrong]
        return Batch([ids[at] for at in rows] if wrong else ids, times[good], values[good], refused[:MOST_LISTED],
                     aside, len(refused), kept, rows=rows)


def ahead(moment: Any, by: int, skew: int) -> Row:
    """Message about a moment in the future."""
    return {"found": f"{moment}, {by / UNITS_PER_S:.0f} s ahead of our clock",
            "wanted": f"at most {skew / UNITS_PER_S:g} s ahead; check the clocks"}


def _bad_ids(ids: list[Any]) -> dict[int, str]:
    sound = set(filter(is_name, set(filter(lambda one: type(one) is str, ids))))
    if len(sound) and all(type(one) is str and one in sound for one in ids):
        return {}
    return {at: kind_of(one) for at, one in enumerate(ids) if type(one) is not str or one not in sound}


def _listed(column: Column, given: list[Any]) -> tuple[list[str], np.ndarray, list[int]]:
    """The texts of a column that are possible, each cell's place among them, and the cells that are not possible."""
    texts = sorted(text for text in set(given) - {None} if column.values is None or text in column.values)
    places = {text: at for at, text in enumerate(texts)}
    return (texts, np.array([places.get(text) for text in given], dtype=np.float64),
            [at for at, text in enumerate(given) if text is not None and text not in places])


def _range(column: Column) -> str:
    if column.values is not None:
        return f"one of {column.values}"
    low, high = column.range or (None, None)
    return f"{'-inf' if low is None else f'{low:g}'} to {'inf' if high is None else f'{high:g}'} {column.unit}"



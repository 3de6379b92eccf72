"""Readings -> the service: until each is stored, or refused and kept aside."""

import logging
import threading
import time
from collections import Counter
from typing import Any, Final

from oilcan.gateway.back_off import BackOff
from oilcan.gateway.kept_aside import KeptAside
from oilcan.gateway.row_queue import Row
from oilcan.ground.errors import DataError, OilcanError
from oilcan.io.http.client import Api, RefusedByService

_LOG: Final = logging.getLogger("oilcan")
_OF_CONTENT: Final = frozenset({400, 413, 415, 422})        # the rows themselves; all else may pass


class Stopped(Exception):  # noqa: N818 - a state, not a fault
    """The gateway ends while the service does not answer; nothing of it is acknowledged."""


class Forwarder:
    """Sends rows to the service.

    Attributes
    ----------
    counts
        Rows by what became of them: `accepted`, `duplicates`, `conflicts`, `too_late` as the service counts them,
        `refused` by it, and `set_aside`, values that are outside the contract's range.
    answered
        When the service took something last, in seconds since 1970; None if it did not yet.
    """

    def __init__(self, api: Api, aside: KeptAside, stop: threading.Event) -> None:
        self._api, self._aside, self._stop, self._back_off = api, aside, stop, BackOff()
        self.answered: float | None = None
        self.counts: Counter[str] = Counter()

    def check(self, columns: set[str]) -> None:
        """Compare the columns of the mapping with those that the service takes.

        Raises
        ------
        DataError
            If it does not know some of them.
        """
        document = self._answer("GET", "/openapi.json", None)
        body = _telemetry_schema(document)
        strangers = sorted(columns - body.keys())
        if strangers:
            raise DataError(f"gateway.yaml: maps to columns that the service does not take (found {strangers}, wanted "
                            f"some of {sorted(body)}). Fix the names.")

    def forward(self, rows: list[Row]) -> None:
        """Return when each row is stored or kept aside.

        Raises
        ------
        Stopped
            If the gateway ends before.
        """
        try:
            answer = self._answer("POST", "/v1/telemetry", _body(rows))
        except RefusedByService as err:
            self._refused(rows, err)
            return
        for name in ("accepted", "duplicates", "conflicts", "too_late"):
            self.counts[name] += answer[name]
        self.counts["set_aside"] += answer["set_aside"]["count"]
        refused = answer["refused"]
        if refused["count"]:
            self._keep([(rows[each["row"]], f"{each['where']}: found {each['found']}, wanted {each['wanted']}")
                        for each in refused["rows"]])
        if refused["count"] > len(refused["rows"]):     # the service lists the first; the others are after them
            self.forward(rows[refused["rows"][-1]["row"] + 1:])

    def _refused(self, rows: list[Row], err: RefusedByService) -> None:
        """Nothing was stored: each row is at fault, or one of them spoils the request; halves show which."""
        is_each = err.where == "machine_id" or err.where.startswith("row ")
        if len(rows) == 1 or is_each:
            self._keep([(row, str(err)) for row in rows])
            return
        middle = len(rows) // 2
        self.forward(rows[:middle])
        self.forward(rows[middle:])

    def _keep(self, rows: list[tuple[Row, str]]) -> None:
        _LOG.warning("gateway: the service refuses %d readings, kept aside; the first: %s", len(rows), rows[0][1])
        self.counts["refused"] += len(rows)
        self._aside.rows(rows)

    def _answer(self, method: str, path: str, body: Any) -> dict[str, Any]:
        """The answer, however long the service is away; RefusedByService if what was sent is at fault."""
        while True:
            try:
                answer = self._api.get(path) if method == "GET" else self._api.post(path, body)
            except OilcanError as err:
                if isinstance(err, RefusedByService) and err.status in _OF_CONTENT:
                    raise
                wait_s = self._back_off.next_s()
                _LOG.warning("gateway: %s Tried again in %.1f s.", err, wait_s)
                if self._stop.wait(wait_s):
                    raise Stopped from None
            else:
                self._back_off.reset()
                self.answered = time.time()
                return answer


def _body(rows: list[Row]) -> dict[str, Any]:
    """Rows as columns, which the service reads several times faster.

    Examples
    --------
    >>> _body([Row("M1", 1, {"load": 2}), Row("M2", 1, {"speed": 3})])["columns"]
    {'load': [2, None], 'speed': [None, 3]}
    """
    names = sorted({name for row in rows for name in row.values})
    return {"machine_id": [row.machine for row in rows], "time": [row.time for row in rows],
            "columns": {name: [row.values.get(name) for row in rows] for name in names}}


def _telemetry_schema(document: dict[str, Any]) -> dict[str, Any]:
    """Columns of the body of POST /v1/telemetry, by the service's OpenAPI document."""
    body = document["paths"]["/v1/telemetry"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    if "$ref" in body:
        body = document["components"]["schemas"][body["$ref"].rsplit("/", 1)[1]]
    columnar = next(form for form in body["anyOf"] if "columns" in form["properties"])
    return dict(columnar["properties"]["columns"]["properties"])

"""Stateless forecasts: rows of features or a window of history in, forecasts out, each with an id of the log.

Nothing of it is kept but the log, where such a forecast has no machine: the store knows machines by their readings.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from oilcan.serving.bodies.instants_json import InstantFormat
from oilcan.serving.bodies.json_rows import NumberRows, Row, kind_of, known_keys, read_body, row_list
from oilcan.serving.engine.forecast_log import ForecastLog, ForecastRows
from oilcan.serving.ground.refusal import Refusal
from oilcan.serving.ground.service_metrics import Metrics
from oilcan.serving.model.loaded_bundle import LoadedBundle

if TYPE_CHECKING:
    from oilcan.serving.bodies.history_body import Asked

_INLINE: Final = 8          # rows that are scored at once; more go to a thread, so that others need not wait


class Predictor:
    """Answers POST /v1/predict with the bundle in service."""

    def __init__(self, served: Callable[[], LoadedBundle], log: ForecastLog, metrics: Metrics, clock: Callable[[], int],
                 max_rows: int) -> None:
        self._served, self._log, self._clock, self._max_rows = served, log, clock, max_rows
        self._count = metrics.forecasts.labels("asked")
        self._reader: tuple[LoadedBundle, NumberRows] | None = None

    async def predict(self, body: bytes) -> Row:
        """The answer to a body."""
        served = self._served()
        content = read_body(body, ("rows", "plan_hash", "history", "forecasts"))
        names = forecast_names(content.get("forecasts"), served)
        if "history" in content:
            known_keys(content, ("history", "forecasts"), "body")
            return await asyncio.to_thread(self._of_history, served, content["history"], names)
        rows = row_list(content.get("rows"), "body.rows", self._max_rows)
        if type(rows[0]) is list and content.get("plan_hash") != served.bundle.fitted.plan_hash:
            raise Refusal(422, "body.plan_hash", found=kind_of(content.get("plan_hash")),
                          wanted=f"{served.bundle.fitted.plan_hash!r}",
                          do="Rows without names count on the order of GET /v1/model; send the hash it names.")
        if len(rows) <= _INLINE and self._log.has(len(rows)):
            return self._of_rows(served, rows, names)
        return await asyncio.to_thread(self._of_rows, served, rows, names)

    def _of_rows(self, served: LoadedBundle, rows: list[Any], names: tuple[str, ...] | None) -> Row:
        matrix, refused, good = self._numbers(served).read(rows, "body.rows")
        if not good:
            first = refused[0]
            raise Refusal(422, first["where"], found=first["found"], wanted=first["wanted"],
                          do="Fix the rows; none of them could be used.")
        columns = served.score(matrix, names)
        forecasts = [{"id": str(key), "row": row}
                     for key, row in zip(self._remember(served, columns), good, strict=True)]
        return served.stamp() | {"forecasts": shaped(served, columns, forecasts), "refused": refused}

    def _of_history(self, served: LoadedBundle, content: Any, names: tuple[str, ...] | None) -> Row:
        from oilcan.serving.bodies.history_body import HistoryReader  # here: with it comes the batch engine, and pandas

        asked = HistoryReader(served.bundle, max_rows=self._max_rows).read(content)
        columns = served.score(asked.matrix, names)
        ids = [{"id": str(key)} for key in self._remember(served, columns)]
        forecasts = [entry | facts for entry, facts in zip(ids, _of_whom(served, asked), strict=True)]
        return served.stamp() | {"forecasts": shaped(served, columns, forecasts), "refused": asked.refused}

    def _remember(self, served: LoadedBundle, columns: dict[str, np.ndarray]) -> range:
        n = len(next(iter(columns.values())))
        ids = self._log.reserve(n)
        self._log.put(ForecastRows.of(served, "asked", columns, None, self._clock(), np.arange(ids.start, ids.stop)))
        self._count.inc(n)
        return ids

    def _numbers(self, served: LoadedBundle) -> NumberRows:
        if self._reader is None or self._reader[0] is not served:
            self._reader = served, NumberRows(served.features)
        return self._reader[1]


def _of_whom(served: LoadedBundle, asked: "Asked") -> Iterator[Row]:
    """Machine and time of each forecast; the place of an independent row, with its machine if it names one."""
    if asked.times is None:
        for row, name in zip(asked.rows, asked.machines, strict=True):
            yield {"row": row} if name is None else {"row": row, "machine_id": name}
        return
    moments = InstantFormat.of(served.bundle.contract.time)
    for name, time in zip(asked.machines, asked.times.tolist(), strict=True):
        yield {"machine_id": name, "time": moments.write(time)}


def forecast_names(content: Any, served: LoadedBundle) -> tuple[str, ...] | None:
    """Names of the forecasts asked for; None for all."""
    if content is None:
        return None
    if not isinstance(content, list) or not content or not all(type(name) is str for name in content):
        raise Refusal(422, "body.forecasts", found=kind_of(content), wanted="a list of names",
                      do="Leave it out for all.")
    strangers = [name for name in content if name not in served.by_name]
    if strangers:
        raise Refusal(422, "body.forecasts", found=repr(strangers[0][:60]), wanted=f"some of {list(served.by_name)}",
                      do="GET /v1/model lists them.")
    return tuple(dict.fromkeys(content))


def shaped(served: LoadedBundle, columns: dict[str, np.ndarray], forecasts: list[Row]) -> list[Row]:
    """Entries with their columns, and whether each probability reaches its threshold."""
    lists = {name: values.tolist() for name, values in columns.items()}
    cuts = [(name, f"p_{name}", cut) for name, cut in served.thresholds.items() if f"p_{name}" in columns]
    for at, forecast in enumerate(forecasts):
        for name, values in lists.items():
            forecast[name] = values[at]
        forecast["alarm"] = {name: lists[column][at] >= cut for name, column, cut in cuts}
    return forecasts

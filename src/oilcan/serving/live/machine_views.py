"""What the crew sees: the fleet sorted by risk, and one machine with all that is known of it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np

from oilcan.core.model.fitted import LifeForecast
from oilcan.io.stores import Store
from oilcan.io.stores.tables.alarm_table import Alarm
from oilcan.io.stores.tables.notice_table import Delivery
from oilcan.io.stores.values import RECORD_TABLES, StoredRecord
from oilcan.serving.bodies.instants_json import NO_TIME, InstantFormat, written
from oilcan.serving.bodies.json_rows import Row
from oilcan.serving.engine.live_engine import Engine
from oilcan.serving.model.loaded_bundle import LoadedBundle

_POINTS: Final = 400            # of a sensor's history
_READINGS: Final = 20_000       # looked at for it
_FORECASTS: Final = 2_000
_RECORDS: Final = 100
_CHOICES: Final = 50            # values of a static column that is worth a filter


class Views:
    """Reads the board and the store, from any thread; the engine completes what only its features can say."""

    def __init__(self, engine: Engine, store: Store, moments: InstantFormat, now: Callable[[], int]) -> None:
        self._engine, self._store, self._moments, self._now = engine, store, moments, now

    def order(self, *, filters: dict[str, str], alarm: bool | None) -> np.ndarray:
        """Slots of the machines asked for, the riskiest first; those without a forecast come last."""
        with self._engine.board.lock:
            return self._order(filters, alarm=alarm)

    def _order(self, filters: dict[str, str], *, alarm: bool | None) -> np.ndarray:
        board, served = self._engine.board, self._engine.active.served
        n = len(board)
        keep = np.ones(n, dtype=bool)
        if alarm is not None:
            keep &= (board.alarm[:n] != 0) == alarm
        for column, value in filters.items():
            keep &= np.fromiter((str(static.get(column)) == value for static in board.static), bool, n)
        risk = board.values[served.headline_column][:n]
        if not isinstance(served.headline, LifeForecast):
            risk = -risk                                        # short lives first, or high probabilities and numbers
        at = np.flatnonzero(keep)
        return at[np.lexsort((at, np.where(np.isnan(risk[at]), np.inf, risk[at])))]

    def risks(self, names: Iterable[str], *, static: bool = False) -> list[Row]:
        """The board's content about machines, one entry each."""
        with self._engine.board.lock:
            return self._risks(names, static=static)

    def _risks(self, names: Iterable[str], *, static: bool) -> list[Row]:
        board, served = self._engine.board, self._engine.active.served
        slots = np.array([board.slot[name] for name in names], dtype=np.int64)
        headline = [name for name in board.values if name in served.headline_columns]
        entries: list[Row] = [{}] * len(slots)
        for whole, columns in (True, list(board.values)), (False, headline):
            at = np.flatnonzero(board.whole[slots] == whole)
            for place, entry in zip(at.tolist(), self._entries(slots[at], columns), strict=True):
                entries[place] = entry
        if static:
            for slot, entry in zip(slots.tolist(), entries, strict=True):
                entry |= {"static": board.static[slot], "component": self._served(entry).component(entry),
                          "data_age_s": self._age(slot)}
        return entries

    def _served(self, entry: Row) -> LoadedBundle:
        """The bundle that made a machine's forecast."""
        return self._engine.answering(entry["machine_id"]).served

    def _entries(self, slots: np.ndarray, columns: list[str]) -> list[Row]:
        board = self._engine.board
        facts: dict[str, Iterable[Any]] = {
            "machine_id": (board.machine_ids[slot] for slot in slots.tolist()),
            "time": self._moments.write_all(board.time[slots]),
            "id": (str(key) if key else None for key in board.forecast[slots].tolist()),
        } | {name: board.values[name][slots].tolist() for name in columns}
        facts["alarm"] = (key if key > 0 else None for key in board.alarm[slots].tolist())
        entries = [dict(zip(facts, row, strict=True)) for row in zip(*facts.values(), strict=True)]
        if self._engine.shadow.share:       # a machine without `model` has the one that the answer names
            entries = [entry | {"model": self._served(entry).digest}
                       if self._engine.shadow.answers_for(entry["machine_id"]) else entry for entry in entries]
        return entries

    def choices(self) -> dict[str, list[str]]:
        """Values of the static columns with few of them, to filter by."""
        found: dict[str, set[str]] = {}
        with self._engine.board.lock:
            statics = list(self._engine.board.static)
        for static in statics:
            for column, value in static.items():
                found.setdefault(column, set()).add(str(value))
        return {column: sorted(values) for column, values in found.items() if len(values) <= _CHOICES}

    def is_whole(self, names: Sequence[str]) -> bool:
        """Whether the board has all forecasts of machines; if not, `Engine.complete` makes them."""
        board = self._engine.board
        with board.lock:
            slots = [board.slot[name] for name in names]
            return bool((board.whole[slots] | (board.time[slots] == NO_TIME)).all())

    def page(self, order: np.ndarray, names: Sequence[str]) -> Row:
        """One page of the fleet, with the forecasts that the board has."""
        with self._engine.board.lock:
            served = self._engine.active.served
            rows = self._risks(names, static=True)
        return served.stamp() | {"total": len(order), "machines": rows, "headline": served.headline_column,
                                 "filters": self.choices()}

    def machine(self, name: str, since: int | None) -> Row:
        """One machine: risk now and since, records, sensors."""
        with self._engine.board.lock:
            served = self._engine.answering(name).served
            entry = self._risks([name], static=True)[0]
        return served.stamp() | entry | self._past(name, since, served)

    def _past(self, name: str, since: int | None, served: LoadedBundle) -> Row:
        forecasts = self._store.forecasts(name, since=since, limit=_FORECASTS)
        records = {table: self._store.records(table, name, limit=_RECORDS)
                   for table in RECORD_TABLES}
        work, alarms = records["maintenance"], self._store.alarms(machine_id=name, limit=50)
        return {
            "history": {"time": [self._moments.write(each.time) for each in forecasts],
                        served.headline_column: [each.values.get(served.headline_column) for each in forecasts],
                        "threshold": served.thresholds.get(served.headline.name)},
            "records": {table: [{"time": self._moments.write(each.time), "kind": each.kind, "extra": each.extra}
                                for each in reversed(rows)] for table, rows in records.items()},
            "last_maintenance": _last(work, self._moments),
            "alarms": [shown_alarm(alarm, self._moments) for alarm in alarms],
            "deliveries": [shown_delivery(each) for each in self._store.notices.about([alarm.id for alarm in alarms])],
            "sensors": self._sensors(name, since),
        }

    def _sensors(self, name: str, since: int | None) -> Row:
        readings = self._store.readings(name, since=since, limit=_READINGS)
        names = self._store.layout.columns
        bins = np.array_split(np.arange(len(readings)), min(_POINTS, len(readings)) or 1)
        bins = [rows for rows in bins if len(rows)]
        return {"time": [self._moments.write(int(readings.times[rows[-1]])) for rows in bins],
                "columns": {column: _summary(readings.values[:, at], bins) for at, column in enumerate(names)}}

    def _age(self, slot: int) -> float | None:
        """Seconds since the newest reading, by the clock of the service; None where cycles are counted."""
        time = int(self._engine.board.newest[slot])
        return None if self._moments.kind != "instant" or time == NO_TIME else (self._now() - time) / 1e6


def _last(work: list[StoredRecord], moments: InstantFormat) -> Row | None:
    return {"time": moments.write(work[-1].time), "component": work[-1].kind} if work else None


def _summary(values: np.ndarray, bins: list[np.ndarray]) -> dict[str, list[float | None]]:
    """Mean, least and greatest of each piece of a sensor's history; None where there is no reading."""
    found: dict[str, list[float | None]] = {"mean": [], "min": [], "max": []}
    for rows in bins:
        there = values[rows][~np.isnan(values[rows])]
        found["mean"].append(float(there.mean()) if len(there) else None)
        found["min"].append(float(there.min()) if len(there) else None)
        found["max"].append(float(there.max()) if len(there) else None)
    return found


def shown_alarm(alarm: Alarm, moments: InstantFormat) -> dict[str, Any]:
    """An alarm as JSON has it."""
    return {
        "id": alarm.id, "machine_id": alarm.machine_id, "task": alarm.task, "time": moments.write(alarm.time),
        "opened_at": written(alarm.opened_at), "p": alarm.p, "threshold": alarm.threshold, "reasons": alarm.reasons,
        "forecast": None if alarm.forecast is None else str(alarm.forecast),
        "acknowledged_at": None if alarm.acknowledged_at is None else written(alarm.acknowledged_at),
        "acknowledged_by": alarm.acknowledged_by,
        "closed_at": None if alarm.closed_at is None else written(alarm.closed_at),
        "finding": alarm.finding, "found_at": None if alarm.found_at is None else written(alarm.found_at),
        "comments": [{"at": written(each.at), "by": each.by, "text": each.text} for each in alarm.comments],
    }


def shown_delivery(delivery: Delivery) -> dict[str, Any]:
    """A message about alarms as JSON has it."""
    return {"id": delivery.id, "key": delivery.key, "channel": delivery.channel, "step": delivery.step,
            "crew": delivery.crew, "due_at": written(delivery.due_at), "state": delivery.state,
            "attempts": delivery.attempts, "error": delivery.error, "reference": delivery.reference,
            "finished_at": None if delivery.finished_at is None else written(delivery.finished_at),
            "alarms": list(delivery.alarms)}

"""The one owner of what the service knows of its machines: readings and records in, risks out.

Durable first: a batch is in the store before it is applied, and applied before it is answered. Everything that changes
or reads features happens on the engine's thread of the pipeline; the store is written on the writer's.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from oilcan.io.stores import Store
from oilcan.io.stores.tables.forecast_table import Forecast
from oilcan.io.stores.values import Appended, Cursor, Machine, Readings, Record
from oilcan.serving.bodies.instants_json import NO_TIME
from oilcan.serving.ground.service_metrics import Metrics
from oilcan.serving.live.alarming import Alarming
from oilcan.serving.live.bundle_track import Track, changed
from oilcan.serving.live.forecast_board import Board
from oilcan.serving.live.forecast_log import ForecastLog
from oilcan.serving.live.restoring import follow, machines_of, restore, take_in
from oilcan.serving.model.loaded_bundle import Served

_WHOLE: Final = 64              # machines of which all forecasts are made at once; of more the headline, until asked


class Engine:
    """Tracks, board and alarms.

    Parameters
    ----------
    is_shared
        Whether other replicas write to the same store.

    Attributes
    ----------
    active, shadow
        The bundle that answers, and one that is only watched; both with their features.
    board
        What was last said of every machine.
    """

    def __init__(self, active: Track, store: Store, log: ForecastLog, metrics: Metrics, clock: Callable[[], int], *,
                 is_shared: bool) -> None:
        self.active, self._is_shared = active, is_shared
        self.shadow: Track | None = None
        self._store, self._log, self._metrics, self._clock = store, log, metrics, clock
        self.board = Board(active.served.columns)
        self.cursor = Cursor()
        self._dirty: dict[str, None] = {}
        self.alarming: Alarming

    def start(self) -> None:
        """Take up where the last process left off."""
        self.cursor, replayed = restore(self.active, self._store)
        self._meet_stored()
        self.use(self.active)
        # they are in no snapshot yet, and the next save moves the point to replay from
        self._dirty.update(dict.fromkeys(sorted(replayed)))

    def use(self, track: Track) -> None:
        """Answer from a track that knows every machine of the board; new forecasts for all of them."""
        self.active = track
        self.board.restart(track.served.columns)
        self.alarming = Alarming(track.served, self._store, self.board)
        newest = dict(zip(self.board.machine_ids, track.newest(self.board.machine_ids).tolist(), strict=True))
        told = {each.machine_id: each for each in self._store.newest_forecasts() if each.machine_id is not None
                and each.bundle == track.served.digest and newest.get(each.machine_id) == each.time}
        self._recall(told)
        self.forecast([name for name, time in newest.items() if time != NO_TIME and name not in told])

    def switch(self, track: Track, cursor: Cursor | None) -> None:
        """Answer from another track from now on; `cursor` is up to where its own features are, if it has any."""
        self._catch_up_with(track, cursor)
        if self.shadow is track:
            self.shadow = None
        self.use(track)
        self._dirty.update(dict.fromkeys(self.board.machine_ids))

    def watch(self, track: Track, cursor: Cursor | None) -> None:
        """Let a challenger say what it would say from now on."""
        self._catch_up_with(track, cursor)
        self.shadow = track

    def unwatch(self) -> None:
        """Let the challenger go."""
        self.shadow = None

    def _catch_up_with(self, track: Track, cursor: Cursor | None) -> None:
        if cursor is not None:
            track.register(self._store.machines())
            follow(track, self._store, cursor)

    def take(self, batch: Readings, appended: Appended) -> np.ndarray:
        """Take in a batch that was just stored; what became of each row (`NEW`, ... ; 255 for one not taken)."""
        if self._is_shared:
            self.catch_up()
        status = np.full(len(batch), 255, dtype=np.uint8)
        new = np.flatnonzero(appended.is_new)
        fresh = batch if len(new) == len(batch) else Readings(
            [batch.machine_ids[at] for at in new.tolist()], batch.times[new], batch.values[new])
        self.board.add(batch.machine_ids)
        if len(new):
            status[new] = self.active.take(fresh)
            if self.shadow is not None and self.shadow.features is not self.active.features:
                self.shadow.take(fresh)
        touched = list(dict.fromkeys(batch.machine_ids[at] for at in np.flatnonzero(changed(status)).tolist()))
        self.board.received[[self.board.slot[name] for name in touched]] = self._clock()
        self._dirty.update(dict.fromkeys(touched))
        self.forecast(touched)
        return status

    def note(self, table: str, records: Sequence[Record]) -> None:
        """Take in records that were just stored, and forecast their machines anew."""
        names = list(dict.fromkeys(record.machine_id for record in records))
        self.board.add(names)
        for track in self._tracks():
            track.note(table, records)
        self._again(names)

    def describe(self, static: Mapping[str, Mapping[str, Any]]) -> None:
        """Take in static columns of machines that were just stored."""
        self.board.add(static)
        for name, columns in static.items():
            self.board.static[self.board.slot[name]] = dict(columns)
        for track in self._tracks():
            track.register([Machine(name, dict(columns), 0, None) for name, columns in static.items()])
        self._again(list(static))

    def forecast(self, names: list[str]) -> None:
        """New forecasts of machines, on the board and in the log; alarms that follow from them."""
        if not names:
            return
        board, served = self.board, self.active.served
        slots = np.array([board.slot[name] for name in names])
        order = np.argsort(slots)
        slots, names = slots[order], [names[at] for at in order.tolist()]
        matrix, times = self.active.matrix(names), self.active.newest(names)
        wanted = None if len(names) <= _WHOLE else (served.headline.name,)
        columns = served.score(matrix, wanted)
        ids = self._remember(served, "active", columns, names, times)
        board.say(slots, times, np.arange(ids.start, ids.stop), columns)
        self._metrics.alarms.inc(self.alarming.judge(slots, matrix, self._clock()))
        if self.shadow is not None:
            self._watch(self.shadow, names, times, matrix, columns)
        self._metrics.machines.set(len(board))

    def complete(self, names: list[str]) -> None:
        """Make all forecasts of machines of which only the headline is on the board."""
        names = [name for name in names if not self.board.whole[self.board.slot[name]]
                 and self.board.time[self.board.slot[name]] != NO_TIME]
        if names:
            slots = np.array([self.board.slot[name] for name in names])
            self.board.fill(slots, self.active.served.score(self.active.matrix(names)))

    def take_dirty(self) -> list[str]:
        """Machines that changed since this was asked before."""
        names, self._dirty = list(self._dirty), {}
        return names

    def catch_up(self) -> None:
        """Take in what other replicas stored, and forecast its machines."""
        touched: dict[str, None] = {}
        more = True
        while more:
            page = self._store.changes(self.cursor)
            names = dict.fromkeys(sorted(machines_of(page)))
            if not self.board.slot.keys() >= names.keys():
                self._meet_stored()
            before = self.active.newest(list(names))
            for track in self._tracks():
                take_in(track, page)
            moved = self.active.newest(list(names)) != before
            touched |= dict.fromkeys(name for name, has in zip(names, moved.tolist(), strict=True) if has)
            touched |= dict.fromkeys(record.machine_id for record in page.records)
            self._dirty.update(names)
            self.cursor, more = page.cursor, page.more
        if touched:
            self._again(list(touched))

    def _again(self, names: list[str]) -> None:
        """Forecast machines anew, those that have sent anything."""
        self._dirty.update(dict.fromkeys(names))
        newest = self.active.newest(names).tolist()
        self.forecast([name for name, time in zip(names, newest, strict=True) if time != NO_TIME])

    def _meet_stored(self) -> None:
        machines = self._store.machines()
        self.board.add([each.machine_id for each in machines])
        for each in machines:
            self.board.static[self.board.slot[each.machine_id]] = each.static

    def _recall(self, told: Mapping[str, Forecast]) -> None:
        """Put forecasts of the log back on the board, those with the same columns together."""
        board, same = self.board, defaultdict[tuple[str, ...], list[str]](list)
        for name, each in told.items():
            same[tuple(column for column in each.values if column in board.values)].append(name)
        for columns, names in same.items():
            slots, ids = np.array([board.slot[name] for name in names]), np.array([told[name].id for name in names])
            times = np.array([told[name].time for name in names])
            board.say(slots, times, ids,
                      {column: np.array([told[name].values[column] for name in names]) for column in columns})
            board.stride[slots] = times // self.alarming.stride

    def _remember(self, served: Served, role: str, columns: dict[str, np.ndarray], names: list[str],
                  times: np.ndarray) -> range:
        self._metrics.forecasts.labels(role).inc(len(names))
        return self._log.add(served.digest, served.bundle.contract.version, role, columns, names, times)

    def _watch(self, shadow: Track, names: list[str], times: np.ndarray, matrix: np.ndarray,
               said: dict[str, np.ndarray]) -> None:
        """What the challenger would have said: logged and compared, never answered."""
        served = shadow.served
        own = matrix if shadow.features is self.active.features else shadow.matrix(names)
        columns = served.score(own, (served.headline.name,))
        self._remember(served, "shadow", columns, names, times)
        mine, other = (self.active.served.headline_column, served.headline_column)
        for gap in np.abs(columns[other] - said[mine]).tolist():
            self._metrics.shadow_gap.observe(gap)
        mine_on, other_on = (each.would_alarm(values[each.headline_column]) for each, values in (
            (self.active.served, said), (served, columns)))
        self._metrics.shadow_disagrees.inc(int((mine_on != other_on).sum()))

    def _tracks(self) -> list[Track]:
        """Tracks with features of their own."""
        shared = self.shadow is None or self.shadow.features is self.active.features
        return [self.active] if shared else [self.active, self.shadow]      # type: ignore[list-item]

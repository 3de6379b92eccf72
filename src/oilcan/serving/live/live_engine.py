"""The one owner of what the service knows of its machines: a fold over the entries of the store's log.

Everything that changes or reads features happens on the engine's thread of the pipeline. `fold` leads from one entry
to the next and is the only way by which anything reaches features, board and alarm policy; after any error the engine
goes on from its cursor. See docs/decisions/0035-the-log-is-the-one-source.md.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from oilcan.ground.errors import StoreReplaced, StoreUnavailable
from oilcan.io.stores import Store
from oilcan.io.stores.tables.forecast_table import Forecast
from oilcan.io.stores.tables.state_table import PolicyRow
from oilcan.io.stores.values import Cursor, Entry, Write
from oilcan.serving.bodies.instants_json import NO_TIME
from oilcan.serving.ground.service_metrics import Metrics
from oilcan.serving.live.alarming import Alarming
from oilcan.serving.live.bundle_track import Track
from oilcan.serving.live.following import (
    changed,
    cursor_of,
    follow,
    machines_at,
    machines_of,
    restore,
    take_in,
    too_late,
)
from oilcan.serving.live.forecast_board import ForecastBoard
from oilcan.serving.live.forecast_log import ForecastLog, ForecastRows
from oilcan.serving.live.shadowing import Shadow

_WHOLE: Final = 64              # machines of which all forecasts are made at once; of more the headline, until asked
_ENTRIES: Final = 4_096         # newest entries of which it is known which readings came too late
_JUDGED: Final = "judged"       # setting: the bundle whose policy judges, and up to which entry it had judged


class Engine:
    """Features, board and alarms.

    Attributes
    ----------
    active
        The bundle that answers, with its features.
    shadow
        A challenger that forecasts the same readings and is not answered from; None for none.
    board
        The newest forecast of every machine.
    cursor
        The last entry of the log that features, board and policy have.
    in_doubt
        Why the state may not be what the log says; None if it is. Then it is made again before anything is answered.
    """

    def __init__(self, active: Track, store: Store, log: ForecastLog, metrics: Metrics, clock: Callable[[], int],
                 feed: Callable[[Entry], None]) -> None:
        self.active, self.shadow = active, Shadow(None, log, metrics)
        self._store, self._log, self._metrics, self._clock, self._feed = store, log, metrics, clock, feed
        self.board = ForecastBoard(active.served.columns)
        self.alarming = Alarming(active.served, self.board)
        self.cursor = Cursor()
        self.in_doubt: str | None = "the service is starting"
        self._unsaved: dict[str, None] = {}
        self._unpublished: set[str] = set()         # machines of an entry that was taken in, but not yet forecast
        self._late: OrderedDict[int, set[tuple[str, int]]] = OrderedDict()
        self._logged: Mapping[str, Forecast] = {}   # while entries are met again: newest forecasts of the store's log

    def start(self) -> None:
        """Make the state from the store: snapshots, then the entries after them."""
        self._unpublished, self._unsaved = set(), {}
        self.active = self.active.afresh()
        cursor, doubtful = restore(self.active, self._store)
        judged = self._judged_upto(cursor)
        self.cursor, met = follow(self.active, self._store, cursor, until=judged)
        self.shadow.track = self._shadow_afresh()
        self._use(self.active, use_saved=True)
        self._catch_up()
        self._logged = {}
        self._forecast_missing()
        self._write_alarms()
        # they are in no snapshot yet, and the next save moves the point to replay from
        self._unsaved.update(dict.fromkeys(sorted(met | doubtful)))
        self.in_doubt = None

    def take(self, writes: Sequence[Write]) -> None:
        """Be up to date with some writes: their entries are in features, board and policy, and their alarms stored.

        Raises
        ------
        StoreUnavailable
            If the store cannot answer; the next call goes on where this one ended.
        """
        with _Doubt(self):
            for write in writes:
                if write.entry is not None and write.entry.before == self.cursor:
                    self._fold(write.entry)
                elif self.cursor.number < write.upto.number:
                    self._catch_up()
            self._write_alarms()

    def catch_up(self) -> None:
        """Be up to date with the store, whoever wrote."""
        with _Doubt(self):
            self._catch_up()
            self._write_alarms()

    def too_late(self, upto: int, keys: Iterable[tuple[str, int]]) -> int:
        """How many of the readings of an entry came too late for the features."""
        late = self._late.get(upto)
        return sum(key in late for key in keys) if late else 0

    def switch(self, track: Track, cursor: Cursor | None) -> None:
        """Answer from another track from now on; `cursor` is up to where its own features are, if it has any.

        If it fails, the old bundle answers, after its state is made again.
        """
        before = self.active
        track = self._bring(track, cursor)
        try:
            self._store.snapshots.forget_policy(track.served.digest)    # of an earlier time in service
            self._store.settings.set(_JUDGED, {"bundle": track.served.digest, "upto": self.cursor.as_text()},
                                     self._clock())
            self._use(track, use_saved=False)
            self._logged = {}
            self._forecast_missing()
        except BaseException:
            self.active, self.in_doubt = before, "a change of the bundle failed"
            raise
        self._unsaved.update(dict.fromkeys(self.board.machine_ids))

    def watch(self, track: Track | None, cursor: Cursor | None) -> None:
        """Let a challenger forecast the same readings from now on; None ends that."""
        self.shadow.track = None if track is None else self._bring(track, cursor)

    def complete(self, names: Sequence[str]) -> None:
        """Make all forecasts of machines of which only the headline is on the board."""
        board = self.board
        names = [name for name in names
                 if not board.whole[board.slot[name]] and board.time[board.slot[name]] != NO_TIME]
        if names:
            columns = self.active.served.score(self.active.matrix(names))
            with board.lock:
                board.fill(np.array([board.slot[name] for name in names]), columns)

    def take_unsaved(self) -> list[str]:
        """Machines that changed since this was asked before."""
        names, self._unsaved = list(self._unsaved), {}
        return names

    def dump(self, track: Track, names: Sequence[str]
             ) -> tuple[dict[str, bytes], dict[str, dict[str, PolicyRow]]]:
        """States of machines, and by bundle what the alarm policy remembers of them; its alarms are stored before."""
        self._write_alarms()
        is_judged = track.features is self.active.features
        return track.dump(names), {self.active.served.digest: self.alarming.rows(names)} if is_judged else {}

    def saved(self, upto: Cursor) -> None:
        """Everything up to an entry was saved: judge from there after a start."""
        self._store.settings.set(_JUDGED, {"bundle": self.active.served.digest, "upto": upto.as_text()}, self._clock())

    def _judged_upto(self, restored: Cursor) -> Cursor:
        """The entry after which the policy judges. For a bundle that begins it is the last one, and is written down.

        If what was written down cannot be read, the policy judges from where the features were restored. It looks at no
        reading twice, because each machine's state says up to which reading it has looked.
        """
        saved, bundle = self._store.settings.get(_JUDGED), self.active.served.digest
        if not isinstance(saved, dict) or not isinstance(saved.get("bundle"), str):
            if self._store.snapshots.policy(bundle):
                return restored
        elif saved["bundle"] == bundle:
            return cursor_of(self._store, saved.get("upto")) or restored
        end = self._store.end()
        self._store.snapshots.forget_policy(bundle)         # of an earlier time in service
        self.saved(end)
        return end

    def _use(self, track: Track, *, use_saved: bool) -> None:
        """Forget what is on the board and put there what the store's log of forecasts has of this bundle."""
        machines = machines_at(self._store, self.cursor)
        logged = {each.machine_id: each for each in self._store.newest_forecasts() if each.machine_id is not None
                  and each.bundle == track.served.digest}
        alarming = Alarming(track.served, self.board)
        memory = alarming.fetch(self._store, use_saved=use_saved)
        with self.board.lock:
            self.active, self.alarming = track, alarming
            self.board.clear(track.served.columns)
            self._meet({each.machine_id: each.static for each in machines})
            newest = track.newest(self.board.machine_ids)
            self._recall({name: each for name, each in logged.items() if newest[self.board.slot[name]] == each.time})
            alarming.remember(memory, newest)
        self._logged = logged

    def _catch_up(self) -> None:
        """Fold what the log has after the cursor."""
        more = True
        while more:
            page = self._store.changes(self.cursor)
            for entry in page.entries:
                self._fold(entry)
            more = page.more

    def _fold(self, entry: Entry) -> None:
        """Take in the entry after the cursor. Until `_publish` nobody sees anything of it, and it can be repeated."""
        names = machines_of(entry)
        again, self._unpublished = self._unpublished, self._unpublished | names
        with self.board.lock:
            self.board.add(sorted(names - self.board.slot.keys()))
        status = take_in(self.active, entry)
        self.shadow.take_in(entry, self.active)
        ids, times = entry.readings.machine_ids, entry.readings.times
        self._late.setdefault(entry.cursor.number, {(ids[at], int(times[at])) for at in np.flatnonzero(
            too_late(status)).tolist()})
        if len(self._late) > _ENTRIES:
            self._late.popitem(last=False)
        read = {ids[at] for at in np.flatnonzero(changed(status)).tolist()}
        touched = sorted(read | again | {record.machine_id for record in entry.records} | entry.machines.keys())
        self._unsaved.update(dict.fromkeys(touched))
        self._publish(touched, entry, read)

    def _publish(self, names: Sequence[str], entry: Entry | None = None, read: Iterable[str] = ()) -> None:
        """Forecast machines and let board and policy have it, together with the cursor, all at once."""
        board, served = self.board, self.active.served
        newest = dict(zip(names, self.active.newest(names).tolist(), strict=True))
        names = sorted((name for name in names if newest[name] != NO_TIME), key=board.slot.__getitem__)
        slots = np.array([board.slot[name] for name in names], dtype=np.int64)
        times = np.array([newest[name] for name in names], dtype=np.int64)
        matrix = self.active.matrix(names)
        columns = served.score(matrix, None if len(names) <= _WHOLE else served.headline_names)
        ids, is_new = self._ids(names, times, columns)
        judged = self.alarming.judge(slots, times, columns, matrix, ids) if entry is not None and names else None
        challenged = self.shadow.forecast(names, times, matrix, columns, self.active)
        with board.lock:
            board.publish(slots, times, ids, columns)
            if judged is not None:
                self.alarming.accept(judged)
            if entry is not None:
                self._meet(entry.machines)
                board.received[[board.slot[name] for name in read]] = entry.received_at
                self.cursor, self._unpublished = entry.cursor, set()
        if entry is not None:
            self._feed(entry)
        self._log.put(ForecastRows.of(served, "active", columns, names, times, ids).only(is_new))
        self._metrics.forecasts.labels("active").inc(int(is_new.sum()))
        self.shadow.log(challenged)
        self._metrics.machines.set(len(board))

    def _ids(self, names: Sequence[str], times: np.ndarray, columns: Mapping[str, np.ndarray]
             ) -> tuple[np.ndarray, np.ndarray]:
        """Ids of forecasts, and which of them are new: not so those that the log has from before a start."""
        ids, is_new = np.zeros(len(names), dtype=np.int64), np.ones(len(names), dtype=bool)
        headline = self.active.served.headline_column
        for at, name in enumerate(names) if self._logged else ():
            logged = self._logged.get(name)
            if logged is None or times[at] > logged.time:
                continue
            if times[at] == logged.time:
                if not np.isclose(columns[headline][at], logged.values.get(headline, np.nan), rtol=1e-5, atol=1e-7):
                    continue            # what the machine sent after it changed its forecast
                ids[at] = logged.id
            is_new[at] = False
        reserved = self._log.reserve(int(is_new.sum()))
        ids[is_new] = np.arange(reserved.start, reserved.stop)
        return ids, is_new

    def _forecast_missing(self) -> None:
        """Forecast machines whose newest reading is not the one of the board."""
        board = self.board
        newest = self.active.newest(board.machine_ids)
        missing = np.flatnonzero((newest != NO_TIME) & (newest != board.time[:len(board)]))
        if len(missing):
            self._publish([board.machine_ids[slot] for slot in missing.tolist()])

    def _write_alarms(self) -> None:
        self._metrics.alarms.inc(self.alarming.write(self._store, self._clock()))

    def _bring(self, track: Track, cursor: Cursor | None) -> Track:
        """Bring this engine and then a track to the same entry of the log; the track, with shared features if any."""
        self.catch_up()
        for other in (self.active, self.shadow.track):
            if other is not None and other.shares(track.served):
                return track.afresh(other.features)     # those of now: catching up may have made them again
        follow(track, self._store, cursor or Cursor(), until=self.cursor)
        return track

    def _shadow_afresh(self) -> Track | None:
        shadow = self.shadow.track
        if shadow is None:
            return None
        if shadow.shares(self.active.served):
            return shadow.afresh(self.active.features)
        track = shadow.afresh()
        follow(track, self._store, restore(track, self._store)[0], until=self.cursor)
        return track

    def _meet(self, machines: Mapping[str, Mapping[str, object]]) -> None:
        self.board.add(machines)
        for name, static in machines.items():
            self.board.static[self.board.slot[name]] = dict(static)

    def _recall(self, logged: Mapping[str, Forecast]) -> None:
        """Put forecasts of the log back on the board, those with the same columns together."""
        board, same = self.board, defaultdict[tuple[str, ...], list[str]](list)
        for name, each in logged.items():
            same[tuple(column for column in each.values if column in board.values)].append(name)
        for columns, names in same.items():
            slots, ids = np.array([board.slot[name] for name in names]), np.array([logged[name].id for name in names])
            board.publish(slots, np.array([logged[name].time for name in names]), ids,
                          {column: np.array([logged[name].values[column] for name in names]) for column in columns})


class _Doubt:
    """Around work of the engine: makes the state again first if it is in doubt, and puts it in doubt after an error.

    An error of the store alone leaves no doubt: nothing was published, and what was taken in can be taken in again.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> None:
        if self._engine.in_doubt is not None:
            self._engine.start()

    def __exit__(self, kind: type[BaseException] | None, err: BaseException | None, _trace: object) -> None:
        if err is None or isinstance(err, StoreUnavailable):
            return
        self._engine.in_doubt = f"{kind.__name__ if kind else ''}: {err}"
        if isinstance(err, StoreReplaced):
            raise StoreUnavailable(str(err)) from err

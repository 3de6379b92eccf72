"""The one owner of what the service knows of its machines: a fold over the entries of the store's log.

Everything that changes or reads features happens on the engine's thread of the pipeline. `fold` leads from one entry
to the next and is the only way by which anything reaches features, board and alarm policy; after any error the engine
goes on from its cursor. See docs/decisions/0035-the-log-is-the-one-source.md.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from oilcan.io.stores import Store
from oilcan.io.stores.log_entries import Cursor, Entry, Write
from oilcan.io.stores.tables.state_table import PolicyRow
from oilcan.serving.bodies.instants_json import NO_TIME
from oilcan.serving.engine.alarming import Alarming
from oilcan.serving.engine.bundle_track import BundleTrack
from oilcan.serving.engine.engine_doubt import Doubt
from oilcan.serving.engine.following import (
    begun_again,
    brought_to,
    changed,
    follow,
    machines_at,
    machines_of,
    restore,
    take_in,
)
from oilcan.serving.engine.forecast_board import ForecastBoard
from oilcan.serving.engine.forecast_ids import ForecastIds
from oilcan.serving.engine.forecast_log import ForecastLog
from oilcan.serving.engine.judged_cursor import JudgedCursor
from oilcan.serving.engine.late_readings import LateReadings
from oilcan.serving.engine.new_forecasts import NewForecasts
from oilcan.serving.engine.shadowing import Shadow
from oilcan.serving.ground.service_metrics import Metrics

_WHOLE: Final = 64              # up to so many machines get all forecasts at once; more get the headline until asked


class Engine:
    """Features, board and alarms.

    Attributes
    ----------
    active
        The bundle that answers, with its features.
    shadow
        A challenger that forecasts the same readings, and answers for a share of the machines or for none.
    board
        The newest forecast of every machine.
    put_off
        Machine -> id of its newest forecast, which the replica that took the reading in makes and logs. It is made here
        as well when somebody asks for it.
    cursor
        The last entry of the log that features, board and policy have.
    in_doubt
        Why the state may not be what the log says; None if it is. Then it is made again before anything is answered.
    """

    def __init__(self, active: BundleTrack, store: Store, log: ForecastLog, metrics: Metrics, clock: Callable[[], int],
                 feed: Callable[[Entry], None]) -> None:
        self.active, self.shadow = active, Shadow(None, log, metrics)
        self._store, self._log, self._metrics, self._clock, self._feed = store, log, metrics, clock, feed
        self.board = ForecastBoard(active.served.columns)
        self.alarming = Alarming(active.served, self.board)
        self._canary_alarming: Alarming | None = None
        self.cursor = Cursor()
        self.in_doubt: str | None = "the service is starting"
        self._unsaved: dict[str, None] = {}
        self._unpublished: set[str] = set()         # machines of an entry that was taken in, but not yet forecast
        self._late, self.put_off = LateReadings(), dict[str, int]()
        self._mine: set[int] = set()                # entries that this process wrote, until they are taken in
        self._ids, self._judged = ForecastIds(log), JudgedCursor(store, clock)

    def start(self) -> None:
        """Make the state from the store: snapshots, then the entries after them."""
        self._unpublished, self._unsaved = set(), {}
        self._ids.begin_again()
        self.active = self.active.afresh()
        cursor, doubtful = restore(self.active, self._store)
        judged = self._judged.read(self.active.served.digest, cursor)
        self.cursor, met = follow(self.active, self._store, cursor, until=judged)
        self.shadow.track = begun_again(self.shadow.track, self.active, self._store, self.cursor)
        self._use(self.active, use_saved=True)
        self._catch_up(all_mine=True)
        self._ids.logged = {}
        self._forecast_missing()
        self._write_alarms()
        # they are in no snapshot yet, and the next save moves the point to replay from
        self._unsaved.update(dict.fromkeys(sorted(met | doubtful)))
        self.in_doubt = None

    def wrote(self, write: Write) -> None:
        """Know that this process wrote an entry, and so makes its forecasts; from any thread.

        An entry that was taken in between its commit and this call was put off, and is made when the sender's answer
        asks for it.
        """
        if write.entry is not None and write.entry.cursor.number > self.cursor.number:
            self._mine.add(write.entry.cursor.number)

    def take(self, writes: Sequence[Write]) -> None:
        """Be up to date with some writes: their entries are in features, board and policy, and their alarms stored.

        Raises
        ------
        StoreUnavailable
            If the store cannot answer; the next call goes on where this one ended.
        """
        with Doubt(self):
            for write in writes:
                if write.entry is not None and write.entry.before == self.cursor:
                    self._fold(write.entry)
                elif self.cursor.number < write.upto.number:
                    self._catch_up()
            self._write_alarms()

    def catch_up(self) -> None:
        """Be up to date with the store, whoever wrote."""
        with Doubt(self):
            self._catch_up()
            self._write_alarms()

    def too_late(self, upto: int, keys: Iterable[tuple[str, int]]) -> int:
        """How many of the readings of an entry came too late for the features."""
        return self._late.among(upto, keys)

    def switch(self, track: BundleTrack, cursor: Cursor | None) -> None:
        """Answer from another track from now on; `cursor` is up to where its own features are, if it has any.

        If it fails, the old bundle answers, after its state is made again.
        """
        before = self.active, self.shadow.share
        track = self._bring(track, cursor)
        try:
            self.shadow.share = 0.0
            self._answer_from(track)
        except BaseException:
            (self.active, self.shadow.share), self.in_doubt = before, "a change of the bundle failed"
            raise

    def watch(self, track: BundleTrack | None, cursor: Cursor | None) -> None:
        """Let a challenger forecast the same readings from now on, and answer for no machine; None ends that."""
        if self.shadow.share:
            self.give_share(0.0)
        self.shadow.track = None if track is None else self._bring(track, cursor)

    def give_share(self, share: float) -> None:
        """Let the challenger answer for a share of the machines from now on; 0 for none.

        It has the columns of the bundle in service. Both alarm policies begin anew, as after a change of the bundle.
        """
        before = self.shadow.share
        self.catch_up()
        try:
            self.shadow.share = share
            self._answer_from(self.active)
        except BaseException:
            self.shadow.share, self.in_doubt = before, "a change of the canary failed"
            raise

    def answering(self, name: str) -> BundleTrack:
        """The track that answers for a machine: of the bundle in service, or of its canary."""
        canary = self.shadow.track
        return canary if canary is not None and self.shadow.answers_for(name) else self.active

    def complete(self, names: Sequence[str]) -> None:
        """Make all forecasts of machines that have only the headline on the board."""
        self.renew(names)
        board = self.board
        names = [name for name in names
                 if not board.whole[board.slot[name]] and board.time[board.slot[name]] != NO_TIME]
        for track, some in self._by_track(names):
            columns = track.served.score(track.matrix(some))
            with board.lock:
                board.fill(np.array([board.slot[name] for name in some]), columns)

    def renew(self, names: Iterable[str] | None = None) -> None:
        """Make the forecasts of machines that were put off, of all where no names are given."""
        board = self.board
        given = dict(self.put_off) if names is None else {
            name: self.put_off[name] for name in names if name in self.put_off}
        if not given:
            return
        made = self._made(sorted(given, key=board.slot.__getitem__), given, is_judged=False)
        with board.lock:
            for each in made:
                each.show(board)
            for name in given:
                del self.put_off[name]
        for each in made:
            self._log.put(each.rows())      # the log has them already if the other replica lives

    def take_unsaved(self) -> list[str]:
        """Machines that changed since this was asked before."""
        names, self._unsaved = list(self._unsaved), {}
        return names

    def dump(self, track: BundleTrack, names: Sequence[str]
             ) -> tuple[dict[str, bytes], dict[str, dict[str, PolicyRow]]]:
        """States of machines, and by bundle what the alarm policy remembers of them; its alarms are stored before."""
        self._write_alarms()
        if track.features is not self.active.features:
            return track.dump(names), {}
        return track.dump(names), {answering.served.digest: self._alarming_of(answering).rows(some)
                                   for answering, some in self._by_track(names)}

    def saved(self, upto: Cursor) -> None:
        """Everything up to an entry was saved: judge from there after a start."""
        self._judged.write(self.active.served.digest, upto)

    def _use(self, track: BundleTrack, *, use_saved: bool) -> None:
        """Forget what is on the board and put there what the store's log of forecasts has of this bundle."""
        machines, canary = machines_at(self._store, self.cursor), self.shadow.track if self.shadow.share else None
        alarming = Alarming(track.served, self.board)
        other = None if canary is None else Alarming(canary.served, self.board)
        memories = [(each, each.fetch(self._store, use_saved=use_saved)) for each in (alarming, other) if each]
        newest_forecasts = self._store.newest_forecasts()
        with self.board.lock:
            self.active, self.alarming, self._canary_alarming = track, alarming, other
            logged = {each.machine_id: each for each in newest_forecasts if each.machine_id is not None
                      and each.bundle == self.answering(each.machine_id).served.digest}
            self.board.clear(track.served.columns)
            self.board.meet({each.machine_id: each.static for each in machines})
            newest = track.newest(self.board.machine_ids)
            self.board.newest[:len(newest)], self.put_off = newest, {}
            self.board.recall({name: each for name, each in logged.items()
                               if newest[self.board.slot[name]] == each.time})
            for each, memory in memories:
                each.remember(memory, newest)
        self._ids.logged = logged

    def _answer_from(self, track: BundleTrack) -> None:
        """Begin to answer from a track, and from the canary if there is one, at the cursor."""
        self._judged.begin(track.served.digest, self.cursor)
        if self.shadow.track is not None and self.shadow.share:
            self._store.snapshots.forget_policy(self.shadow.track.served.digest)
        self._use(track, use_saved=False)
        self._ids.logged = {}
        self._forecast_missing()
        self._unsaved.update(dict.fromkeys(self.board.machine_ids))

    def _catch_up(self, *, all_mine: bool = False) -> None:
        """Fold what the log has after the cursor."""
        more = True
        while more:
            page = self._store.changes(self.cursor)
            for entry in page.entries:
                self._fold(entry, is_mine=all_mine or not self._store.is_shared or entry.cursor.number in self._mine)
            more = page.more

    def _fold(self, entry: Entry, *, is_mine: bool = True) -> None:
        """Take in the entry after the cursor. It shows nowhere before `_publish`, and can be repeated until then.

        Parameters
        ----------
        is_mine
            Whether all its forecasts are made here. Of another replica's entry those are that the alarm policy looks
            at; the others are put off.
        """
        names = machines_of(entry)
        again, self._unpublished = self._unpublished, self._unpublished | names
        with self.board.lock:
            self.board.add(sorted(names - self.board.slot.keys()))
        status = take_in(self.active, entry)
        self.shadow.take_in(entry, self.active)
        self._late.note(entry, status)
        read = {entry.readings.machine_ids[at] for at in np.flatnonzero(changed(status)).tolist()}
        touched = sorted(read | again | {record.machine_id for record in entry.records} | entry.machines.keys())
        self._unsaved.update(dict.fromkeys(touched))
        self._publish(touched, entry, read, is_mine=is_mine)

    def _publish(self, names: Sequence[str], entry: Entry | None = None, read: Iterable[str] = (), *,
                 is_mine: bool = True) -> None:
        """Forecast machines and let board and policy have it, together with the cursor, all at once."""
        board = self.board
        newest = self.active.newest(names)
        known = sorted((name for name, time in zip(names, newest.tolist(), strict=True) if time != NO_TIME),
                       key=board.slot.__getitem__)
        given = {} if entry is None else entry.forecast_ids()
        made = self._made(known if is_mine else self._due(known), given, is_judged=entry is not None)
        of_challenger = {} if entry is None or self.shadow.track is None else entry.forecast_ids(of_challenger=True)
        challenged = [self.shadow.forecast(each.names, each.times, each.matrix, each.columns, self.active,
                                           of_challenger)
                      for each in made if each.track is self.active and is_mine]
        with board.lock:
            for each in made:
                each.show(board)
            board.newest[[board.slot[name] for name in names]] = newest
            for name in known:
                self.put_off.pop(name, None)
            if not is_mine:
                self.put_off.update((name, given.get(name, 0)) for name in known)
            if entry is not None:
                self.board.meet(entry.machines)
                board.received[[board.slot[name] for name in read]] = entry.received_at
                self.cursor, self._unpublished = entry.cursor, set()
                self._mine.discard(entry.cursor.number)
        if entry is not None:
            self._feed(entry)
        for each in made:
            self._log.put(each.rows() if is_mine else each.rows_of_alarms())
            self._metrics.forecasts.labels("active").inc(int(each.is_new.sum()) if is_mine else 0)
        for rows in challenged:
            self.shadow.log(rows)
        self._metrics.machines.set(len(board))

    def _made(self, names: Sequence[str], given: Mapping[str, int], *, is_judged: bool) -> list[NewForecasts]:
        """New forecasts of machines, in order of their slots, by the track that answers for each."""
        return [NewForecasts.of(track, some, track.newest(some), self.board, self._ids, self._alarming_of(track), given,
                                is_whole=len(names) <= _WHOLE, is_judged=is_judged)
                for track, some in self._by_track(names)]

    def _due(self, names: Sequence[str]) -> list[str]:
        """Machines at which the alarm policy looks at their newest reading."""
        due: set[str] = set()
        for track, some in self._by_track(names):
            slots = np.array([self.board.slot[name] for name in some], dtype=np.int64)
            is_due = self._alarming_of(track).is_due(slots, track.newest(some))
            due.update(some[at] for at in np.flatnonzero(is_due).tolist())
        return [name for name in names if name in due]

    def _by_track(self, names: Sequence[str]) -> list[tuple[BundleTrack, list[str]]]:
        """Machines by the track that answers for them, in their order; tracks without any are left out."""
        of_canary = {name for name in names if self.shadow.answers_for(name)} if self.shadow.share else set[str]()
        parts = [(self.active, [name for name in names if name not in of_canary])]
        if self.shadow.track is not None:
            parts.append((self.shadow.track, [name for name in names if name in of_canary]))
        return [(track, some) for track, some in parts if some]

    def _alarming_of(self, track: BundleTrack) -> Alarming:
        return self._canary_alarming if track is self.shadow.track and self._canary_alarming else self.alarming

    def _forecast_missing(self) -> None:
        """Forecast machines whose newest reading is not the one of the board."""
        board = self.board
        newest = self.active.newest(board.machine_ids)
        missing = np.flatnonzero((newest != NO_TIME) & (newest != board.time[:len(board)]))
        if len(missing):
            self._publish([board.machine_ids[slot] for slot in missing.tolist()])

    def _write_alarms(self) -> None:
        for alarming in (self.alarming, self._canary_alarming):
            if alarming is not None:
                self._metrics.alarms.inc(alarming.write(self._store, self._clock()))

    def _bring(self, track: BundleTrack, cursor: Cursor | None) -> BundleTrack:
        """Bring this engine and then a track to the same entry of the log; the track, with shared features if any."""
        self.catch_up()
        # those of now: catching up may have made them again
        return brought_to(track, (self.active, self.shadow.track), self._store, cursor or Cursor(), self.cursor)

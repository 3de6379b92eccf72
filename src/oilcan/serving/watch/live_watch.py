"""The monitoring's thread: it follows the log, counts, judges now and then, and publishes what it knows.

It begins after the service is ready and imports what it needs by itself, so that it delays no start and no answer. It
takes a small share of a processor: after a verdict it waits many times the processor time that the verdict took.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from oilcan.ground.errors import OilcanError, StoreError, StoreUnavailable
from oilcan.io.stores import Store
from oilcan.io.stores.tables.decision_table import StoredDecision
from oilcan.serving.ground.watched_threads import WatchedThread
from oilcan.serving.live.duty import Duty
from oilcan.serving.model.loaded_bundle import LoadedBundle
from oilcan.serving.watch.entry_queue import EntryQueue
from oilcan.serving.watch.known import Known, found_in, known_from
from oilcan.serving.watch.watch_metrics import unknown

if TYPE_CHECKING:
    from oilcan.serving.watch.live_counts import LiveCounts, Verdict

_LOG: Final = logging.getLogger("oilcan")
_PAUSES: Final = 100                    # times a verdict's processor time that pass before the next
_STALE_S: Final = 600.0                 # without a round, the monitoring itself cannot be believed
_HOUR_S: Final = 3600.0


class LiveWatch:
    """Watches the bundle in service. Of several replicas one does; the others publish what it says.

    Parameters
    ----------
    in_service
        The bundle that answers, and a challenger or None.
    duty
        Whether this process counts and judges.
    rules
        File with the rules; None takes those of the bundle's reference.
    clock
        Microseconds UTC.

    Attributes
    ----------
    seconds, judging
        Processor time of the rounds so far, and of the verdicts among them.
    """

    def __init__(self, store: Store, in_service: Callable[[], tuple[LoadedBundle, LoadedBundle | None]],
                 rules: Path | None, clock: Callable[[], int], duty: Duty, *, every_s: float = 1.0) -> None:
        self._store, self._in_service, self._rules, self._duty = store, in_service, rules, duty
        self._clock, self._every_s = clock, every_s
        self.queue = EntryQueue()
        self.known = Known(unknown("monitoring"))
        self.errors, self.seconds, self.judging, self.behind = 0, 0.0, 0.0, 0
        self.decision: StoredDecision | None = None
        self._counts: LiveCounts | None = None
        self._next, self._latest, self._judged_upto = 0.0, time.monotonic(), -1
        self._stop = threading.Event()
        self._lock = threading.Lock()           # of the counts: a round, or somebody who asks for a verdict now
        self.thread = WatchedThread("monitoring", self._round)

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def stop(self, wait_s: float = 5.0) -> None:
        """End after the round that runs, if it ends in time."""
        self._stop.set()
        self.thread.end(wait_s)

    @property
    def counted_upto(self) -> int:
        """Number of the last entry of the log that is counted; 0 before the first."""
        counts = self._counts
        if counts is None and not self._duty.holds:
            return self.known.upto
        return counts.cursor.number if counts is not None and counts.cursor is not None else 0

    @property
    def is_on_duty(self) -> bool:
        """Whether this process counts and judges, for itself or for all."""
        return self._duty.holds

    @property
    def is_stale(self) -> bool:
        """Whether no round has ended for so long that what is published cannot be believed."""
        return time.monotonic() - self._latest > _STALE_S

    def judge_now(self) -> Known:
        """What is known when all that is in the log now has been judged, here, by whichever replica is asked.

        Raises
        ------
        StoreUnavailable
            If the store cannot answer.
        """
        with self._lock:
            self._next, self._judged_upto = 0.0, -1
            try:
                self._look()
            except StoreUnavailable:
                raise
            except Exception:
                self._counts = None             # nobody knows what is in them
                raise
            return self.known

    def _round(self) -> bool:
        if self._stop.wait(self._every_s):
            return False
        try:
            with self._lock:
                if self._duty.holds:
                    self._look()
                else:
                    self._listen()
        except Exception as err:
            self.errors += 1
            self._next, self._judged_upto = 0.0, -1         # judged again as soon as that is possible
            self._counts = None if not isinstance(err, StoreUnavailable) else self._counts
            self.known = Known(unknown("store" if isinstance(err, StoreError) else "monitoring"), why=str(err))
            if not isinstance(err, StoreError):
                self._duty.say(self.known.as_text)
            self._duty.hear_again()
            raise
        return True

    def _listen(self) -> None:
        """One round of a replica that does not monitor: publish what the one that does has said."""
        self._counts, self.behind = None, 0
        self._next, self._judged_upto = 0.0, -1
        self.queue.clear()
        self.decision = next(iter(self._store.decisions.newest(1)), None)
        words = self._duty.heard()
        if words is not None:
            self.known = known_from(words)
        self._latest = time.monotonic()

    def _look(self) -> None:
        """One round: count what is new, and judge if it is time."""
        began = time.thread_time()
        self.decision = next(iter(self._store.decisions.newest(1)), None)
        counts = self._watched()
        if counts is not None:
            self._follow(counts)
            end = self._store.end()
            self.behind = max(0, end.number - (counts.cursor.number if counts.cursor else 0))
            if time.monotonic() >= self._next and counts.cursor is not None and (
                    counts.cursor.number != self._judged_upto):
                self._judge(counts)
        self.seconds += time.thread_time() - began
        self._latest = time.monotonic()

    def _watched(self) -> "LiveCounts | None":
        """The counts of the bundle in service; None if it cannot be watched."""
        from oilcan.operations.watching.watched_model import Monitor
        from oilcan.serving.watch.live_counts import LiveCounts
        from oilcan.serving.watch.watch_rules import rules_of

        bundle = self._in_service()[0].bundle
        if self._counts is not None and self._counts.watch.bundle is bundle:
            return self._counts
        self._counts, self._judged_upto = None, -1
        reference = bundle.watch_reference
        if reference is None:
            self._publish(Known(unknown("reference"), why="the bundle holds no reference to watch by"))
            return None
        try:
            rules = rules_of(reference, self._rules)
        except OilcanError as err:
            self._publish(Known(unknown("reference"), why=str(err)))
            return None
        self._counts = LiveCounts(Monitor(bundle, reference, rules, None), self._store)
        self._counts.rebuild()
        return self._counts

    def _follow(self, counts: "LiveCounts") -> None:
        if counts.cursor is None:
            counts.rebuild()
            return
        entries = self.queue.take(counts.cursor)
        if entries:
            counts.fold(entries)
            return
        more = True
        while more and counts.cursor is not None:
            page = self._store.changes(counts.cursor)
            counts.fold(page.entries)
            more = page.more

    def _judge(self, counts: "LiveCounts") -> None:
        from oilcan.serving.watch.machine_faults import faults_now
        from oilcan.serving.watch.verdict_samples import samples_of

        began, (_, shadow) = time.thread_time(), self._in_service()
        verdict: Verdict = counts.verdict(shadow.bundle if shadow else None)
        samples = samples_of(verdict, counts.watch, self._clock())
        faults = {} if verdict.counted is None else faults_now(
            verdict.counted.counts.cells, counts.watch.reference, counts.watch.axis,
            verdict.report.windows[-1] if verdict.report else None)
        why = "" if verdict.report is not None else "there is no whole window with readings yet"
        self._publish(Known(samples, found_in(verdict.report), faults, why, verdict.upto.number, verdict.report,
                            counts.watch.rules))
        self._judged_upto = verdict.upto.number
        took = time.thread_time() - began
        self.judging += took
        self._next = time.monotonic() + min(_HOUR_S, _PAUSES * took)

    def _publish(self, known: Known) -> None:
        if known.report is not None or known != self.known:      # not the same error every second
            self.known = known
            self._duty.say(known.as_text)

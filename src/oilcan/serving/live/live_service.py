"""The part of the service that knows machines: intake, pipeline, engine, views, snapshots."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from oilcan.ground.errors import StoreError
from oilcan.io.stores import Store
from oilcan.io.stores.column_layout import layout_of, stored_columns
from oilcan.io.stores.log_entries import Cursor, Entry
from oilcan.io.stores.values import RECORD_TABLES, RecordTable
from oilcan.serving.bodies.instants_json import UNITS_PER_S, InstantFormat
from oilcan.serving.bodies.json_rows import Row
from oilcan.serving.bodies.machine_body import MachineReader
from oilcan.serving.bodies.record_body import RecordReader
from oilcan.serving.bodies.telemetry_body import TelemetryReader
from oilcan.serving.engine.bundle_track import BundleTrack
from oilcan.serving.engine.forecast_log import ForecastLog
from oilcan.serving.engine.live_engine import Engine
from oilcan.serving.ground.memory import give_back
from oilcan.serving.ground.refusal import Refusal
from oilcan.serving.ground.service_metrics import Metrics
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.ground.watched_threads import WatchedThread
from oilcan.serving.live.batch_intake import BatchIntake
from oilcan.serving.live.duty import Duty
from oilcan.serving.live.machine_views import Views
from oilcan.serving.live.snapshot_saving import Saver
from oilcan.serving.live.write_pipeline import Busy, Pipeline
from oilcan.serving.model.loaded_bundle import LoadedBundle

T = TypeVar("T")
_LOG: Final = logging.getLogger("oilcan")
_DAY: Final = 86_400 * UNITS_PER_S
_LARGE: Final = 65_536          # bytes of a body that is read on a thread, so that others need not wait


def wall_clock() -> int:
    """Microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000


class LiveService:
    """Machines and what is known of them.

    Parameters
    ----------
    duty
        Whether this process saves and tidies up.
    feed
        Gets every entry of the log after the engine has taken it in; it must not wait.
    canary
        A challenger that answers for a share of the machines from the start, and the share; None for none.
    """

    def __init__(self, settings: ServiceSettings, served: LoadedBundle, store: Store, log: ForecastLog,
                 metrics: Metrics, feed: Callable[[Entry], None], duty: Duty,
                 canary: tuple[LoadedBundle, float] | None = None) -> None:
        contract = served.bundle.contract
        store.claim()
        self.settings, self.store, self.moments = settings, store, InstantFormat.of(contract.time)
        self._duty = duty
        self.columns = stored_columns(contract)
        store.use_layout(layout_of(contract, list(self.columns)), wall_clock())
        track = BundleTrack(served, list(self.columns), store.texts)
        self.engine = Engine(track, store, log, metrics, wall_clock, feed)
        if canary is not None:          # before the state is made: alarms follow from who answered at each entry
            self.engine.shadow.track = BundleTrack(canary[0], list(self.columns), store.texts)
            self.engine.shadow.share = canary[1]
        self.views = Views(self.engine, store, self.moments, self.now)
        self._readers = ThreadPoolExecutor(8, "reader")     # of their own: reads do not wait for those who write
        self.adopt(served)
        intake = BatchIntake(self.engine, store, settings, metrics, wall_clock, self.views.risks)
        self.pipeline = Pipeline(intake.write, intake.apply)
        call = self.pipeline.call
        self.saver = Saver(store, mark=lambda: call(self._mark).result(), clock=wall_clock,
                           dump=lambda track, names: call(lambda: self.engine.dump(track, names)).result(),
                           done=lambda upto: call(lambda: self.engine.saved(upto)).result(),
                           every_s=settings.snapshot_every_s, is_due=lambda: duty.holds, also=self._tidy)
        self.restored = self.pipeline.call(self._restore)
        self.saver.start()

    @property
    def threads(self) -> list[WatchedThread]:
        """Threads that must live as long as the service."""
        return [*self.pipeline.threads, self.saver.rounds.thread]

    @property
    def is_ready(self) -> bool:
        """Whether the state of the machines is what the store's log says."""
        return self.engine.in_doubt is None

    def adopt(self, served: LoadedBundle) -> None:
        """Read bodies by the contract of a bundle."""
        contract, most = served.bundle.contract, self.settings.max_rows
        skew = None if contract.time.kind != "instant" else round(self.settings.clock_skew_s * UNITS_PER_S)
        self._telemetry_reader = TelemetryReader(contract, self.moments, max_rows=most, skew=skew)
        self._record_readers = {table: RecordReader(contract, table, self.moments, max_rows=most, skew=skew)
                          for table in RECORD_TABLES}
        self._machine_reader = MachineReader(contract, most)

    async def take_readings(self, body: bytes) -> Row:
        """Store and apply a batch of telemetry; the answer with the new risks."""
        return await self._through("readings", body, lambda: self._telemetry_reader.read(body, wall_clock()))

    async def take_records(self, table: RecordTable, body: bytes) -> Row:
        """Store and apply errors, maintenance or failures."""
        return await self._through("records", body, lambda: self._record_readers[table].read(body, wall_clock()))

    async def put_machines(self, body: bytes) -> Row:
        """Store and apply static columns of machines."""
        return await self._through("machines", body, lambda: self._machine_reader.read(body))

    async def fleet(self, *, filters: dict[str, str], alarm: bool | None, page: int, size: int) -> Row:
        """One page of the fleet, the riskiest machine first."""
        if self.engine.put_off:         # the order of the fleet wants all risks
            await self.on_engine(self.engine.renew)
        order = await self.on_reader(lambda: self.views.order(filters=filters, alarm=alarm))
        names = [self.engine.board.machine_ids[slot] for slot in order[(page - 1) * size : page * size].tolist()]
        await self._complete(names)
        return await self.on_reader(lambda: self.views.page(order, names)) | {"page": page, "size": size}

    async def machine(self, name: str, since: int | None) -> Row:
        """One machine with all that is known of it."""
        await self._complete([name])
        entry = await self.on_reader(lambda: self.views.machine(name, since))
        if entry["time"] is None:
            return entry
        return entry | {"reasons": await self.on_engine(lambda: self._reasons(name))}

    async def on_engine(self, work: Callable[[], T]) -> T:
        """What some work on the engine's thread returns."""
        return await asyncio.wrap_future(self.pipeline.call(work))

    async def on_reader(self, work: Callable[[], T]) -> T:
        """What some reading returns, on a thread of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    def follow(self) -> None:
        """Be up to date with the store, whoever wrote; makes the state again if it is in doubt."""
        self.pipeline.call(self.engine.catch_up).result()

    def now(self) -> int:
        """The present in whole units: of the clock, or the newest reading of all where a replay sets the time."""
        if self.settings.clock == "wall" and self.moments.kind == "instant":
            return wall_clock()
        return int(self.engine.board.newest.max(initial=0))

    def close(self, wait_s: float = 10.0) -> None:
        """Finish what waits and save everything, as far as the store answers."""
        self.saver.rounds.stop(wait_s)
        if self.is_ready and self._duty.holds and self.store.health.trouble is None:
            try:
                self.saver.save()
            except StoreError as err:
                _LOG.warning("saver: %s The next start replays what was not saved.", err)
        self.pipeline.stop(wait_s)
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def _complete(self, names: list[str]) -> None:
        if not self.views.is_whole(names) or any(name in self.engine.put_off for name in names):
            await self.on_engine(lambda: self.engine.complete(names))

    async def _through(self, kind: str, body: bytes, read: Callable[[], Any]) -> Row:
        content = await asyncio.to_thread(read) if len(body) > _LARGE else read()
        try:
            return await self.pipeline.run(kind, content)
        except Busy:
            raise Refusal(503, "service", found="too many batches at once", wanted="fewer",
                          headers={"Retry-After": "1"}, do="Send it again after a moment; sent twice it counts once."
                          ) from None

    def _reasons(self, name: str) -> list[dict[str, Any]]:
        track = self.engine.answering(name)
        return track.served.reasons(track.matrix([name]))

    def _restore(self) -> None:
        self.engine.start()
        give_back()

    def _mark(self) -> tuple[BundleTrack, list[str], Cursor]:
        return self.engine.active, self.engine.take_unsaved(), self.engine.cursor

    def _tidy(self) -> None:
        give_back()
        if self.settings.retention_days and self._duty.holds:
            kept = round(self.settings.retention_days * _DAY)
            self.store.retain(wall_clock(), readings_for=kept, forecasts_for=kept)

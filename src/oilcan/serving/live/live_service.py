"""The part of the service that knows machines: intake, pipeline, engine, views, snapshots."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from oilcan.io.stores import Store
from oilcan.io.stores.values import RECORD_TABLES, RecordTable, layout_of
from oilcan.serving.bodies.instants_json import UNITS_PER_S, Moments
from oilcan.serving.bodies.json_rows import Row
from oilcan.serving.bodies.machine_body import Roster
from oilcan.serving.bodies.record_body import Feedback
from oilcan.serving.bodies.telemetry_body import Intake, stored_columns
from oilcan.serving.bodies.text_numbers import Texts, from_setting
from oilcan.serving.ground.memory import give_back
from oilcan.serving.ground.refusal import Refusal
from oilcan.serving.ground.service_metrics import Metrics
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.live.batch_intake import Ingest
from oilcan.serving.live.bundle_track import Track
from oilcan.serving.live.forecast_log import ForecastLog
from oilcan.serving.live.live_engine import Engine
from oilcan.serving.live.machine_views import Views
from oilcan.serving.live.snapshot_saving import Saver
from oilcan.serving.live.write_pipeline import Busy, Job, Pipeline
from oilcan.serving.model.loaded_bundle import Served

T = TypeVar("T")
_DAY: Final = 86_400 * UNITS_PER_S


def wall_clock() -> int:
    """Microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1000


class Live:
    """Machines and what is known of them.

    Attributes
    ----------
    is_ready
        Whether the state of the last process was taken up.
    is_shared
        Whether other replicas write to the same store.
    """

    def __init__(self, settings: ServiceSettings, served: Served, store: Store, log: ForecastLog, metrics: Metrics
                 ) -> None:
        contract = served.bundle.contract
        self.settings, self.store, self.moments, self.is_ready = settings, store, Moments(contract.time.kind), False
        self.is_shared = settings.store.startswith("postgresql")
        self.columns = stored_columns(contract)
        store.use_layout(layout_of(contract, list(self.columns)), wall_clock())
        self.texts = Texts(from_setting(store.settings.get("texts")),
                           lambda known: store.settings.set("texts", known, wall_clock()))
        self.engine = Engine(Track(served, list(self.columns), self.texts), store, log, metrics, wall_clock,
                             is_shared=self.is_shared)
        self.views = Views(self.engine, store, self.moments, self.now)
        self.adopt(served)
        ingest = Ingest(self.engine, store, settings, metrics, wall_clock, self.views.risks)
        self.pipeline = Pipeline(
            {"readings": ingest.write_readings, "records": ingest.write_records, "machines": ingest.write_machines,
             "mark": self._mark_end},
            {"readings": ingest.apply_readings, "records": ingest.apply_records, "machines": ingest.apply_machines,
             "mark": self._marked})
        self.saver = Saver(store, mark=lambda: self.pipeline.submit("mark", ()).result(), clock=wall_clock,
                           dump=lambda track, names: self.pipeline.call(lambda: track.dump(names)).result(),
                           every_s=settings.snapshot_every_s, also=self._tidy)
        self.restored = self.pipeline.call(self._restore)
        self.saver.start()

    def adopt(self, served: Served) -> None:
        """Read bodies by the contract of a bundle."""
        contract, most = served.bundle.contract, self.settings.max_rows
        skew = None if contract.time.kind == "cycle" else round(self.settings.clock_skew_s * UNITS_PER_S)
        self._intake = Intake(contract, self.moments, self.texts.encode, max_rows=most, skew=skew)
        self._feedback = {table: Feedback(contract, table, self.moments, max_rows=most, skew=skew)
                          for table in RECORD_TABLES}
        self._roster = Roster(contract, most)

    async def take_readings(self, body: bytes) -> Row:
        """Store and apply a batch of telemetry; the answer with the new risks."""
        return await self._through("readings", self._intake.read(body, wall_clock()))

    async def take_records(self, table: RecordTable, body: bytes) -> Row:
        """Store and apply errors, maintenance or failures."""
        return await self._through("records", self._feedback[table].read(body, wall_clock()))

    async def put_machines(self, body: bytes) -> Row:
        """Store and apply static columns of machines."""
        return await self._through("machines", self._roster.read(body))

    async def on_engine(self, work: Callable[[], T]) -> T:
        """What some work on the engine's thread returns."""
        return await asyncio.wrap_future(self.pipeline.call(work))

    def now(self) -> int:
        """The present in whole units: of the clock, or the newest reading of all where a replay sets the time."""
        if self.settings.clock == "wall" and self.moments.kind == "instant":
            return wall_clock()
        return int(self.engine.board.time.max(initial=0))

    def close(self) -> None:
        """Finish what waits and save everything."""
        self.restored.exception()
        if self.is_ready:
            self.saver.stop()
        self.pipeline.stop()

    async def _through(self, kind: str, content: Any) -> Row:
        try:
            return await self.pipeline.run(kind, content)
        except Busy:
            raise Refusal(503, "service", found="too many batches at once", wanted="fewer",
                          headers={"Retry-After": "1"}, do="Send it again after a moment; sent twice it counts once."
                          ) from None

    def _restore(self) -> None:
        self.engine.start()
        give_back()
        self.is_ready = True

    def _mark_end(self, jobs: list[Job]) -> None:
        """On the writer's thread: all that is stored up to here was handed to the engine before."""
        for job in jobs:
            job.written = self.store.end()

    def _marked(self, jobs: list[Job]) -> None:
        if self.is_shared:
            self.engine.catch_up()
        for job in jobs:
            self.engine.cursor = self.engine.cursor if self.is_shared else job.written
            job.finish((self.engine.active, self.engine.take_dirty(), self.engine.cursor))

    def _tidy(self) -> None:
        give_back()
        if self.settings.retention_days:
            kept = round(self.settings.retention_days * _DAY)
            self.store.retain(wall_clock(), readings_for=kept, forecasts_for=kept)

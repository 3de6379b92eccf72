"""A batch on its way: who may send it, into the store, into the engine, and what is answered."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from oilcan.core.online import TOO_LATE
from oilcan.io.stores import Store
from oilcan.io.stores.values import Appended, Readings, Record, RecordTable
from oilcan.serving.bodies.json_rows import Row
from oilcan.serving.bodies.telemetry_body import TOLD, Batch
from oilcan.serving.ground.refusal import Refusal
from oilcan.serving.ground.service_metrics import Metrics
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.live.live_engine import Engine
from oilcan.serving.live.write_pipeline import Job


@dataclass
class RecordBatch:
    """Records of one table, fit to be stored; rows refused as in `Batch`."""

    table: RecordTable
    records: list[Record]
    refused: list[Row] = field(default_factory=list)
    n_refused: int = 0

    def __len__(self) -> int:
        """Number of records."""
        return len(self.records)


class Ingest:
    """The work of the pipeline: `write_*` on the writer's thread, `apply_*` on the engine's."""

    def __init__(self, engine: Engine, store: Store, settings: ServiceSettings, metrics: Metrics,
                 clock: Callable[[], int], shown: Callable[[Iterable[str]], list[Row]]) -> None:
        self._engine, self._store, self._settings, self._metrics = engine, store, settings, metrics
        self._clock, self._shown = clock, shown
        self._known: set[str] | None = None         # machines, as the writer knows them

    def write_readings(self, jobs: list[Job]) -> None:
        """Store what may be stored of some batches, in one transaction."""
        for job in jobs:
            job.content = self._of_known(job.content)
        batches: list[Batch] = [job.content for job in jobs]
        appended = self._store.append(_joined(batches), self._clock())
        kept = [row for batch in batches for row in batch.kept]
        if kept:
            self._store.refuse(kept, self._clock())
        begin = 0
        for job in jobs:
            rows = slice(begin, begin := begin + len(job.content))
            job.written = Appended(appended.is_new[rows], appended.is_conflict[rows])

    def apply_readings(self, jobs: list[Job]) -> None:
        """Take batches into the features and answer with the new risks."""
        parts = [job.written for job in jobs]
        status = self._engine.take(_joined([job.content for job in jobs]), Appended(
            np.concatenate([part.is_new for part in parts]), np.concatenate([part.is_conflict for part in parts])))
        begin = 0
        for job in jobs:
            rows = slice(begin, begin := begin + len(job.content))
            job.finish(self._said(job.content, job.written, status[rows]))

    def write_records(self, jobs: list[Job]) -> None:
        """Store records."""
        for job in jobs:
            batch: RecordBatch = job.content
            self._let_in({record.machine_id for record in batch.records}, refuse_all=True)
            job.written = self._store.add_records(batch.table, batch.records, self._clock())

    def apply_records(self, jobs: list[Job]) -> None:
        """Take records into the features and answer with the new risks."""
        for job in jobs:
            batch, appended = job.content, job.written
            new = [record for record, is_new in zip(batch.records, appended.is_new.tolist(), strict=True) if is_new]
            if new:
                self._engine.note(batch.table, new)
            counts = {"accepted": len(new), "duplicates": appended.duplicates,
                      "conflicts": int(appended.is_conflict.sum())}
            for outcome, count in (counts | {"refused": batch.n_refused}).items():
                self._metrics.records.labels(batch.table, outcome).inc(count)
            job.finish(self._stamp() | counts | {"refused": {"count": batch.n_refused, "rows": batch.refused},
                                 "machines": self._shown(dict.fromkeys(record.machine_id for record in batch.records))})

    def write_machines(self, jobs: list[Job]) -> None:
        """Store static columns of machines."""
        for job in jobs:
            self._let_in(set(job.content), refuse_all=True, by_hand=True)
            self._store.put_machines(job.content, self._clock())

    def apply_machines(self, jobs: list[Job]) -> None:
        """Take static columns into the features and answer with the new risks."""
        for job in jobs:
            self._engine.describe(job.content)
            job.finish(self._stamp() | {"accepted": len(job.content), "machines": self._shown(job.content)})

    def _said(self, batch: Batch, appended: Appended, status: np.ndarray) -> Row:
        counts = {"accepted": int(appended.is_new.sum()), "duplicates": appended.duplicates,
                  "conflicts": int(appended.is_conflict.sum()), "too_late": int((status == TOO_LATE).sum())}
        for outcome, count in (counts | {"refused": batch.n_refused}).items():
            self._metrics.readings.labels(outcome).inc(count)
        for column, count in Counter(entry["column"] for entry in batch.aside).items():
            self._metrics.set_aside.labels(column).inc(count)
        return self._stamp() | counts | {"refused": {"count": batch.n_refused, "rows": batch.refused},
                         "set_aside": {"count": len(batch.aside), "values": batch.aside[:TOLD]},
                         "machines": self._shown(dict.fromkeys(batch.machine_ids))}

    def _stamp(self) -> Row:
        """Whose forecasts these are; the bundle may be another one than when the request came in."""
        return self._engine.active.served.stamp()

    def _of_known(self, batch: Batch) -> Batch:
        """The rows of machines that may be stored."""
        strangers = self._let_in(set(batch.machine_ids), refuse_all=False)
        if not strangers:
            return batch
        good = [at for at, name in enumerate(batch.machine_ids) if name not in strangers]
        refused = [{"row": at, "where": f"row {at}.machine_id", "found": f"the unknown machine {name!r}",
                    "wanted": self._wanted()} for at, name in enumerate(batch.machine_ids) if name in strangers]
        return Batch([batch.machine_ids[at] for at in good], batch.times[good], batch.values[good],
                     [*batch.refused, *refused][:TOLD], batch.aside, batch.n_refused + len(refused),
                     [row for row in batch.kept if row.machine_id not in strangers])

    def _let_in(self, names: set[str], *, refuse_all: bool, by_hand: bool = False) -> set[str]:
        """Machines that may not be made known; the others are known from now on."""
        if self._known is None:
            self._known = {each.machine_id for each in self._store.machines()}
        new = sorted(names - self._known)
        closed = self._settings.known_machines_only and not by_hand
        room = 0 if closed else max(0, self._settings.max_machines - len(self._known))
        strangers = set(new[room:])
        if strangers and (refuse_all or strangers == names):
            raise Refusal(422, "machine_id", found=f"the unknown machine {min(strangers)!r}", wanted=self._wanted(),
                          do="Raise OILCAN_MAX_MACHINES, or allow unknown machines, if it is one of yours.")
        self._known.update(new[:room])
        return strangers

    def _wanted(self) -> str:
        if self._settings.known_machines_only:
            return "a machine that the store knows"
        return f"at most {self._settings.max_machines:,} machines in all"


def _joined(batches: Sequence[Batch]) -> Readings:
    """The readings of some batches, one after the other."""
    return Readings([name for batch in batches for name in batch.machine_ids],
                    np.concatenate([batch.times for batch in batches]),
                    np.concatenate([batch.values for batch in batches]))

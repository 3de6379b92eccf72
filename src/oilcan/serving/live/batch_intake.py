"""A request on its way: who may send it, into the store, into the engine, and what is answered."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from oilcan.io.stores import Store
from oilcan.io.stores.log_entries import Admission, Outcome, ReadingsBatch, RecordsBatch, Write
from oilcan.io.stores.values import Readings
from oilcan.serving.bodies.json_rows import Row
from oilcan.serving.bodies.record_body import RecordBatch
from oilcan.serving.bodies.telemetry_body import MOST_LISTED, Batch
from oilcan.serving.engine.live_engine import Engine
from oilcan.serving.ground.refusal import Refusal, shown
from oilcan.serving.ground.service_metrics import Metrics
from oilcan.serving.ground.settings import ServiceSettings
from oilcan.serving.live.write_pipeline import Job

KINDS: Final = ("readings", "records", "machines")


class BatchIntake:
    """The work of the pipeline: `write` on the writer's thread, `apply` on the engine's.

    The requests of a group are one transaction, and each is judged alone: the refusal of one is its own.
    """

    def __init__(self, engine: Engine, store: Store, settings: ServiceSettings, metrics: Metrics,
                 clock: Callable[[], int], risks: Callable[[Iterable[str]], list[Row]]) -> None:
        self._engine, self._store, self._settings, self._metrics = engine, store, settings, metrics
        self._clock, self._risks = clock, risks

    def write(self, jobs: list[Job]) -> None:
        """Store what may be stored of some requests of one kind, as one transaction."""
        kind, contents, now = jobs[0].kind, [job.content for job in jobs], self._clock()
        if kind == "readings":
            write = self._store.write_readings([_readings_of(batch) for batch in contents], now, self._admission())
        elif kind == "records":
            write = self._store.write_records([RecordsBatch(batch.table, batch.records) for batch in contents], now,
                                              self._admission())
        else:
            write = self._store.write_machines(contents, now, Admission(self._settings.max_machines))
        self._engine.wrote(write)
        for job, outcome in zip(jobs, write.outcomes, strict=True):
            job.written = write, outcome
            if len(outcome.is_stranger) and (outcome.is_stranger.all() if kind == "readings"
                                             else outcome.is_stranger.any()):
                job.fail(self._unknown(job, outcome))

    def apply(self, jobs: list[Job]) -> None:
        """Let the engine be up to date with the requests, and answer them with the new risks."""
        self._engine.take([job.written[0] for job in jobs])
        if self._engine.put_off:        # another replica wrote of the same machines meanwhile
            self._engine.renew(dict.fromkeys(name for job in jobs for name in _machines_of(job)))
        answers: dict[str, Callable[[Any, Write, Outcome], Row]] = {
            "readings": self._readings, "records": self._records, "machines": self._machines}
        for job in jobs:
            job.finish(self._engine.active.served.stamp() | answers[job.kind](job.content, *job.written))

    def _readings(self, batch: Batch, write: Write, outcome: Outcome) -> Row:
        batch, is_new = self._without_strangers(batch, outcome), outcome.appended.is_new[~outcome.is_stranger]
        appended = outcome.appended
        conflicts, accepted = int(appended.is_conflict.sum()), int(is_new.sum())
        keys = ((batch.machine_ids[at], int(batch.times[at])) for at in np.flatnonzero(is_new).tolist())
        counts = {"accepted": accepted, "duplicates": len(batch) - accepted - conflicts, "conflicts": conflicts,
                  "too_late": self._engine.too_late(write.upto.number, keys)}
        for name, count in (counts | {"refused": batch.n_refused}).items():
            self._metrics.readings.labels(name).inc(count)
        for column, count in Counter(entry["column"] for entry in batch.aside).items():
            self._metrics.set_aside.labels(column).inc(count)
        return counts | {"refused": {"count": batch.n_refused, "rows": batch.refused},
                         "set_aside": {"count": len(batch.aside), "values": batch.aside[:MOST_LISTED]},
                         "machines": self._risks(dict.fromkeys(batch.machine_ids))}

    def _records(self, batch: RecordBatch, _write: Write, outcome: Outcome) -> Row:
        appended = outcome.appended
        counts = {"accepted": int(appended.is_new.sum()), "duplicates": appended.duplicates,
                  "conflicts": int(appended.is_conflict.sum())}
        for name, count in (counts | {"refused": batch.n_refused}).items():
            self._metrics.records.labels(batch.table, name).inc(count)
        return counts | {"refused": {"count": batch.n_refused, "rows": batch.refused},
                         "machines": self._risks(dict.fromkeys(record.machine_id for record in batch.records))}

    def _machines(self, static: dict[str, Row], _write: Write, _outcome: Outcome) -> Row:
        return {"accepted": len(static), "machines": self._risks(static)}

    def _admission(self) -> Admission:
        return Admission(0 if self._settings.known_machines_only else self._settings.max_machines)

    def _without_strangers(self, batch: Batch, outcome: Outcome) -> Batch:
        """The rows that were stored; those of strangers are refused, texts without a number are set aside."""
        aside = [*batch.aside, *({"row": batch.rows[row], "column": column, "value": shown(text, 60),
                                  "wanted": "a text of a column with fewer different ones"}
                                 for row, column, text in outcome.unnumbered)]
        strange = np.flatnonzero(outcome.is_stranger).tolist()
        if not strange:
            return replace(batch, aside=aside)
        strangers = [{"row": batch.rows[at], "where": f"row {batch.rows[at]}.machine_id", "wanted": self._wanted(),
                      "found": f"the unknown machine {batch.machine_ids[at]!r}"} for at in strange]
        refused = sorted([*batch.refused, *strangers], key=lambda entry: entry["row"])[:MOST_LISTED]
        good = np.flatnonzero(~outcome.is_stranger)
        return Batch([batch.machine_ids[at] for at in good.tolist()], batch.times[good], batch.values[good],
                     refused, aside, batch.n_refused + len(strangers))

    def _unknown(self, job: Job, outcome: Outcome) -> Refusal:
        names = _machines_of(job)
        first = min(names[at] for at in np.flatnonzero(outcome.is_stranger).tolist())
        return Refusal(422, "machine_id", found=f"the unknown machine {first!r}", wanted=self._wanted(),
                       do="Raise OILCAN_MAX_MACHINES, or allow unknown machines, if it is one of yours.")

    def _wanted(self) -> str:
        if self._settings.known_machines_only:
            return "a machine that the store knows"
        return f"at most {self._settings.max_machines:,} machines in all"


def _machines_of(job: Job) -> list[str]:
    """Machine of each of its rows."""
    if job.kind == "records":
        return [record.machine_id for record in job.content.records]
    return list(job.content.machine_ids if job.kind == "readings" else job.content)


def _readings_of(batch: Batch) -> ReadingsBatch:
    return ReadingsBatch(Readings(batch.machine_ids, batch.times, batch.values, texts=batch.texts), batch.kept)

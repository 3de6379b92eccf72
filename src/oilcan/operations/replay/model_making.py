"""One retraining in memory: from what was known at a moment to a model, its reference, figures and forecasts.

Every step is the function that the stage of the pipeline calls: prepare, featurize, train, predict, evaluate,
reference, package. Features are computed once for all rows of the record, since they look at the past alone; the
constants of the plan are learned on the training rows of this model, as `featurize` does, so each model has a matrix
of its own.
"""

import time
from dataclasses import dataclass, replace
from typing import Any, Final

import joblib
import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.alarms import crews
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.bundle.bundle import Bundle
from oilcan.core.bundle.drift_reference import DriftReference
from oilcan.core.bundle.learned_rows import LEARNED, LearnedRows
from oilcan.core.bundle.normals import Normals
from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.core.features import learning
from oilcan.core.features.arrays import FLEET_TABLES, Tables
from oilcan.core.features.batch import compute_matrix
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.planning.build import build_plan
from oilcan.core.features.planning.screen import Screen, useful
from oilcan.core.history.known_then import known_before
from oilcan.core.model.fitted import OutlookForecast, Trained
from oilcan.core.prepare.partitions import PreparedRows, prepare_rows
from oilcan.core.timeline.groups import exact
from oilcan.evaluation import figures
from oilcan.evaluation.fleet_and_forecasts import Fleet, Forecasts, wanted_readings
from oilcan.evaluation.split_table import TableInMemory
from oilcan.governance.gate_findings import Check
from oilcan.ground.columns import KEY, MACHINE, PART, TIME
from oilcan.monitoring.reference.reference_assembling import Accepted, assemble
from oilcan.monitoring.statistics.counts_by_window import FleetEvents
from oilcan.monitoring.statistics.forecast_history import ForecastRows
from oilcan.operations.partitioned.behaviour import behaviour
from oilcan.operations.replay.replay_settings import ReplaySettings
from oilcan.operations.replay.replayed_fleet import ReplayedFleet
from oilcan.params.compute import ComputeParams
from oilcan.scoring import check, scorer
from oilcan.training import fit
from oilcan.training.training_data import PartRows, TrainingData

_BEFORE: Final = pd.Timedelta(weeks=12)     # forecasts are kept from so long before: monitoring and gate look back


@dataclass(frozen=True)
class ReplayModel:
    """A model of the replay, as far as it is needed later: its trees have done their work.

    Attributes
    ----------
    made
        Exact time at which it was made.
    contract
        With the split of this model.
    forecasts
        Key and forecasts of every row of the record, in the order of the rows; missing long before it was made.
    predictions
        Key, part, outcomes and forecasts of its validation and test rows.
    policies
        Task -> alarm policy.
    metrics
        As metrics/detail/evaluate.json.
    checks
        Whether the model behaves.
    cpu_s
        Processor time of making it.
    """

    made: int
    contract: Contract
    plan: FeaturePlan
    learned: LearnedRows
    forecasts: pd.DataFrame
    predictions: pd.DataFrame
    policies: dict[str, AlarmPolicy]
    reference: WatchReference
    drift: DriftReference
    metrics: dict[str, Any]
    checks: tuple[Check, ...]
    machines: pd.DataFrame
    failures: pd.DataFrame
    cpu_s: float


def make_model(settings: ReplaySettings, fleet: ReplayedFleet, made: pd.Timestamp, compute: ComputeParams
               ) -> ReplayModel:
    """Train on what was known at a moment.

    Raises
    ------
    DataError
        If the parts of the split cannot carry the tasks: too short a history, or too few failures.
    """
    began = time.process_time()
    known = made - pd.Timedelta(days=settings.replay.labels_late_days)
    contract, tables = rolled(settings, known), known_before(fleet.tables, known)
    cleaned = before(fleet, known)
    labelled: list[pd.DataFrame] = []
    prepared = prepare_rows([cleaned], tables, tables.get("labels"), contract, seed=settings.params.prepare.seed,
                            take=labelled.append)
    rows = pd.concat(labelled, ignore_index=True)
    plan, matrix = _features(settings, contract, fleet, cleaned.telemetry, rows, tables, compute)
    at = np.flatnonzero(_among(fleet.prepared.rows, rows))
    learnt = matrix[at]
    parts = {name: PartRows(rows[is_part].reset_index(drop=True), learnt[is_part])
             for name in LEARNED if (is_part := (rows[PART] == name).to_numpy()) is not None}
    sample = TrainingData(parts["train"], parts["validation"], tuple(plan.names), plan.hash, prepared.judged_failures,
                          tables["machines"])
    training = fit.train(contract, sample, settings.params.train, compute)
    trained = training.trained
    predictions = _predictions(contract, rows, learnt, trained)
    policies = trained.served.policies()
    judged = _evaluated(settings, contract, rows, prepared, tables, cleaned.telemetry, predictions, policies)
    drift = DriftReference.learn(tuple(plan.names), parts["validation"].matrix,
                                 scorer.columns_by_batch(trained.judged, parts["validation"].matrix))
    reference = _reference(settings, contract, plan, tables, rows, predictions, policies, judged.get("promise"))
    bundle = Bundle("", {}, trained.served, contract, plan, drift, Normals.learn(plan, parts["validation"].matrix),
                    check.check_rows(trained.served, parts["validation"].rows, parts["validation"].matrix,
                                     settings.params.package.check_rows),
                    settings.params.prepare.fill_gap_periods, LearnedRows.of(rows), reference)
    forecasts = _forecasts(fleet.prepared.rows, matrix, trained, made)
    return ReplayModel(
        int(exact(pd.Series([made]))[0]), contract, plan, bundle.learned, forecasts, predictions, policies, reference,
        drift, judged, tuple(behaviour(bundle, settings.params.train.monotone or {})), tables["machines"],
        prepared.judged_failures, time.process_time() - began)


def rolled(settings: ReplaySettings, known: pd.Timestamp) -> Contract:
    """The contract with a split that ends at a moment: the newest days are the test part, those before validation."""
    test = known - pd.Timedelta(days=settings.replay.gate_days)
    validation = test - pd.Timedelta(days=settings.replay.validation_days)
    split = settings.contract.split.model_copy(update={
        "by": "time", "validation": validation.isoformat(), "test": test.isoformat(), "until": None})
    return settings.contract.model_copy(update={"split": split})


def before(fleet: ReplayedFleet, known: pd.Timestamp) -> Any:
    """Cleaned readings and forecast rows up to a moment."""
    done = fleet.prepared
    return replace(done, telemetry=done.telemetry[done.telemetry[TIME] < known].reset_index(drop=True),
                   rows=done.rows[done.rows[TIME] < known].reset_index(drop=True))


def _features(settings: ReplaySettings, contract: Contract, fleet: ReplayedFleet, telemetry: pd.DataFrame,
              rows: pd.DataFrame, tables: dict[str, pd.DataFrame], compute: ComputeParams
              ) -> tuple[FeaturePlan, np.ndarray]:
    """The plan, learned from training rows, and the features of every row of the record."""
    learned = learning.learn(contract, telemetry, rows, keep_every=learning.thinning(contract, len(rows)))
    plan = build_plan(contract, settings.params.featurize, learning.merge([learned]),
                      {name: tables[name] for name in FLEET_TABLES})
    everything = fleet.prepared.rows
    of_fleet = {name: fleet.tables[name] for name in FLEET_TABLES}
    groups = np.array_split(everything[MACHINE].unique(), compute.jobs)
    pieces = compute.side_by_side(compute.jobs)(
        joblib.delayed(compute_matrix)(plan, Tables(
            telemetry=fleet.prepared.telemetry[fleet.prepared.telemetry[MACHINE].isin(group)],
            rows=everything.loc[everything[MACHINE].isin(group), list(KEY)], **of_fleet))
        for group in groups)
    matrix = np.concatenate(pieces).astype(np.float32)
    if not settings.params.featurize.drop_constant:
        return plan, matrix
    at = np.flatnonzero(_among(everything, rows[rows[PART] == "train"]))
    final = plan.select(useful(plan, [Screen.of(matrix[at])]))
    kept = [at for at, name in enumerate(plan.names) if name in set(final.names)]
    return final, np.ascontiguousarray(matrix[:, kept])


def _among(rows: pd.DataFrame, wanted: pd.DataFrame) -> np.ndarray:
    """Which rows are among others of the same order, bool, shape (n,)."""
    keys = pd.MultiIndex.from_frame(wanted[list(KEY)])
    return np.asarray(pd.MultiIndex.from_frame(rows[list(KEY)]).isin(keys))


def _predictions(contract: Contract, rows: pd.DataFrame, matrix: np.ndarray, trained: Trained) -> pd.DataFrame:
    is_judged = rows[PART].isin(["validation", "test"]).to_numpy()
    judged = rows[is_judged].reset_index(drop=True)
    return scorer.beside_rows(contract, judged, scorer.held_out(trained, judged, matrix[is_judged]))


def _evaluated(settings: ReplaySettings, contract: Contract, rows: pd.DataFrame, prepared: PreparedRows,
               tables: dict[str, pd.DataFrame], telemetry: pd.DataFrame, predictions: pd.DataFrame,
               policies: dict[str, AlarmPolicy]) -> dict[str, Any]:
    wanted = wanted_readings(contract)
    happened = Fleet(contract=contract, rows=TableInMemory(rows), readings=telemetry[wanted], errors=tables["errors"],
                     maintenance=tables["maintenance"], failures=prepared.judged_failures, machines=tables["machines"])
    forecasts = Forecasts(TableInMemory(predictions), {name: policy.as_json() for name, policy in policies.items()})
    return figures.evaluate(happened, forecasts, {}, settings.params.evaluate).metrics


def _reference(settings: ReplaySettings, contract: Contract, plan: FeaturePlan, tables: dict[str, pd.DataFrame],
               rows: pd.DataFrame, predictions: pd.DataFrame, policies: dict[str, AlarmPolicy],
               promise: dict[str, float] | None) -> WatchReference:
    """What new data are compared with: everything up to the end of the validation part, as the stage `reference`."""
    used = rows[rows[PART].isin(LEARNED)]
    ids, until = set(used[MACHINE]), int(exact(used[TIME]).max()) + 1

    def inside(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame[MACHINE].isin(ids) & (exact(frame[TIME]) < until)].reset_index(drop=True)

    telemetry, failures = inside(tables["telemetry"]), inside(tables["failures"])
    frame = predictions[predictions[PART] == "validation"].reset_index(drop=True)
    policy = policies[contract.headline()[0]]
    forecasts = ForecastRows.of(contract, policy, frame, failures, until=until,
                                crew=crews.crews(contract, tables["machines"], frame[MACHINE]))
    events = FleetEvents(failures, inside(tables["maintenance"]), inside(tables["errors"]))
    accepted = Accepted(lambda: [telemetry], len(telemetry), tables["machines"], events, forecasts,
                        int(exact(telemetry[TIME]).min()), until, promise)
    return assemble(contract, plan, accepted, settings.monitoring, {})[0]


def _forecasts(rows: pd.DataFrame, matrix: np.ndarray, trained: Trained, made: pd.Timestamp) -> pd.DataFrame:
    """Probabilities and remaining lives; the outlook is left out, because no alarm and no rule reads it."""
    at = np.flatnonzero((rows[TIME] >= made - _BEFORE).to_numpy())
    served = tuple(each for each in trained.served.forecasts if not isinstance(each, OutlookForecast))
    found = scorer.score(replace(trained.served, forecasts=served), matrix[at])
    kept = [name for name in found if str(name).startswith(("p_", "rul_", "number_"))]
    return pd.concat([rows[list(KEY)], found[kept].set_index(at).reindex(np.arange(len(rows)))], axis=1)

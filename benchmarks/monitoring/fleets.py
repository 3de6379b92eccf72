"""A simulated fleet of two years as canonical tables, a model learned on the first, and the second ready to watch."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import yaml

from oilcan.contract import Contract, parse_contract
from oilcan.core.alarms import crews
from oilcan.core.bundle.drift_reference import DriftReference
from oilcan.core.bundle.watch_reference import BINS, WatchReference
from oilcan.core.features import learning
from oilcan.core.features.arrays import FLEET_TABLES, Tables
from oilcan.core.features.batch import compute_matrix
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.planning.build import build_plan
from oilcan.core.history.canonical_fleet import canonical_tables
from oilcan.core.history.known_then import known_before
from oilcan.core.prepare.partitions import prepare_partition
from oilcan.core.quality.findings import empty_quarantine
from oilcan.core.quality.readings import Readings
from oilcan.core.simulate import SCENARIOS, Scenario, draw_fleet
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.section import section
from oilcan.io.stage import stage_inputs
from oilcan.monitoring.limits.limit_material import Material
from oilcan.monitoring.reference.partition_passes import ReadingRows, count_readings, numbers
from oilcan.monitoring.reference.reference_assembling import Accepted, assemble, machine_kinds
from oilcan.monitoring.statistics.cells import Cells
from oilcan.monitoring.statistics.counts_by_window import FleetEvents
from oilcan.monitoring.statistics.forecast_history import ForecastRows
from oilcan.monitoring.watching import FleetObservation, WindowJudge
from oilcan.monitoring.window_axis import WindowAxis
from oilcan.params.compute import ComputeParams
from oilcan.params.operating.monitoring import MonitoringParams
from oilcan.params.stages.featurize import FeaturizeParams
from oilcan.params.stages.train import TrainParams
from oilcan.scoring.scorer import score
from oilcan.training import fit
from oilcan.training.training_data import PartRows, TrainingData

ROOT: Final = Path(__file__).parents[2]
MACHINES, START = 30, "2024-01-01"
LEARNED: Final = pd.Timestamp("2024-12-30", tz="UTC")      # a Monday: 52 weeks to learn, 52 to watch
DAYS: Final = 728
CHANGE_WEEK: Final = 8                                       # of the year that is watched, at which a scenario begins
WATCHED_AFTER: Final = 12                                    # weeks of a changed fleet that are watched afterwards


@dataclass(frozen=True)
class Company:
    """Canonical tables of two years."""

    telemetry: pd.DataFrame
    tables: dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Accepting:
    """What the first year came to."""

    contract: Contract
    plan: FeaturePlan
    fitted: Any
    reference: WatchReference
    material: Material
    drift: DriftReference
    rules: MonitoringParams


def contract() -> Contract:
    """That of the demo fleet, with the second year cut off; remaining life is not forecast, as nothing watches it."""
    text = (ROOT / "datasets/demo_fleet.yaml").read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    values["split"] = {"by": "time", "validation": "2024-09-09", "test": str(LEARNED.date()), "gap": "84h"}
    del values["tasks"]["rul"]
    return parse_contract(yaml.safe_dump(values, sort_keys=False), "demo_fleet.yaml")


def params(kind: Any, name: str) -> Any:
    """One section of params.yaml."""
    return stage_inputs.read_params(kind, ROOT / "params.yaml", name)


def rules() -> MonitoringParams:
    """monitoring.yaml."""
    return section(MonitoringParams, stage_inputs.read_yaml(ROOT / "monitoring.yaml"), "monitoring.yaml")


def scenario(name: str) -> Scenario:
    """A scenario that begins in the middle of what is watched."""
    return replace(SCENARIOS[name], start_share=(364 + 7 * CHANGE_WEEK) / DAYS)


def draw(name: str, seed: int) -> Company:
    """Two years of a fleet, as `ingest` leaves them."""
    fleet = draw_fleet(machines=MACHINES, days=DAYS, seed=seed, start=START, scenario=scenario(name), horizon_h=72,
                       lead_time_h=12)
    tables = canonical_tables(fleet)
    return Company(tables.pop("telemetry"), tables)


def accept(company: Company) -> Accepting:
    """Train on the first year, as the pipeline does, with a small model."""
    known, featurize = contract(), params(FeaturizeParams, "featurize")
    # the family `drift` takes four fifths of the time of all features, and the demo fleet itself does without it
    featurize = featurize.model_copy(update={"families": [name for name in featurize.families if name != "drift"]})
    tables = known_before({"telemetry": company.telemetry, **company.tables}, LEARNED)
    early = tables.pop("telemetry")
    outside = Readings.of(early, known).out_of_range
    bad = pd.concat([empty_quarantine(early), *(early.iloc[at][[MACHINE, TIME]].assign(column=name, reason="range")
                                                for name, at in outside.items() if len(at))])
    done = prepare_partition(early, bad, known, number=0, fill_periods=3)
    rows = _rows(done, tables, known)
    learned = learning.learn(known, done.telemetry, rows, keep_every=10)
    fleet = {name: tables[name] for name in FLEET_TABLES}
    plan = build_plan(known, featurize, learning.merge([learned]), fleet)
    matrix = compute_matrix(plan, Tables(telemetry=done.telemetry, rows=rows[[MACHINE, TIME]],
                                                           **fleet)).astype(np.float32)
    is_train, is_validation = (rows["part"] == "train").to_numpy(), (rows["part"] == "validation").to_numpy()
    parts = TrainingData(train=PartRows(rows[is_train].reset_index(drop=True), matrix[is_train]),
                         validation=PartRows(rows[is_validation].reset_index(drop=True), matrix[is_validation]),
                         features=tuple(plan.names), plan_hash=plan.hash, failures=tables["failures"],
                         machines=tables["machines"])
    fitted = fit.train(known, parts, small(), ComputeParams(backend="loky", jobs=1)).trained.judged
    said = score(fitted, matrix[is_validation])
    drift = DriftReference.learn(tuple(plan.names), matrix[is_validation], {name: said[name].to_numpy()
                                                                            for name in said})
    frame = pd.concat([rows.loc[is_validation, [MACHINE, TIME]].reset_index(drop=True), said], axis=1)
    forecasts = forecast_rows(known, fitted, frame, tables["failures"], tables["machines"], until=_exact(LEARNED))
    accepted = Accepted(lambda: [early], len(early), tables["machines"], events(tables), forecasts,
                        _exact(pd.Timestamp(START, tz="UTC")), _exact(LEARNED))
    reference, material = assemble(known, plan, accepted, rules(), {})
    return Accepting(known, plan, fitted, reference, material, drift, rules())


def small() -> TrainParams:
    """The training of params.yaml with one small boosting instead of a committee."""
    values = params(TrainParams, "train")
    boosting = values.hist_gradient_boosting.model_copy(update={"iterations": 50, "bags": 1})
    life = values.life_boosting.model_copy(update={"iterations": 5, "bags": 1})
    return values.model_copy(update={
        "model": "hist_gradient_boosting", "refit": False, "hist_gradient_boosting": boosting, "life_boosting": life,
        "min_rows": 2000, "max_rows": 20_000,
        "outlook": values.outlook.model_copy(update={"iterations": 5})})


def until_week(company: Company, weeks: int) -> Company:
    """The same without what comes later than so many weeks of the year that is watched."""
    end = LEARNED + pd.Timedelta(days=7 * weeks)

    def early(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame[TIME] < end] if TIME in frame else frame

    return Company(early(company.telemetry), {name: early(frame) for name, frame in company.tables.items()})


def observe(company: Company, accepted: Accepting, *, with_forecasts: bool = True
            ) -> tuple[WindowJudge, FleetObservation, int, int]:
    """The second year as it is watched: first and last week."""
    axis = WindowAxis.parse(accepted.rules.window)
    first, last = int(axis.window_of(axis.slot_of(np.array([_exact(LEARNED)])))[0]), axis.last_whole(
        _exact(company.telemetry[TIME].max()) + 3_600_000_000)
    late = company.telemetry[company.telemetry[TIME] >= LEARNED - pd.Timedelta(days=120)]
    cells = Cells(len(accepted.reference.columns), BINS)
    count_readings(cells, ReadingRows.of(late[MACHINE].tolist(), exact(late[TIME]), numbers(late, accepted.contract)),
                   accepted.reference, accepted.plan, axis, {})
    rows = None
    if with_forecasts:
        rows = forecast_rows(accepted.contract, accepted.fitted, forecast(company, accepted),
                             company.tables["failures"], company.tables["machines"],
                             until=_exact(company.telemetry[TIME].max()))
    kinds = machine_kinds(accepted.contract, company.tables["machines"])
    seen = FleetObservation(cells, events(company.tables), kinds, rows)
    watcher = WindowJudge(accepted.contract, accepted.reference, accepted.drift, accepted.rules, accepted.material)
    return watcher, seen, first, last


def forecast(company: Company, accepted: Accepting) -> pd.DataFrame:
    """Forecasts of the second year and the weeks before it, every six hours."""
    known, since = accepted.contract, LEARNED - pd.Timedelta(days=70)
    outside = Readings.of(company.telemetry, known).out_of_range
    bad = pd.concat([empty_quarantine(company.telemetry),
                     *(company.telemetry.iloc[at][[MACHINE, TIME]].assign(column=name, reason="range")
                       for name, at in outside.items() if len(at))])
    done = prepare_partition(company.telemetry, bad, known, number=0, fill_periods=3)
    rows = done.rows.loc[done.rows[TIME] >= since, [MACHINE, TIME]].reset_index(drop=True)
    fleet = {name: company.tables[name] for name in FLEET_TABLES}
    matrix = compute_matrix(accepted.plan, Tables(telemetry=done.telemetry, rows=rows, **fleet))
    return pd.concat([rows, score(accepted.fitted, matrix.astype(np.float32))], axis=1)


def forecast_rows(known: Contract, fitted: Any, frame: pd.DataFrame, failures: pd.DataFrame, machines: pd.DataFrame, *,
                  until: int) -> ForecastRows:
    """Forecasts with alarms and outcomes."""
    policy = fitted.policies()[known.headline()[0]]
    return ForecastRows.of(known, policy, frame, failures, until=until,
                           crew=crews.crews(known, machines, frame[MACHINE]))


def events(tables: dict[str, pd.DataFrame]) -> FleetEvents:
    """Event tables as the monitoring takes them."""
    return FleetEvents(tables["failures"], tables["maintenance"], tables["errors"])


def _rows(done: Any, tables: dict[str, pd.DataFrame], known: Contract) -> pd.DataFrame:
    """Rows with part and targets; no test part is needed, so a part without rows is none here."""
    from oilcan.core.prepare import forecast_rows as row_tables

    machines, failures = tables["machines"], tables["failures"]
    plan = row_tables.plan_parts([done.rows], machines, failures, known, seed=1)
    kept, _ = row_tables.part_rows(done.rows, failures, known, plan)
    return row_tables.label_rows(kept, machines, failures, known, plan)


def _exact(time: pd.Timestamp) -> int:
    return int(time.value // 1000)

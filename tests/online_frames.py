"""The small fleet of `feature_frames` as a stream of readings and records, and what batch says of what has arrived."""

from dataclasses import replace

import numpy as np
import pandas as pd

from oilcan.contract import Contract, parse_contract
from oilcan.core.features.arrays import FLEET_TABLES, Arrays, Tables
from oilcan.core.features.families.registry import FAMILIES
from oilcan.core.features.learning import learn, merge
from oilcan.core.features.plan import FeaturePlan
from oilcan.core.features.planning.build import build_plan
from oilcan.core.online import LATE, TOO_LATE, OnlineFeatures
from oilcan.core.prepare.partitions import prepare_partition
from oilcan.core.quality.readings import Readings
from oilcan.core.timeline.groups import exact
from oilcan.ground.columns import EVENT_KEYS, KEY
from tests import feature_frames as frames

HOUR = 3_600_000_000
RECORDS = ("errors", "maintenance", "failures")
DERIVED = "derived:\n  warmth: {expression: heat / (load_pct - 55), unit: degC, description: Heat per load}\nfailures:"


def contract(windows: str) -> Contract:
    """The contract of `feature_frames`, with a derived column and a range that some readings leave."""
    text = frames.CONTRACT.replace("WINDOWS", windows).replace("\nfailures:", f"\n{DERIVED}", 1)
    return parse_contract(text.replace("heat: {", "heat: {range: [47, null], "), "tryout")


def fleet(seed: int, readings: int = 60) -> Tables:
    """Machines of which one is not listed; by the seed, conditions are separate settings or vary smoothly."""
    tables = frames.fleet(seed, readings=readings)
    telemetry = tables.telemetry.drop_duplicates(["machine_id", "time"]).reset_index(drop=True)
    if seed % 2:
        telemetry["load_pct"] = telemetry["load_pct"].round(-1) // 20 * 20
    rows = telemetry[["machine_id", "time"]].assign(partition=0, part="train", target_failure=0.0)
    rows["target_rul"] = 60.0 - rows.groupby("machine_id").cumcount()
    return replace(tables, telemetry=telemetry, rows=rows, machines=tables.machines.iloc[:-1])


def prepared(tables: Tables, known: Contract, fill: int) -> Tables:
    """With readings as `validate` and `prepare` leave them."""
    key = [name for name in KEY if name in tables.telemetry]
    telemetry = tables.telemetry.sort_values(key).reset_index(drop=True)
    outside = Readings.of(telemetry, known).out_of_range
    quarantine = pd.concat([telemetry.loc[at, key].assign(column=name) for name, at in outside.items()])
    done = prepare_partition(telemetry, quarantine, known, number=0, fill_periods=fill)
    return replace(tables, telemetry=done.telemetry)


def in_batch(plan: FeaturePlan, tables: Tables) -> np.ndarray:
    """All features in float64, as batch computes them."""
    arrays, out = Arrays(plan, tables), np.empty((len(tables.rows), len(plan.features)))
    for kind, family in FAMILIES.items():
        at = [i for i, feature in enumerate(plan.features) if feature.kind == kind]
        if at:
            out[:, at] = family.compute(arrays, [plan.features[i] for i in at])
    return out


def numbers(engine: OnlineFeatures, telemetry: pd.DataFrame) -> np.ndarray:
    """Readings as the engine wants them, shape (n, columns)."""
    texts = {name for name in engine.columns if pd.api.types.is_string_dtype(telemetry[name])}
    return np.stack([
        engine.encode(name, telemetry[name].astype(object).where(telemetry[name].notna(), None).tolist())
        if name in texts else telemetry[name].to_numpy(np.float64, na_value=np.nan) for name in engine.columns
    ], axis=1)  # fmt: skip


def scales(plan: FeaturePlan, tables: Tables, known: Contract, fill: int) -> np.ndarray:
    """How large the numbers are that a feature is made of, at least 1: a difference is no more exact than its terms."""
    largest = np.nanmax(np.abs(Arrays(plan, prepared(tables, known, fill)).values), axis=0, initial=1.0)
    of = dict(zip(plan.columns, largest, strict=True))
    deviation = {reference.sensor: min(1.0, *reference.std) for reference in plan.fleet}
    return np.array([of.get(f.sensor, 1.0) / (deviation[f.sensor] if f.kind == "fleet" else 1.0)
                     for f in plan.features])  # fmt: skip


class Stream:
    """An engine, and what has arrived there.

    `arrived` holds the positions of the readings it took, `records` those of the records by table, and
    `in_time` those of them that came in time to begin a life.
    """

    def __init__(self, plan: FeaturePlan, tables: Tables, known: Contract, fill: int, lateness: float | None) -> None:
        self.plan, self.tables, self.fill, self.contract = plan, tables, fill, known
        self.make = lambda: OnlineFeatures(plan, self.contract, fill_periods=fill, lateness=lateness)
        self.engine, self.ids = self.make(), sorted(tables.telemetry["machine_id"].unique())
        self.slots = self.engine.register(self.ids, tables.machines)
        self.slot = dict(zip(self.ids, self.slots, strict=True))
        self.arrived: set[int] = set()
        self.records: dict[str, set[int]] = {name: set() for name in RECORDS}
        self.in_time: dict[str, set[int]] = {name: set() for name in RECORDS}
        self.values, self.slack = numbers(self.engine, tables.telemetry), 1e-12 * scales(plan, tables, known, fill)

    def send(self, at: np.ndarray) -> np.ndarray:
        """Readings at these positions of the table, in this order."""
        rows = self.tables.telemetry.iloc[at]
        slots = rows["machine_id"].map(self.slot).to_numpy(np.int64)
        status = self.engine.apply(slots, exact(rows["time"]), self.values[at])
        self.arrived |= set(np.asarray(at)[status <= LATE].tolist())
        return status

    def tell(self, table: str, at: np.ndarray) -> np.ndarray:
        """Records at these positions of their table."""
        rows = getattr(self.tables, table).iloc[at]
        status = self.engine.record(table, rows["machine_id"].map(self.slot).to_numpy(np.int64), exact(rows["time"]),
                                    rows[EVENT_KEYS[table][-1]].tolist())  # fmt: skip
        self.records[table] |= set(np.asarray(at).tolist())
        self.in_time[table] |= set(np.asarray(at)[status != TOO_LATE].tolist())
        return status

    def restart(self) -> None:
        """The engine's state through bytes into a new one."""
        dumps = [self.engine.dump(int(slot)) for slot in self.slots]
        self.engine = self.make()
        assert self.engine.register(self.ids).tolist() == self.slots.tolist()
        self.engine.load_many(self.slots, dumps)

    def expected(self, hours: float, records: dict[str, set[int]]) -> np.ndarray:
        """What batch says some hours after the newest readings that have arrived."""
        telemetry = self.tables.telemetry.iloc[sorted(self.arrived)]
        rows = telemetry.groupby("machine_id", as_index=False)["time"].max()
        if hours:
            rows["time"] += pd.Timedelta(hours=hours)
        known = {name: getattr(self.tables, name).iloc[sorted(at)] for name, at in records.items()}
        now = replace(self.tables, telemetry=telemetry, rows=rows, **known)
        return in_batch(self.plan, prepared(now, self.contract, self.fill))

    def check(self, hours: float = 0.0) -> None:
        """Online equals batch: to 1e-9, or 1e-12 of the readings' size, before rounding; to 2^-22 after it."""
        seen = np.unique(self.tables.telemetry["machine_id"].iloc[sorted(self.arrived)].map(self.slot))
        times = self.engine.newest(seen) + int(hours * HOUR)
        want = self.expected(hours, self.records)
        if self.in_time != self.records:
            kinds = {"drift", "early_life"} if self.plan.replaced else {"drift"}
            renewed = [i for i, f in enumerate(self.plan.features) if f.statistic == "renewed" or f.kind in kinds]
            want[:, renewed] = self.expected(hours, self.in_time)[:, renewed]
        for found, rtol in ((self.engine.exact(seen, times), 1e-9), (self.engine.features(seen, times), 2**-22)):
            off = ~np.isclose(found, want.astype(found.dtype), rtol=rtol, atol=self.slack, equal_nan=True)
            off |= (found == 0) != (want == 0)          # a tree that cuts at 0 must see the same
            assert not off.any(), [(self.plan.names[j], found[i, j], want[i, j]) for i, j in np.argwhere(off)[:9]]


def plan_for(seed: int, windows: str) -> tuple[FeaturePlan, Tables]:
    """A plan with all families, made from prepared readings; and the tables as they were sent.

    By the seed, a pump is a part whose replacement begins a new reference.
    """
    tables, known = fleet(seed), contract(windows)
    ready = prepared(tables, known, 0)
    learned = learn(known, ready.telemetry, ready.rows, keep_every=1)
    everything = {name: getattr(tables, name) for name in FLEET_TABLES}
    plan = frames.with_drift(build_plan(known, frames.PARAMS, merge([learned]), everything))
    precision = tuple(np.linspace(0.4, 1.6, len(plan.health.precision)))        # so few readings teach none
    return replace(plan, health=replace(plan.health, precision=precision),
                   replaced=("pump",) if seed // 2 % 2 else ()), tables

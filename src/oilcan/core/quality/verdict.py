"""Are the data of the fleet good enough for the tasks? Adds up the findings; refuses above the stated shares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.prepare.forecast_rows import silence
from oilcan.core.quality import fleet_checks
from oilcan.core.quality.findings import RANGE, STUCK, Findings
from oilcan.core.quality.profile import Habits
from oilcan.core.quality.scope import Scope
from oilcan.ground.columns import MACHINE, TIME
from oilcan.ground.errors import DataError, bullet_list
from oilcan.ground.time_units import elapsed_words

HEADLINES: Final = ("passed", "gap_share", "missing_share", "quarantined_share", "refused_share")


@dataclass(frozen=True)
class Verdict:
    """Findings of a fleet that passed the checks.

    Attributes
    ----------
    metrics
        Every figure, for the page, the data sheet and the gate.
    quarantine
        machine_id, time (if there is one), column, reason.
    sensors
        Findings by sensor, with their nature and the quantiles of their readings.
    machines
        Findings by machine.
    presence
        Rows of each machine in each slice of the span.
    tables
        What ingest read, kept and refused, by table.
    span
        First and last time of the fleet, as text; empty for independent rows.
    """

    metrics: dict[str, Any]
    quarantine: pd.DataFrame
    sensors: pd.DataFrame
    machines: pd.DataFrame
    presence: np.ndarray
    tables: Mapping[str, Any]
    span: tuple[str, str]

    @property
    def headlines(self) -> dict[str, Any]:
        """The figures that people compare from run to run: the content of metrics/data_quality.json."""
        return {name: self.metrics[name] for name in HEADLINES}


def judge(
    findings: Sequence[Findings],
    habits: Habits,
    tables: Mapping[str, pd.DataFrame],
    ingested: Mapping[str, Any],
    scope: Scope,
) -> Verdict:
    """The verdict on the fleet.

    Parameters
    ----------
    tables
        Canonical errors, maintenance, failures and machines.
    ingested
        `ingest.json`.

    Raises
    ------
    DataError
        If a share is above its limit or the data cannot carry a task; all breaches are listed.
    """
    contract, p = scope.contract, scope.limits
    rows = sum(found.rows for found in findings)
    sensors = sum((found.sensors for found in findings[1:]), start=findings[0].sensors)
    machines = pd.concat([found.machines for found in findings], ignore_index=True)
    sensors = sensors.join(habits.quantiles.add_prefix("q")).assign(
        nature=pd.Series(habits.nature, dtype="str"), missing_share=sensors["missing"] / max(rows, 1),
        quarantined_share=(sensors["outside_range"] + sensors["stuck"]) / sensors["readings"].clip(lower=1),
    )  # fmt: skip
    lost = int(machines["missing_rows"].sum())
    gap_share = _gap_share(machines, contract)
    breaches = [*_sensor_breaches(sensors, rows, contract, p.stuck_periods),
                *fleet_checks.task_breaches(tables, contract),
                *fleet_checks.clock_breaches(tables["machines"], contract)]  # fmt: skip
    if gap_share > contract.limits.max_gap_share:
        breaches.append(f"telemetry: {lost:,} of {rows + lost:,} expected rows are missing in gaps ({gap_share:.1%}, "
                        f"wanted at most {contract.limits.max_gap_share:.1%}). Get the rows, fix time.period in the "
                        f"contract, or raise limits.max_gap_share in it")
    if breaches:
        raise DataError(bullet_list(f"the data cannot be used with datasets/{contract.name}.yaml", breaches))
    return Verdict(
        metrics=_metrics(sensors, machines, rows, tables, ingested, contract),
        quarantine=pd.concat([found.quarantine for found in findings], ignore_index=True),
        sensors=sensors,
        machines=machines,
        presence=np.concatenate([found.presence for found in findings]),
        tables=ingested,
        span=_span(tables["machines"], contract),
    )


def _gap_share(machines: pd.DataFrame, contract: Contract) -> float:
    """Share of the expected rows that is missing in gaps; without a common period the mean over the machines."""
    lost, rows = machines["missing_rows"], machines["rows"]
    if contract.time.period is None:
        return float((lost / (rows + lost).clip(lower=1)).mean()) if len(machines) else 0.0
    return int(lost.sum()) / max(int(rows.sum()) + int(lost.sum()), 1)


def _span(machines: pd.DataFrame, contract: Contract) -> tuple[str, str]:
    if contract.time.kind == "none":
        return "", ""
    begin, end = machines["first_time"].min(), machines["last_time"].max()
    if contract.time.kind == "cycle":
        return f"cycle {begin}", f"cycle {end}"
    if contract.time.kind == "elapsed":
        first, last = (elapsed_words(moment.value // 1000, contract.time.unit) for moment in (begin, end))
        return first, last
    return f"{begin:%Y-%m-%d}", f"{end:%Y-%m-%d}"


def _sensor_breaches(sensors: pd.DataFrame, rows: int, contract: Contract, stuck_periods: int) -> list[str]:
    columns, limits, breaches = contract.tables["telemetry"].columns, contract.limits, []
    for name, found in sensors.iterrows():
        spec = columns[str(name)]
        if found["readings"] == 0 and not spec.may_be_missing():
            breaches.append(f"{name}: missing in all {rows:,} rows. Check `from:` in the contract, remove the column, "
                            f"or set `nullable: true`")
        elif found["missing_share"] > limits.max_missing_share and not spec.may_be_missing():
            breaches.append(f"{name}: missing in {found['missing']:,} of {rows:,} rows ({found['missing_share']:.1%}, "
                            f"wanted at most {limits.max_missing_share:.1%}). Set `nullable: true` if that is usual, "
                            f"or raise limits.max_missing_share in the contract")
        if found["quarantined_share"] > limits.max_quarantined_share:
            low, high = spec.range or (None, None)
            breaches.append(
                f"{name}: {found['outside_range']:,} of {found['readings']:,} readings outside [{low}, {high}] "
                f"{spec.unit} and {found['stuck']:,} stuck for {stuck_periods} periods or longer "
                f"({found['quarantined_share']:.1%}, wanted at most {limits.max_quarantined_share:.1%}). Check unit, "
                f"factor and range in the contract, fix the sensor's data, or raise limits.max_quarantined_share"
            )
    return breaches


def _metrics(
    sensors: pd.DataFrame,
    machines: pd.DataFrame,
    rows: int,
    tables: Mapping[str, pd.DataFrame],
    ingested: Mapping[str, Any],
    contract: Contract,
) -> dict[str, Any]:
    read = sum(table["read"] for table in ingested.values())
    refused = sum(sum(table["refused"].values()) for table in ingested.values())
    readings, missing = int(sensors["readings"].sum()), int(sensors["missing"].sum())
    bad = int(sensors[["outside_range", "stuck"]].to_numpy().sum())
    reasons = {
        RANGE: int(sensors["outside_range"].sum()),
        STUCK: int(sensors["stuck"].sum()),
        "spike, kept": int(sensors["spikes"].sum()),
        "gap": int(machines["gaps"].sum()),
        "sensor silent on a machine": fleet_checks.silent_pairs(sensors, len(machines)),
        "event outside the machine's telemetry": fleet_checks.events_outside(tables) if TIME in tables["errors"] else 0,
        "clock ahead of the fleet": len(fleet_checks.machines_ahead(tables["machines"], tolerance=silence(contract))),
        "duplicate row": sum(table.get("duplicates_identical", 0) for table in ingested.values()),
        "row out of order": sum(table.get("out_of_order", 0) for table in ingested.values()),
    }
    return {
        "passed": True,
        "rows": rows,
        "machines": int(machines[MACHINE].nunique()),
        "sensors": len(sensors),
        "failures": len(tables["failures"]),
        "refused_share": round(refused / max(read, 1), 6),
        "quarantined_share": round(bad / max(readings, 1), 6),
        "missing_share": round(missing / max(missing + readings, 1), 6),
        "gap_share": round(_gap_share(machines, contract), 6),
        "counts": {reason.replace(", ", "_").replace(" ", "_").replace("'s", ""): count
                   for reason, count in reasons.items()},
    }  # fmt: skip

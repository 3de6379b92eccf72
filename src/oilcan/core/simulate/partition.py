"""One group of machines, simulated from its first hour to the end of the span."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from oilcan.core.simulate import components, event_log, faults, sensors
from oilcan.core.simulate.life import live_through
from oilcan.core.simulate.operation import draw_operation
from oilcan.core.simulate.oracle import oracle
from oilcan.core.simulate.population import Machines
from oilcan.core.simulate.recording_changes import change_recording
from oilcan.core.simulate.scenarios import Scenario
from oilcan.core.simulate.streams import stream

ARRIVAL = "arrival"
JOINING = 1         # number of the block of machines that join


@dataclass(frozen=True)
class Fleet:
    """Frames of a drawn fleet; `time` is naive and means UTC.

    Parameters
    ----------
    telemetry
        machine_id, time and the eight sensors, in the order of delivery, with recording faults.
    errors
        machine_id, time, code.
    maintenance
        machine_id, time, component, kind ("planned" or "corrective").
    failures
        machine_id, time, component.
    machines
        machine_id, model, site, commissioned, operator_name (personal).
    truth
        machine_id, time, p_failure for every hour in which the machine ran.
    """

    telemetry: pd.DataFrame
    errors: pd.DataFrame
    maintenance: pd.DataFrame
    failures: pd.DataFrame
    machines: pd.DataFrame
    truth: pd.DataFrame


@dataclass(frozen=True)
class Window:
    """Which part of the future a forecast is about [h]."""

    horizon_h: float
    lead_time_h: float


def draw_block(
    group: Machines,
    clock: pd.DatetimeIndex,
    site_c: np.ndarray,
    world: Scenario,
    change_h: int,
    window: Window,
    *,
    seed: int,
    block: int,
    first: int = 0,
) -> Fleet:
    """One group of machines from its first hour to the end of the span.

    Parameters
    ----------
    clock, site_c
        Hourly instants of the block and the air temperature at the sites then.
    change_h
        Hour of the block at which the scenario begins.
    block
        0 for the first machines, 1 for those that join, 2 and more for further machines there from the beginning.
    first
        Position of the first machine of the group in the whole fleet.

    Returns
    -------
    Frames in the order of hours; telemetry has `ARRIVAL` [hours of `clock`] in addition.
    """
    operation = draw_operation(group, clock, site_c, world, change_h, seed=seed, block=block)
    life = live_through(
        group, operation, scenario=world, start_hour=change_h, is_new=block == JOINING,
        rng_initial=stream(seed, "initial", block), rng=stream(seed, "life", block),
    )  # fmt: skip
    readings = sensors.read_sensors(
        group, operation, life,
        rng_noise=stream(seed, "noise", block), rng_wander=stream(seed, "wander", block),
    )  # fmt: skip
    change_recording(readings, group, world, change_h, rng=stream(seed, "drift", block),
                     rng_recording=stream(seed, "recording", block))
    number = first + np.arange(len(group.plates)) + int(block == JOINING)
    delivery = faults.deliver(readings, seed=seed, block=block, number=number)
    p = oracle(life, operation, horizon_h=window.horizon_h, lead_time_h=window.lead_time_h)
    ids, names = group.table["machine_id"], np.array(components.NAMES)

    def log(hour: np.ndarray, machine: np.ndarray) -> dict[str, object]:
        rows = ids.take(machine.astype(int)).reset_index(drop=True)
        return {"machine_id": rows, "time": event_log.stamp(hour, clock[0])}

    errors = event_log.log_errors(life, rng=stream(seed, "errors", block))
    broken, work = life.failures, life.maintenance[np.argsort(life.maintenance[:, 0])]
    hour, machine = np.nonzero(life.running)
    kind = np.where(work[:, 3] > 0, "planned", "corrective")
    return Fleet(
        telemetry=_telemetry(delivery, life.running, log, clock[0]),
        errors=pd.DataFrame({**log(errors["hour"].to_numpy(), errors["machine"].to_numpy()), "code": errors["code"]}),
        maintenance=pd.DataFrame(
            {**log(work[:, 0], work[:, 1]), "component": names[work[:, 2].astype(int)], "kind": kind}
        ),
        failures=pd.DataFrame({**log(broken[:, 0], broken[:, 1]), "component": names[broken[:, 2].astype(int)]}),
        machines=group.table,
        truth=pd.DataFrame({**log(hour, machine), "p_failure": p[hour, machine]}),
    )


def _telemetry(
    delivery: faults.Delivery,
    running: np.ndarray,
    log: Callable[[np.ndarray, np.ndarray], dict[str, object]],
    start: pd.Timestamp,
) -> pd.DataFrame:
    """Rows delivered, copies after them, with the instant of arrival."""
    is_sent = running & ~delivery.is_lost
    hour, machine = np.nonzero(is_sent)
    copied_hour, copied_machine = np.nonzero(is_sent & (delivery.copy_h >= 0))
    hour, machine = np.append(hour, copied_hour), np.append(machine, copied_machine)
    arrival_h = delivery.arrival_h[hour, machine]
    copies = len(copied_hour)
    if copies:
        arrival_h[-copies:] = delivery.copy_h[copied_hour, copied_machine]
    readings = {name: value[hour, machine] for name, value in delivery.readings.items()}
    arrival = event_log.stamp(arrival_h, start).astype(np.int64)
    return pd.DataFrame({**log(hour, machine), **readings, ARRIVAL: arrival})


"""What do the live metrics add to the cost of taking readings in?

    python benchmarks/monitoring/live_cost.py [--bundle models/bundle] [--machines 200] [--rows 200000] [--batch 2000]

One service in this process takes batches in over its pipeline (HTTP would only add to the base). Processor time of the
monitoring's thread is counted by itself; the rest of the process is the base. Processor time, not elapsed time, so that
other work on the machine matters little. Readings come hour by hour at full speed, which is the worst case: a real
fleet sends an hour of readings in an hour. Values lie about those of the reference and under conditions that it knows,
so that they are judged and not set aside.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson
import pandas as pd

from oilcan.core.bundle.watch_reference import WatchReference
from oilcan.io.stores import open_store
from oilcan.serving.ground.settings import read_settings
from oilcan.serving.service.remembered_models import first_served
from oilcan.serving.service.service import Service

START = pd.Timestamp("2024-06-03", tz="UTC")


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path("models/bundle"))
    parser.add_argument("--machines", type=int, default=200)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=2_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(measure(args, Path(folder)))))


async def measure(args: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Processor seconds of intake and of the monitoring for the same rows."""
    settings = read_settings({}, bundle=args.bundle, store=f"sqlite:///{folder}/live.db", accept_rejected=True,
                             clock="data")
    store = open_store(settings.store)
    served, models = first_served(settings, store)
    service = Service(settings, served, store, models)
    service.start()
    while service.waiting_for():
        await asyncio.sleep(0.05)
    live = service.of_machines()
    bodies = list(batches(args, list(live.columns), served.bundle.watch_reference))
    await live.take_readings(bodies[0])
    while service.watch.behind or not service.watch.known.samples.get("oilcan_window_readings"):
        await asyncio.sleep(0.1)                    # imports are done, counts begun
    watched, judged, began = service.watch.seconds, service.watch.judging, time.process_time()
    for body in bodies[1:]:
        await live.take_readings(body)
    while service.watch.counted_upto < store.end().number:
        await asyncio.sleep(0.1)
    monitoring = service.watch.seconds - watched
    total, judging = time.process_time() - began, service.watch.judging - judged
    service.close()
    rows = (len(bodies) - 1) * args.batch
    return {"rows": rows, "columns": len(live.columns), "intake_us_per_row": 1e6 * (total - monitoring) / rows,
            "monitoring_us_per_row": 1e6 * monitoring / rows, "of_which_verdicts_us": 1e6 * judging / rows,
            "added_share": monitoring / (total - monitoring)}


def batches(args: argparse.Namespace, columns: list[str], reference: WatchReference) -> list[bytes]:
    """Bodies of POST /v1/telemetry in columns, all machines hour by hour."""
    rng = np.random.default_rng(1)
    ids = [f"M{number:03d}" for number in range(1, args.machines + 1)]      # some are known to the reference
    made = []
    for begin in range(0, args.rows, args.batch):
        row = np.arange(begin, begin + args.batch)
        times = (START + pd.to_timedelta(row // args.machines, unit="h")).strftime("%Y-%m-%dT%H:%M:%SZ")
        cells = {name: usual(reference, name, rng.normal(size=args.batch)).round(3).tolist() for name in columns}
        made.append(orjson.dumps({"machine_id": [ids[at % args.machines] for at in row.tolist()],
                                  "time": times.tolist(), "columns": cells}))
    return made


def usual(reference: WatchReference, name: str, noise: np.ndarray) -> np.ndarray:
    """Readings of a column about the middle of the reference's machines, as far apart as those of one machine."""
    at = reference.names.index(name)
    low, high = reference.columns[at].low, reference.columns[at].high
    if name in reference.conditions:
        low, high = reference.support[reference.conditions.index(name)]
    middle, width = np.nanmean(reference.raw_centre[:, at]), reference.raw_scale[at]
    inside = (-np.inf if low is None else np.ceil(low), np.inf if high is None else np.floor(high))
    return np.clip(middle + width * noise, *inside)


if __name__ == "__main__":
    main()

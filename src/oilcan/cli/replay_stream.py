"""`oilcan replay-stream`: the fleet's last days played into a running service, at any speed."""

import argparse
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oilcan.ground.errors import DataError

if TYPE_CHECKING:
    from oilcan.io.http.client import Api
    from oilcan.io.http.replay import Fleet


def register(commands: Any) -> None:
    """Add `oilcan replay-stream`."""
    parser = commands.add_parser(
        "replay-stream", help="play the fleet's last days into a running service",
        description="Play the canonical tables of the chosen data set into a running service: all that went before in "
                    "one go, then the last days at the speed asked for. What the service has already counts once, so a "
                    "replay that was cut can be started again. Run the service with `--clock data`.")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="address of the service (%(default)s)")
    parser.add_argument("--days", type=float, default=7.0, help="how much to play; cycles where data count them (7)")
    parser.add_argument("--speed", type=_speed, default=3600.0,
                        help="seconds of the fleet in a second, cycles likewise, or `max` (3600: an hour a second)")
    parser.add_argument("--data", type=Path, help="folder of canonical tables (data/canonical of this clone)")
    parser.set_defaults(run=run)


def _speed(text: str) -> float:
    value = float("inf") if text == "max" else float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"is {text!r}, wanted a number above 0, or `max`")
    return value


def run(args: argparse.Namespace) -> int:
    """Describe the machines, send the past, play the rest."""
    from oilcan.io.http.client import Api
    from oilcan.io.http.replay import Fleet
    from oilcan.io.repository import whole_params
    from oilcan.io.repository.repository_root import find_root
    from oilcan.io.stage import stage_inputs
    from oilcan.io.stage.progress import Progress

    root = find_root()
    dataset = whole_params.read_all_params(root / "params.yaml").dataset
    contract = stage_inputs.read_contract(root / "datasets" / f"{dataset}.yaml")
    fleet = Fleet.read(args.data or root / "data/canonical", contract)
    if fleet.telemetry.empty:
        raise DataError("data/canonical: holds no readings. Run `make repro`.")
    with (contextlib.closing(Api(args.url, os.environ.get("OILCAN_KEY"))) as api,
          Progress("replay-stream", len(fleet.telemetry), unit="readings") as bar):
        for body in fleet.descriptions():
            api.post("/v1/machines", body)
        accepted = _play(fleet, api, args, bar)
    print(f"played {len(fleet.telemetry):,} readings of {len(fleet.machines):,} machines: {accepted:,} new to "
          f"{args.url}")
    return 0


def _play(fleet: "Fleet", api: "Api", args: argparse.Namespace, bar: Any) -> int:
    import time

    import pandas as pd

    times = fleet.telemetry["time"].drop_duplicates()
    is_instant = isinstance(times.dtype, pd.DatetimeTZDtype)
    last = times.iloc[-1]
    start = last - (pd.Timedelta(days=args.days) if is_instant else round(args.days))
    live = times[times > start].tolist()
    accepted, before, began = 0, None, time.monotonic()
    stops = [start, *live] if args.speed != float("inf") else [last]
    for stop in stops:
        played = ((stop - start).total_seconds() if is_instant else stop - start) / args.speed
        time.sleep(max(0.0, played - (time.monotonic() - began)) if before is not None else 0.0)
        for path, body, rows in fleet.bodies(before, stop):
            answer = api.post(path, body)
            accepted += answer["accepted"] if rows else 0
            bar.advance(rows)
        if before is None:
            began = time.monotonic()
        before = stop
    return accepted

"""`oilcan replay-stream`: the fleet's last days played into a running service, at any speed."""

import argparse
import contextlib
import os
from pathlib import Path
from typing import Any


def register(commands: Any) -> None:
    """Add `oilcan replay-stream`."""
    parser = commands.add_parser(
        "replay-stream", help="play the fleet's last days into a running service",
        description="Play the canonical tables of a service's data set into it: all that went before in "
                    "one go, then the last days at the speed asked for. What the service has already counts once, so a "
                    "replay that was cut can be started again. Run the service with `--clock data`.")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="address of the service (%(default)s)")
    parser.add_argument("--days", type=float, default=7.0, help="how much to play; cycles where data count them (7)")
    parser.add_argument("--speed", type=_speed, default=3600.0,
                        help="seconds of the fleet in a second, cycles likewise, or `max` (3600: an hour a second)")
    parser.add_argument("--data", type=Path, help="folder of canonical tables (data/canonical of this clone)")
    parser.add_argument("--drift", metavar="CHANGE", help="change readings that are played at speed, to see what "
                        "monitoring reports: COLUMN+SIZE, COLUMN-SIZE, COLUMN*FACTOR or COLUMN=missing")
    parser.add_argument("--drift-machines", type=float, default=1.0, metavar="SHARE",
                        help="share of the machines that are changed (%(default)g)")
    parser.add_argument("--drift-while", type=Path, metavar="FILE",
                        help="change readings only while this file exists: create and remove it as the replay runs")
    parser.set_defaults(run=run)


def _speed(text: str) -> float:
    value = float("inf") if text == "max" else float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"is {text!r}, wanted a number above 0, or `max`")
    return value


def run(args: argparse.Namespace) -> int:
    """Play, and count the readings that the service did not have yet."""
    from oilcan.io.http.client import Api
    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.fleet_replay import fleet_of, play
    from oilcan.operations.injected_drift import InjectedDrift

    drift = None if args.drift is None else InjectedDrift.parse(args.drift, args.drift_machines, args.drift_while)
    with contextlib.closing(Api(args.url, os.environ.get("OILCAN_KEY"))) as api:
        fleet = fleet_of(api.get("/v1/model")["dataset"], find_root(), args.data)
        played = play(fleet, api, days=args.days, speed=args.speed, drift=drift)
    print(f"played {played.readings:,} readings of {played.machines:,} machines: {played.new:,} new to {args.url}")
    return 0

"""`oilcan replay`: what would have happened to us in a past year, by one policy of retraining or another."""

import argparse
import sys
from pathlib import Path
from typing import Any


def register(commands: Any) -> None:
    """Add `oilcan replay`."""
    parser = commands.add_parser(
        "replay", help="operate a past year again by several policies of retraining, and compare them",
        description="Operate a past year of a data set again: forecast, watch, decide, retrain, gate, promote and roll "
                    "back as it would have been done then, with what was known then. Compares policies by failures "
                    "caught, false alarms, retrainings and cost, and writes a page and a JSON file. What a data set is "
                    "replayed with stands in replay.yaml. A replay that was stopped goes on where it was.")
    parser.add_argument("name", metavar="NAME", help="data set, for example demo_fleet (which is drawn anew)")
    parser.add_argument("--policy", nargs="+", metavar="NAME",
                        help="never, monthly, drift, both, monthly-ungated, drift-ungated, both-ungated (default: all)")
    parser.add_argument("--scenario", default="none", help="of the drawn fleet: what changes (default: none)")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="drawn fleets 1 to N (default: 1)")
    parser.add_argument("--from", dest="begins", metavar="DAY", help="first day of operation (default: replay.yaml)")
    parser.add_argument("--until", metavar="DAY", help="end of operation (default: the end of the record)")
    parser.add_argument("--as-pipeline", action="store_true",
                        help="train as params.yaml has it, without the lighter values of replay.yaml")
    parser.add_argument("--out", type=Path, metavar="FILE", help="page (default: reports/replay.html of this clone)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="results (default: beside the page)")
    parser.add_argument("--shelf", type=Path, metavar="FOLDER",
                        help="where models are kept from one replay to the next (default: .oilcan/replay)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay, write, and print the headline."""
    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.replay import replaying

    def say(line: str) -> None:
        sys.stderr.write(f"replay: {line}\n")
        sys.stderr.flush()

    root = find_root()
    page = args.out or root / "reports/replay.html"
    places = replaying.Places(root, page, args.json or page.with_suffix(".json"), args.shelf or root / ".oilcan/replay")
    wanted = replaying.Wanted(args.name, args.policy, args.scenario, args.seeds, args.begins, args.until,
                              args.as_pipeline)
    print("\n".join(replaying.replay(wanted, places, say=say)))
    return 0

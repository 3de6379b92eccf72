"""`oilcan retrain`: a new model on extended data, compared with the champion, as a branch to be reviewed."""

import argparse
import getpass
import os
import sys
import time
from typing import Any

CANNOT_TELL = 4


def register(commands: Any) -> None:
    """Add `oilcan retrain`."""
    parser = commands.add_parser(
        "retrain", help="make a new model if it is time for one, and compare it with the champion",
        description="Decide by retrain.yaml and the recorded decisions of `oilcan decide` whether it is time for a new "
                    "model; then, in a worktree of its own, collect, run the pipeline as an experiment, and leave a "
                    "branch to be reviewed. Without --yes it says what it would do. Exit code 0: done, or nothing to "
                    "do; 4: it cannot be told.")
    parser.add_argument("--store", metavar="URL", help="store of the service (default: OILCAN_STORE)")
    parser.add_argument("--dataset", metavar="NAME", help="data set (default: the one that params.yaml chooses)")
    parser.add_argument("--because", metavar="REASON", help="retrain now, for this reason, whatever the policies say")
    parser.add_argument("--yes", action="store_true", help="act; without it nothing is changed")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Decide, act if asked to, and say what came out."""
    from contextlib import closing

    from oilcan.io.repository.repository_root import find_root
    from oilcan.io.stores import DEFAULT_URL, open_store
    from oilcan.operations.renewal import asked_retraining
    from oilcan.operations.renewal.repository_contract import chosen_contract

    root = find_root()
    contract, now = chosen_contract(root, args.dataset), time.time_ns() // 1000
    with closing(open_store(args.store or os.environ.get("OILCAN_STORE", DEFAULT_URL))) as store:
        answer = asked_retraining.answer(root, contract, store, because=args.because, by=getpass.getuser(), now=now,
                                         act=args.yes, say=lambda step: print(f"retrain: {step}", flush=True))
    print("\n".join(answer.lines), file=sys.stderr if answer.cannot_tell else sys.stdout)
    return CANNOT_TELL if answer.cannot_tell else 0

"""`oilcan retrain`: a new model on extended data, compared with the champion, as a branch to be reviewed."""

import argparse
import getpass
import os
import sys
import time
from typing import Any

EXIT = {"done": 0, "held": 3, "cannot_tell": 4, "not_due": 5}
STEPS = ("begin", "worktree", "fetch", "extend", "pipeline", "commit", "record", "remove", "gate")


def register(commands: Any) -> None:
    """Add `oilcan retrain`."""
    parser = commands.add_parser(
        "retrain", help="make a new model if it is time for one, and compare it with the champion",
        description="Decide by retrain.yaml and the recorded decisions of `oilcan decide` whether it is time for a new "
                    "model; then, in a worktree of its own, collect, run the pipeline as an experiment, and leave a "
                    "branch to be reviewed. Without --yes it says what it would do. Exit code 0: done, or nothing to "
                    "do; 3: the gate held or rejected it (with --gate or --step gate); 4: unknown, a signal cannot be "
                    "read; 5: it is not time for it (with --step begin).")
    parser.add_argument("--store", metavar="URL", help="store of the service (default: OILCAN_STORE)")
    parser.add_argument("--dataset", metavar="NAME", help="data set (default: the one that params.yaml chooses)")
    parser.add_argument("--because", metavar="REASON", help="retrain now, for this reason, whatever the policies say")
    parser.add_argument("--step", choices=STEPS, metavar="STEP",
                        help=f"do one step, for a scheduler that has a task for each: {', '.join(STEPS)}")
    parser.add_argument("--gate", action="store_true", help="exit with 3 if the gate does not say promote")
    parser.add_argument("--yes", action="store_true", help="act; without it nothing is changed")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Decide, act if asked to, and say what came out."""
    from contextlib import closing

    from oilcan.io.repository.repository_root import find_root
    from oilcan.io.stores import DEFAULT_URL, open_store
    from oilcan.operations.renewal.asked_retraining import Asked, answer, answer_step
    from oilcan.operations.renewal.repository_contract import chosen_contract

    root = find_root()
    asked = Asked(root, chosen_contract(root, args.dataset), args.because, getpass.getuser(), time.time_ns() // 1000,
                  args.yes)
    with closing(open_store(args.store or os.environ.get("OILCAN_STORE", DEFAULT_URL))) as store:
        came = answer_step(asked, store, args.step) if args.step else \
            answer(asked, store, say=lambda step: print(f"retrain: {step}", flush=True))
    print("\n".join(came.lines), file=sys.stderr if came.outcome == "cannot_tell" else sys.stdout)
    always = {"cannot_tell"} | ({"held"} if args.gate or args.step else set()) | ({"not_due"} if args.step else set())
    return EXIT[came.outcome] if came.outcome in always else 0

"""`oilcan plants`: several data sets of one repository, each with its own model, and one page over all."""

import argparse
import functools
from typing import Any


def register(commands: Any) -> None:
    """Add `oilcan plants`."""
    parser = commands.add_parser(
        "plants", help="run the pipeline of every plant of plants.yaml, and write one page over all",
        description="Each data set of plants.yaml runs in a worktree of its own from the commit that is checked out, "
                    "and its result is committed to the branch plant/NAME. Without --yes nothing runs: the page is "
                    "written from what is there. Exit code 1 if a plant failed; the others are done all the same, and "
                    "a run that was killed goes on when it is started again.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="plants to run (default: all)")
    parser.add_argument("--yes", action="store_true", help="run them; without it nothing runs")
    parser.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="plants at once (%(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the plants if asked to, write the page, and print it in short."""
    from oilcan.io.repository.repository_root import find_root, short
    from oilcan.io.stage.files import write_text
    from oilcan.operations.plants.plant_facts import plant_facts
    from oilcan.operations.plants.plant_list import read_plants
    from oilcan.operations.plants.plant_runs import run_plants
    from oilcan.reports.plants_page import lines, page

    root = find_root()
    chosen, out = read_plants(root, args.names), root / "reports/plants.html"
    say = functools.partial(print, flush=True)
    errors = run_plants(root, chosen, jobs=args.jobs, say=say) if args.yes else {}
    facts = plant_facts(root, read_plants(root))
    write_text(page(facts), out)
    print("\n".join([*(f"{name}: {error}" for name, error in errors.items()), *lines(facts),
                     f"{short(out)}: written" + ("" if args.yes else ". Nothing was run; add --yes to run them.")]))
    return int(bool(errors))


def _jobs(text: str) -> int:
    """A number of plants."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"not a number of plants (found {text!r}, wanted 1 or more)")
    return int(text)

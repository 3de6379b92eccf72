"""Where a forecast or model comes from, what rests on a file, and a model made again."""

import argparse
from typing import Any


def register(commands: Any) -> None:
    """Add `oilcan lineage` and `oilcan rebuild`."""
    text = "from a forecast, bundle, version or commit back to data, code and approver; from a file to every model"
    parser = commands.add_parser("lineage", help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("what", metavar="WHAT", help="id of a forecast (with --store), digest of a bundle, version "
                                                     "such as demo_fleet@v1.0.0, commit, or path of a file")
    parser.add_argument("--store", metavar="URL", help="store of a service: sqlite:///path or "
                                                       "postgresql://user@host/name")
    parser.add_argument("--format", choices=("json", "openlineage", "prov"), default="json",
                        help="openlineage: run events, one a line; prov: W3C PROV as PROV-JSON (%(default)s)")
    parser.set_defaults(run=run)
    text = "make a model again from its commit in a fresh clone, and compare every byte; exit code 1 if any differs"
    again = commands.add_parser("rebuild", help=text, description=f"{text[0].upper()}{text[1:]}.")
    again.add_argument("version", metavar="VERSION", help="version such as demo_fleet@v1.0.0, or a commit")
    again.set_defaults(run=run_rebuild)


def run(args: argparse.Namespace) -> int:
    """Print the answer as JSON, which a person reads and a program too."""
    import json

    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.governing.lineage_export import exported
    from oilcan.operations.governing.lineage_of import lineage_of

    root = find_root()
    found = lineage_of(root, args.what, args.store)
    print("\n".join(exported(root, found, args.format)) if args.format != "json" else
          json.dumps(found.as_json(), indent=2))
    return 0


def run_rebuild(args: argparse.Namespace) -> int:
    """Rebuild, and list what differs."""
    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.governing.rebuilding import rebuild

    made = rebuild(find_root(), args.version, say=lambda step: print(f"  {step}", flush=True))
    print("\n".join(made.differing) or f"the same bytes: {len(made.compared)} outputs of commit {made.commit[:12]}, "
                                       f"bundle {made.bundle[:12]}")
    return int(bool(made.differing))

"""`oilcan mirror mlflow`: other systems kept equal to git."""

import argparse
from typing import Any, Final

_DEFAULT: Final = "sqlite:///.oilcan/mlflow.db"


def register(commands: Any) -> None:
    """Add `oilcan mirror mlflow`."""
    group = commands.add_parser("mirror", help="keep another system equal to git", description="Keep another system "
                                "equal to git.").add_subparsers(metavar="SYSTEM", required=True)
    parser = group.add_parser(
        "mlflow", help="runs, registered versions and aliases of MLflow, by the tags and experiments of git",
        description="Make MLflow equal to git: a run for each version and each experiment, registered versions, "
                    "aliases champion and challenger. A second call continues where a killed one stopped.")
    parser.add_argument("--uri", default=_DEFAULT, help="server or database (%(default)s)")
    parser.add_argument("--check", action="store_true", help="change nothing; list every difference, exit 1 if any")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write or check."""
    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.governing.candidate import store_of
    from oilcan.operations.mirror.git_state import wanted
    from oilcan.operations.mirror.mlflow_mirror import MlflowMirror

    root = find_root()
    (root / ".oilcan").mkdir(exist_ok=True)
    uri = args.uri if args.uri != _DEFAULT else f"sqlite:///{root / '.oilcan/mlflow.db'}"
    mirror, state = MlflowMirror(uri, str(store_of(root))), wanted(root)
    lines = mirror.differences(state) if args.check else mirror.update(state)
    print("\n".join([*lines, f"mirror: {len(lines)} {'differences' if args.check else 'changes'}"]))
    return int(args.check and bool(lines))

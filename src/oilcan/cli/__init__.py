"""The command line: a module for each command or group of commands, in folders by what they act on.

Each module has `register(commands)`. Only argparse and names are imported before a command is
chosen; what a command needs is imported inside it, so that `oilcan --help` answers at once.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

from oilcan.ground.errors import OilcanError, disk_trouble
from oilcan.version import VERSION

# in the order of `oilcan --help`
_COMMANDS: Final = (
    "repository.summary", "repository.dataset", "repository.explore", "repository.doctor",
    "governing.promote", "governing.rollback", "governing.audit", "governing.incident", "governing.lineage",
    "repository.report", "governing.mirror",
    "serving.keys", "serving.serve", "serving.gateway", "serving.bundle_commands", "serving.score",
    "renewal.monitor", "renewal.decide", "renewal.collect", "renewal.retrain",
    "repository.plants", "repository.tune", "renewal.replay", "serving.replay_stream")


def parser() -> argparse.ArgumentParser:
    """The whole command line; docs/cli.md is written from it."""
    top = argparse.ArgumentParser(
        prog="oilcan", description="Predictive maintenance that you can version.", allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"oilcan {VERSION}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        importlib.import_module(f"oilcan.cli.{command}").register(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; exit code 0 done, 1 refused or something is wrong, 2 misused."""
    args = parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        status = run(args)
        sys.stdout.flush()
        return status
    except OilcanError as err:
        return _refuse(str(err))
    except BrokenPipeError:             # the reader (`| head`) has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as err:
        message = disk_trouble(err)
        if message is None:
            raise
        return _refuse(message)
    except KeyboardInterrupt:
        print("interrupted; nothing half-written was kept", file=sys.stderr)
        return 130


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1

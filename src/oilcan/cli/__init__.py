"""The command line: one module per group of commands.

Each module has `register(commands)`. Only argparse and names are imported before a command is
chosen; what a command needs is imported inside it, so that `oilcan --help` answers at once.
"""

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Final

from oilcan import __version__
from oilcan.errors import OilcanError

GROUPS: Final = ("summary", "dataset", "verify", "fresh", "governance")


def parser() -> argparse.ArgumentParser:
    """The whole command line; docs/cli.md is written from it."""
    top = argparse.ArgumentParser(
        prog="oilcan", description="Predictive maintenance that you can version.", allow_abbrev=False)
    top.add_argument("--version", action="version", version=f"oilcan {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for group in GROUPS:
        importlib.import_module(f"oilcan.cli.{group}").register(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 done, 1 refused or something found wrong, 2 misused."""
    args = parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        status = run(args)
        sys.stdout.flush()
        return status
    except OilcanError as err:
        return _refuse(str(err))
    except BrokenPipeError:             # the reader (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as err:
        if err.errno not in _REASONS:
            raise
        return _refuse(f"{err.filename or 'here'}: {_REASONS[err.errno]}")
    except KeyboardInterrupt:
        print("interrupted; nothing half-written was kept", file=sys.stderr)
        return 130


_REASONS: Final = {
    errno.ENOSPC: "no space left on the disk. Make room and try again; nothing half-written was kept.",
    errno.EACCES: "no permission. Check who owns it.",
    errno.EROFS: "the file system is read-only. Work in a copy that can be written.",
}


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1

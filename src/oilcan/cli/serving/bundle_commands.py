"""Another model in a running service: activate, shadow, rollback."""

import argparse
import contextlib
import os
from typing import Any


def register(commands: Any) -> None:
    """Add `oilcan model activate|shadow|rollback`."""
    text = "another model in a running service, without a gap: activate, shadow, rollback"
    description = f"{text[0].upper()}{text[1:]}. The key of scope `admin` comes from OILCAN_KEY."
    group = commands.add_parser("model", help=text, description=description).add_subparsers(
        metavar="COMMAND", required=True)
    activate = _command(group, "activate", "prove a bundle, then answer from it")
    activate.add_argument("bundle", metavar="NAME", help="folder beside the bundle in service")
    shadow = _command(group, "shadow", "let a challenger forecast live readings, without answering from it")
    shadow.add_argument("bundle", metavar="NAME", nargs="?",
                        help="folder beside the bundle in service; without it, the challenger is dropped")
    _command(group, "rollback", "answer again from the bundle before")


def _command(group: Any, word: str, text: str) -> Any:
    parser = group.add_parser(word, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("--url", metavar="URL", default="http://127.0.0.1:8080",
                        help="address of the service (%(default)s)")
    parser.set_defaults(run=run, word=word)
    return parser


def run(args: argparse.Namespace) -> int:
    """Ask the service, and print what it serves now."""
    from oilcan.io.http.client import Api

    body = {"bundle": args.bundle} if hasattr(args, "bundle") else {}
    with contextlib.closing(Api(args.url, os.environ.get("OILCAN_KEY"))) as api:
        answer = api.post(f"/v1/model/{args.word}", body)
    print(f"model: {answer['model'][:12]} in service, {_short(answer['previous'])} before it, "
          f"{_short(answer['shadow'])} as challenger")
    return 0


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"

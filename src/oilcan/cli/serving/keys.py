"""Commands about API keys: create, list, revoke. A token is printed once and never stored."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oilcan.io.stores import Store


def register(commands: Any) -> None:
    """Add `oilcan keys create|list|revoke`."""
    text = "who may use the service: create, list and revoke API keys"
    group = commands.add_parser("keys", help=text, description=text.capitalize() + ".").add_subparsers(
        metavar="COMMAND", required=True)
    create = _command(group, "create", "create a key and print its token, once", run_create)
    create.add_argument("--name", metavar="NAME", required=True, help="who or what will use it; never used twice")
    create.add_argument("--scope", choices=("read", "write", "admin", "alerts"), required=True, metavar="SCOPE",
                        help="`read`; `write`, which sends readings and acknowledges alarms; `admin`, which changes "
                             "models")
    _command(group, "list", "names, scopes, and when each was created, used and revoked", run_list)
    revoke = _command(group, "revoke", "revoke a key; it stops working at once", run_revoke)
    revoke.add_argument("name", metavar="NAME", help="name of the key")


def _command(group: Any, word: str, text: str, run: Any) -> Any:
    parser = group.add_parser(word, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.add_argument("--store", metavar="URL", help="store of the service (default: OILCAN_STORE, else "
                                                       "sqlite:///.oilcan/service.db)")
    parser.set_defaults(run=run)
    return parser


def run_create(args: argparse.Namespace) -> int:
    """Print the token alone on standard output, so that a script can read it; a note goes to standard error."""
    import secrets
    import sys

    store = _open(args)
    token = store.keys.create(args.name, args.scope, by=_who(), now=_now(), random=secrets.token_bytes)
    store.close()
    print(token)
    print(f"key {args.name} ({args.scope}). The token is shown once; keep it where only its user can read it.",
          file=sys.stderr)
    return 0


def run_list(args: argparse.Namespace) -> int:
    """One line for each key."""
    store = _open(args)
    keys = store.keys.all()
    store.close()
    rows = [(key.name, key.scope, _moment(key.created_at), _moment(key.last_used_at), _moment(key.revoked_at))
            for key in keys]
    print("\n".join("{:<24} {:<6} {:<20} {:<20} {}".format(*row)
                    for row in [("name", "scope", "created", "last used", "revoked"), *rows]))
    return 0


def run_revoke(args: argparse.Namespace) -> int:
    """Revoke a key and confirm it."""
    store = _open(args)
    store.keys.revoke(args.name, by=_who(), now=_now())
    store.close()
    print(f"key {args.name}: revoked")
    return 0


def _open(args: argparse.Namespace) -> "Store":
    import os

    from oilcan.io.stores import DEFAULT_URL, open_store

    return open_store(args.store or os.environ.get("OILCAN_STORE") or DEFAULT_URL)


def _who() -> str:
    """Who acts, for the audit: the user id, which needs no user directory."""
    import os

    return f"command line, uid {os.getuid()}"


def _now() -> int:
    import time

    return time.time_ns() // 1000


def _moment(at: int | None) -> str:
    from oilcan.ground.time_units import moment

    return "-" if at is None else moment(at).strftime("%Y-%m-%dT%H:%M:%SZ")

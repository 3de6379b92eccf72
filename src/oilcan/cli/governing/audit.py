"""The audit log: shown, checked, joined with that of another clone."""

import argparse
from typing import Any


def register(commands: Any) -> None:
    """Add `oilcan audit log|verify|merge|export|erase`."""
    text = "the log of every decision: show it, check it, join it with another clone's"
    group = commands.add_parser("audit", help=text, description=text.capitalize() + ".").add_subparsers(
        metavar="COMMAND", required=True)
    log = _command(group, "log", "show the entries, oldest first", run_log)
    log.add_argument("--kind", metavar="KIND", help="only entries of this kind, such as `promotion`")
    log.add_argument("--json", action="store_true", help="the lines of the log as they are")
    _command(group, "verify", "find edits, deletions, reorderings, forks, a cut tail, forged and skipped tags; exit "
                              "code 1 if there are any", run_verify)
    merge = _command(group, "merge", "join the log with that of another branch", run_merge)
    merge.add_argument("ref", metavar="REF", nargs="?", default="refs/remotes/origin/audit",
                       help="branch with the other log (%(default)s)")


    export = _command(group, "export", "copy what the service recorded (keys, activations, decisions, "
                                       "acknowledgements) into the log, each once", run_export)
    erase = _command(group, "erase", "erase a person from the service's store; the log stays whole", run_erase)
    erase.add_argument("name", metavar="NAME", help="name of the person's key, as the records have it")
    erase.add_argument("--by", required=True, help="who erases; the log keeps it")
    erase.add_argument("--reason", required=True, help="why")
    for parser in (export, erase):
        parser.add_argument("--store", metavar="URL", help="store of the service (default: OILCAN_STORE, else "
                                                           "sqlite:///.oilcan/service.db)")


def _command(group: Any, word: str, text: str, run: Any) -> Any:
    parser = group.add_parser(word, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(run=run)
    return parser


def run_log(args: argparse.Namespace) -> int:
    """One line for each entry."""
    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.governing import audit_log

    shown = [entry for entry in audit_log.entries(find_root()) if args.kind in (None, entry.kind)]
    print("\n".join(entry.line if args.json else
                    f"{entry.at:<20} {entry.kind:<16} {entry.by:<24} {(entry.bundle or '-')[:12]:<12} {entry.why}"
                    for entry in shown) or "no entries")
    return 0


def run_verify(_args: argparse.Namespace) -> int:
    """Check, and list every fault."""
    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.governing import audit_log, model_status

    root = find_root()
    faults = model_status.faults(root)
    count = 0 if faults else len(audit_log.entries(root))
    print("\n".join(faults) or f"audit: whole; {count} entries")
    return int(bool(faults))


def run_merge(args: argparse.Namespace) -> int:
    """Join two logs."""
    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.governing import audit_log

    gained = audit_log.merge(find_root(), args.ref)
    print(f"audit: {gained} entries added from {args.ref}")
    return 0


def run_export(args: argparse.Namespace) -> int:
    """Export, and count what is new."""
    import secrets
    from datetime import UTC, datetime

    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.governing.service_records import export

    count = export(find_root(), _store(args), now=datetime.now(UTC), random=secrets.token_bytes)
    print(f"audit: {count} entries added from the service's records")
    return 0


def run_erase(args: argparse.Namespace) -> int:
    """Erase a person, and count the places."""
    import secrets
    from datetime import UTC, datetime

    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.governing.service_records import erase

    count = erase(find_root(), _store(args), args.name, by=args.by, why=args.reason, now=datetime.now(UTC),
                  random=secrets.token_bytes)
    print(f"erased in {count} places of the store; the log has a pseudonym that nobody can resolve any more")
    return 0


def _store(args: argparse.Namespace) -> str:
    import os

    from oilcan.io.stores import DEFAULT_URL

    return args.store or os.environ.get("OILCAN_STORE") or DEFAULT_URL

"""The audit log: shown, checked, joined with that of another clone."""

import argparse
from typing import Any


def register(commands: Any) -> None:
    """Add `oilcan audit log|verify|merge`."""
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

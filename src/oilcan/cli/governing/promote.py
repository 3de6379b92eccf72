"""What is in service: promote, look, and pin the champion of the next comparison."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oilcan.operations.governing.promotion import Decided
    from oilcan.operations.governing.rollout import Serving


def register(commands: Any) -> None:
    """Add the commands about what is in service."""
    promote = _command(commands, "promote", "approve the model of a commit, tag it, and have the services follow", run)
    promote.add_argument("--approver", required=True, help="your name; audit log and tags keep it")
    promote.add_argument("--reason", required=True, help="why this model goes into service")
    promote.add_argument("--revision", default="HEAD", metavar="COMMIT", help="commit of the model (%(default)s)")
    promote.add_argument("--to", default="production", choices=("reviewed", "approved", "production"),
                         help="last stage to enter (%(default)s)")
    promote.add_argument("--no-server-check", action="store_true",
                         help="do not start the real server with the bundle first")
    promote.add_argument("--override", action="store_true", help="promote although the gate decided hold or reject")
    promote.add_argument("--canary", metavar="SHARE", type=_share,
                         help="approve it, and let it answer for a share of the machines only, such as 10%%; a service "
                              "falls back by itself when alarms or alerts speak against it")
    status = _command(commands, "status", "what should be in service, what is, and what does not agree; exit code 1 if "
                                          "anything does not", run_status)
    status.add_argument("--dataset", metavar="NAME", help="whose model (that of params.yaml)")
    _command(commands, "champion", "make the model in service the champion that the next review compares with",
             run_champion)


def _command(commands: Any, word: str, text: str, action: Any) -> Any:
    parser = commands.add_parser(word, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(run=action)
    return parser


def run(args: argparse.Namespace) -> int:
    """Promote; exit code 1 if a service does not follow yet."""
    import os
    from datetime import UTC, datetime

    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.governing.canary import begin_canary
    from oilcan.operations.governing.promotion import promote

    root, at, key = find_root(), datetime.now(UTC), os.environ.get("OILCAN_KEY")
    if args.canary is not None:
        return print_decided(begin_canary(
            root, args.canary, approver=args.approver, reason=args.reason, at=at, revision=args.revision,
            override=args.override, server_check=not args.no_server_check, key=key, say=say_step))
    return print_decided(promote(
        root, approver=args.approver, reason=args.reason, at=at, revision=args.revision, to=args.to,
        override=args.override, server_check=not args.no_server_check, key=key, say=say_step))


def run_status(args: argparse.Namespace) -> int:
    """Show should and is."""
    import os

    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.governing.model_status import checked_out, standing

    root = find_root()
    found = standing(root, args.dataset or checked_out(root), os.environ.get("OILCAN_KEY"))
    if found.tag is None:
        print(f"{found.dataset}: nothing is in service yet. `oilcan promote` puts a model into service")
    else:
        print(f"{found.dataset}: {found.version}, bundle {str(found.bundle)[:12]}, by {found.by} ({found.why}); "
              f"tag {found.tag}")
    lines = [f"  {each.service.name:<20} {each.service.url:<32} {(each.bundle or 'no answer')[:12]}{_canary(each)}"
             for each in found.services] or ["  no service is listed in services.yaml"]
    print("\n".join([*lines, *(f"! {trouble}" for trouble in found.troubles),
                     *(f"note: {note}" for note in found.notes)]))
    return int(bool(found.troubles))


def run_champion(_args: argparse.Namespace) -> int:
    """Pin the champion, and name what to commit."""
    from oilcan.io.repository.repository_root import find_root
    from oilcan.operations.governing.champion_pin import pin_champion

    note = pin_champion(find_root())
    print(f"champion: {f'bundle {note.bundle[:12]}' if note.bundle else 'none is in service'}\n"
          f"Run `dvc repro review`, then commit models/champion.json, models/champion.dvc and models/.gitignore.")
    return 0


def _canary(serving: "Serving") -> str:
    canary = serving.canary
    if canary is None or canary.fell_back:
        return ""
    return f", and {canary.bundle[:12]} for {canary.share:.0%} ({canary.machines} machines)"


def _share(text: str) -> float:
    """A share such as 10% or 0.1."""
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError(f"not a share (found {text!r}, wanted such as 10% or 0.1)")
    return share


def say_step(step: str) -> None:
    """Print the name of a step before it is done."""
    print(f"  {step}", flush=True)


def print_decided(decided: "Decided") -> int:
    """Print what a promotion or rollback came to; exit code 1 if a service does not follow yet."""
    print(f"{decided.dataset} {decided.version}: bundle {decided.bundle[:12]}, tag {decided.tag}\n"
          f"Share it with `git push origin audit --tags`, and the bytes with `dvc push`.")
    print("\n".join(f"! does not follow yet: {laggard}" for laggard in decided.laggards), end="")
    return int(bool(decided.laggards))

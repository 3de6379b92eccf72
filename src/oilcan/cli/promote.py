"""Commands that let a model into service: `oilcan promote`."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from oilcan.ground.errors import OilcanError


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `promote`."""
    text = "make the packaged bundle the champion that later models are compared with"
    promote = commands.add_parser("promote", help=text, description=text.capitalize() + ".")
    promote.add_argument("--approver", required=True, help="your name; it stands in models/champion.json")
    promote.add_argument("--reason", required=True, help="why this model goes into service")
    promote.add_argument("--override", action="store_true", help="promote although the gate said hold or reject")
    promote.set_defaults(run=_promote)


def _promote(args: argparse.Namespace) -> int:
    from oilcan.io.bundle import champion
    from oilcan.io.bundle.bundle_folder import load_bundle
    from oilcan.io.repository.repository_root import find_root
    from oilcan.io.stage import files

    root = find_root()
    bundle = load_bundle(root / "models/bundle")
    decision = bundle.manifest["review"]["decision"]
    if decision != "promote" and not args.override:
        reasons = "; ".join(bundle.manifest["review"]["reasons"])
        raise OilcanError(f"models/bundle: the gate said {decision!r} ({reasons}). Improve the model, or take the "
                          f"responsibility with --override.")
    with files.fresh_folder(root / "models/champion") as draft:
        shutil.copytree(root / "models/bundle", draft, dirs_exist_ok=True)
        load_bundle(draft)
    note = champion.Champion(bundle=bundle.digest, approval=champion.Approval(
        approver=args.approver, reason=args.reason, decision=decision, dataset=bundle.contract.name))
    files.write_json(note.model_dump(), root / "models/champion.json")
    subprocess.run([Path(sys.executable).with_name("dvc"), "add", "--quiet", "models/champion"], cwd=root, check=True)
    print(f"champion: bundle {bundle.digest[:12]} of {bundle.contract.name}, approved by {args.approver}\n"
          f"Commit models/champion.json, models/champion.dvc and models/.gitignore, then `dvc push`.")
    return 0

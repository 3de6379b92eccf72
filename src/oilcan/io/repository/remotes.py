"""DVC's remotes of a checkout: which there are, and raw files of a data set from whichever has them.

DVC itself never tries a second remote.
"""

from pathlib import Path
from typing import Final

from oilcan.io.repository.dvc_command import call_dvc, printed
from oilcan.io.stage.dvc_files import load_yaml, tracked_raw

SAMPLES: Final = "samples"                          # the read-only store that travels in git, data/samples


def remote_names(root: Path) -> list[str]:
    """Remotes of DVC's settings (system, global, project, local), the default one first."""
    from dvc.config import Config  # here: DVC takes half a second to import

    config = Config(str(root / ".dvc"))
    default = config["core"].get("remote")
    return sorted(config.get("remote", {}), key=lambda name: (name != default, name))


def pull_raw(root: Path, name: str) -> list[str]:
    """Pull the recorded raw files of a data set from the first remote that has them.

    Returns
    -------
    One line for each remote that was asked in vain; empty if a remote gave the files, or nothing is recorded.
    """
    if name not in recorded_raw(root):
        return []
    failures = []
    for remote in remote_names(root):
        chosen = () if name in tracked_raw(root) and remote == SAMPLES else ("--remote", remote)
        done = call_dvc(root, "pull", *chosen, f"data/raw/{name}")
        if done.returncode == 0 and (root / "data/raw" / name).exists():
            return []
        failures.append(f"remote {remote}: {printed(done).rpartition(chr(10))[2]}")
    return failures


def recorded_raw(root: Path) -> set[str]:
    """Data sets whose raw files DVC has a digest of."""
    lock = root / "data/dvc.lock"
    stages = load_yaml(lock).get("stages") or {} if lock.exists() else {}
    return {stage.partition("@")[2] for stage in stages if stage.startswith("fetch@")} | set(tracked_raw(root))

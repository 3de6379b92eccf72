"""DVC's remotes of a checkout: which there are, and raw files of a data set from whichever has them.

DVC itself never tries a second remote.
"""

from pathlib import Path
from typing import Any, Final

from oilcan.io.repository.dvc_command import call_dvc, printed
from oilcan.io.repository.git_plumbing import git
from oilcan.io.stage.dvc_files import load_yaml, tracked_raw

_FORBIDDEN: Final = 403                             # S3 answers so of what is not there, if one may not list it
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


def unreachable(root: Path) -> list[str]:
    """One line for each remote that does not answer, or refuses, with what to do; a folder counts if it can be made."""
    from dvc.repo import Repo  # here: DVC takes a second to import

    faults = []
    with Repo(str(root)) as repo:
        for name in remote_names(root):
            try:
                remote = repo.cloud.get_remote(name)
                if remote.fs.protocol == "local" and not _nearest(Path(remote.path)).is_dir():
                    faults.append(f"remote {name}: {remote.path} is not a folder. Correct it with `dvc remote modify`.")
                _ask(remote)
            except Exception as err:  # each kind of storage has its own errors
                why = " ".join(str(err).split()) or type(err).__name__
                faults.append(f"remote {name}: no access ({type(err).__name__}: {why[:300]}). Check its address with "
                              f"`dvc remote list`, and its credentials in .dvc/config.local or the environment.")
    return faults


def _ask(remote: Any) -> None:
    """Raise what a remote raises that does not answer or refuses; what it holds does not matter."""
    place = remote.fs.join(remote.path, "files", "md5")
    if remote.fs.protocol not in ("http", "https"):
        remote.fs.exists(place)
        return
    try:
        remote.fs.fs.cat_file(place)        # to `exists` a server that does not answer is one that has nothing
    except FileNotFoundError:
        return
    except Exception as err:
        if getattr(err, "status", None) != _FORBIDDEN:
            raise


def strangers_in_samples(root: Path) -> list[Path]:
    """Objects of the sample store that git does not track: pushed there by mistake."""
    store = root / "data/samples/files"
    tracked = set(git(root, "ls-files", "data/samples/files").splitlines())
    return [path for path in sorted(store.rglob("*")) if path.is_file()
            and path.relative_to(root).as_posix() not in tracked]


def _nearest(path: Path) -> Path:
    """The path, or the first folder above it that exists."""
    return next(place for place in (path, *path.parents) if place.exists())

"""Builds the repository of the tutorial: types every command of docs/tutorial/README.md, and checks what it prints.

    python -m tests.repo.tutorial [FOLDER]        # `make tutorial`; a temporary folder without an argument

It needs what `make install-serve` installs. A chapter is a heading; `bash` blocks are typed in the folder, and each
line of the `text` block after one must be among what it prints, `...` standing for anything.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from tests.nested_changes import change

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/tutorial/README.md"
# Small enough for a few minutes: what the page says of numbers holds for these.
SMALL = {"simulate": {"machines": 10, "days": 150}, "compute": {"jobs": 2},
         "featurize": {"families": ["level", "trailing", "events", "static"], "regimes": False},
         "train": {"model": "random_forest", "random_forest": {"trees": 8}, "max_rows": 4000, "min_rows": 100,
                   "life_boosting": {"iterations": 8, "bags": 1}, "outlook": {"horizons": [1.0], "iterations": 5}},
         "explain": {"rows": 100, "repeats": 2}, "evaluate": {"bootstrap": 20}, "review": {"bootstrap": 20}}


def chapters() -> list[tuple[str, str, list[str]]]:
    """Chapter, commands and wanted lines of each pair of blocks, in order."""
    pairs = []
    for chapter in PAGE.read_text(encoding="utf-8").split("\n## ")[1:]:
        name = chapter.partition("\n")[0]
        blocks = re.findall(r"```bash\n(.*?)```\n```text\n(.*?)```", chapter, re.S)
        pairs += [(name, commands, wanted.splitlines()) for commands, wanted in blocks]
    return pairs


def build(folder: Path) -> list[tuple[str, float]]:
    """Type all of it in `folder`/plant; seconds of each pair of blocks.

    Raises
    ------
    AssertionError
        If a command fails, or does not print what the page shows.
    """
    plant = folder / "plant"
    _copy(plant)
    times = []
    try:
        for name, commands, wanted in chapters():
            began = time.monotonic()
            _type(plant, name, commands, wanted)
            times.append((name, time.monotonic() - began))
    finally:
        _stop(folder / "service.pid")
    return times


def _copy(plant: Path) -> None:
    """What git holds of this repository, with small parameters, as if nothing had run."""
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                             capture_output=True, text=True, check=True).stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (plant / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, plant / name)
    file = plant / "params.yaml"
    values = yaml.safe_load(file.read_text(encoding="utf-8"))
    change(values, SMALL)
    file.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")


def _type(plant: Path, name: str, commands: str, wanted: list[str]) -> None:
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:      # a pipe would wait for the service
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=plant, env=_environment(plant),
                              stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
        output.seek(0)
        printed = output.read()
    assert done.returncode == 0, f"{name}: exit code {done.returncode}:\n{commands}\n{printed}"
    missing = [line for line in wanted if not re.search(".*".join(map(re.escape, line.split("..."))), printed)]
    assert not missing, f"{name}: {missing} were not printed:\n{printed}"


_PORT: list[str] = []


def _environment(plant: Path) -> dict[str, str]:
    if not _PORT:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            _PORT.append(str(one.getsockname()[1]))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_", "OILCAN_"))}
    return clean | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120",
        "OILCAN_PORT": os.environ.get("OILCAN_PORT", _PORT[0]), "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(plant.parent / "site"), "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_AUTHOR_NAME": "Eve", "GIT_AUTHOR_EMAIL": "eve@localhost",
        "GIT_COMMITTER_NAME": "Eve", "GIT_COMMITTER_EMAIL": "eve@localhost"}


def _stop(note: Path) -> None:
    """End the service, if the story was cut before it did."""
    try:
        os.kill(int(note.read_text(encoding="utf-8")), signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError):
        return


def main() -> None:
    """Build, and say where it is and how long each chapter took."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="oilcan-tutorial-")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for name, seconds in build(folder):
        sys.stdout.write(f"{name:<20} {seconds:6.1f} s\n")
    sys.stdout.write(f"{folder}/plant: look at it with `git log --oneline --decorate`, `oilcan status`\n")


if __name__ == "__main__":
    main()

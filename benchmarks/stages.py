"""Time and memory of every stage against the floor: reading its inputs and writing its outputs, nothing else.

    python benchmarks/stages.py            # in a checkout where `dvc repro` has run
    python benchmarks/stages.py train

Each stage runs as a process of its own in a copy of the checkout, outside DVC; the floor is a process that
imports pandas, reads every data file the stage declares and writes every file it wrote, by the same library.
Wall and CPU seconds are medians of three; memory is the largest resident set of the process tree's members.
"""

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from oilcan.io.stage.dvc_files import StageEntry, find_stage, stage_names

ROOT = Path(__file__).parents[1]
REPEATS = 3

FLOOR = """
import shutil, sys, tempfile
from pathlib import Path
import pandas as pd
reads, writes = (part.split("|") if part else [] for part in sys.argv[1:3])
held = [pd.read_parquet(path) if path.endswith(".parquet") else Path(path).read_bytes() for path in reads]
with tempfile.TemporaryDirectory() as folder:
    for at, path in enumerate(writes):
        if path.endswith(".parquet"):
            pd.read_parquet(path).to_parquet(f"{folder}/{at}.parquet", index=False, compression="zstd")
        else:
            shutil.copyfile(path, f"{folder}/{at}")
"""


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds on the clock, seconds of CPU, MiB of memory."""

    wall: float
    cpu: float
    mib: float


def main() -> None:
    """Measure the stages named, or all, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [address for address in stage_names(ROOT) if not address.endswith(":fetch")]
    parser.add_argument("stages", nargs="*", default=known)
    names = parser.parse_args().stages
    with tempfile.TemporaryDirectory(prefix="oilcan-stages-") as folder:
        copy = Path(folder) / "checkout"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".venv", ".dvc", ".git", ".*_cache"))
        print("| stage | wall s | CPU s | MiB | floor wall s | floor CPU s | floor MiB | CPU over floor |")
        print("|---|---|---|---|---|---|---|---|")
        for name in names:
            entry = find_stage(copy, name)
            stage, floor = _measure(_command(entry), copy), _measure(_floor(entry, copy), copy)
            print(f"| {entry.name} | {stage.wall:.1f} | {stage.cpu:.1f} | {stage.mib:.0f} | {floor.wall:.1f} | "
                  f"{floor.cpu:.1f} | {floor.mib:.0f} | {stage.cpu / floor.cpu:.1f} |", flush=True)


def _command(entry: StageEntry) -> list[str]:
    words = shlex.split(entry.cmd)
    return [sys.executable, *words[words.index("python") + 1:]]


def _floor(entry: StageEntry, root: Path) -> list[str]:
    data = [dep for dep in entry.deps if dep.startswith(("data/", "models/", "metrics/"))]
    return [sys.executable, "-P", "-c", FLOOR, "|".join(_files(root, data)), "|".join(_files(root, entry.outs))]


def _files(root: Path, paths: list[str] | tuple[str, ...]) -> list[str]:
    return [str(file) for path in paths for file in ([root / path] if (root / path).is_file()
                                                     else sorted((root / path).rglob("*"))) if file.is_file()]


def _measure(command: list[str], folder: Path) -> Cost:
    costs = [_run(command, folder) for _ in range(REPEATS)]
    return Cost(*(statistics.median(getattr(cost, word) for cost in costs) for word in ("wall", "cpu", "mib")))


def _run(command: list[str], folder: Path) -> Cost:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment | {"PYTHONPATH": "src"},
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"error: {shlex.join(command[:4])} ... failed:\n{said.decode()}")
    return Cost(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


if __name__ == "__main__":
    main()

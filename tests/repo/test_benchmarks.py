"""Benchmarks call what is there: nobody runs them in CI, so a function that changed would break them without a word."""

import os
import re
import subprocess
from pathlib import Path

from tests.conftest import ROOT, tracked_files

BROKEN = re.compile(r"\[(call-arg|attr-defined|name-defined|call-overload|used-before-def)\]$")


def test_every_benchmark_calls_functions_as_they_are_now(tmp_path: Path) -> None:
    by_folder: dict[Path, list[str]] = {}
    for name in tracked_files():
        if name.startswith("benchmarks/") and name.endswith(".py"):
            by_folder.setdefault(Path(name).parent, []).append(name)
    assert len(by_folder) > 3
    for folder, files in by_folder.items():     # each by itself: scripts import their neighbours by bare names
        command = ["mypy", "--cache-dir", str(tmp_path), "--implicit-reexport", "--follow-imports", "silent", *files]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False,
                              env=os.environ | {"MYPYPATH": f"src:benchmarks:{folder}"})
        assert done.returncode in {0, 1}, done.stderr
        assert [line for line in done.stdout.splitlines() if BROKEN.search(line)] == []

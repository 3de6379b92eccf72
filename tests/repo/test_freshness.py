"""The committed dvc.lock is the one that this code, these parameters and these contracts make."""

import subprocess
import sys
from pathlib import Path

from tests.repo.closure import ROOT


def test_nothing_would_run_on_a_clone_that_pulled():
    oilcan = Path(sys.executable).with_name("oilcan")
    done = subprocess.run([oilcan, "doctor", "lock"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"run `make repro` and commit what it changes:\n{done.stdout}{done.stderr}"

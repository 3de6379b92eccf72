"""Runs of the real pipeline in a scratch checkout: what `results.py` and `ablation.py` measure with."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DATASETS = Path(os.environ.get("OILCAN_DATASETS", ROOT.parent / "shared/datasets"))


class Checkout:
    """What git holds of this checkout, in a folder of its own, with one data set chosen and its files in place."""

    def __init__(self, folder: Path, dataset: str) -> None:
        self.folder, self.dataset = folder, dataset
        listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                                 capture_output=True, text=True, check=True).stdout
        for name in filter(None, listing.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        self.call("git", "init", "-q")
        if dataset != "demo_fleet":
            self.call("oilcan", "dataset", "place", dataset, "--from", str(DATASETS))
        self._params = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8")) | {"dataset": dataset}

    def choose(self, changes: dict[str, Any]) -> None:
        """params.yaml as committed, but for these: dotted name -> value."""
        values = json.loads(json.dumps(self._params))
        for dotted, value in changes.items():
            *path, last = dotted.split(".")
            section = values
            for step in path:
                section = section[step]
            if last not in section:
                sys.exit(f"error: params.yaml has no {dotted!r}")
            section[last] = value
        (self.folder / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")

    def param(self, dotted: str) -> Any:
        """Value in the committed params.yaml."""
        return look_up(self._params, dotted)

    def repro(self, *stages: str) -> float:
        """Seconds that `dvc repro` of these stages took."""
        started = time.monotonic()
        self.call("dvc", "repro", *stages)
        return time.monotonic() - started

    def metrics(self, name: str) -> dict[str, Any]:
        """metrics/detail/<name>.json."""
        return json.loads((self.folder / f"metrics/detail/{name}.json").read_text(encoding="utf-8"))

    def tries(self, stage: str) -> bool:
        """Whether `dvc repro` of this stage succeeds."""
        return self._run("dvc", "repro", stage).returncode == 0

    def call(self, *command: str) -> None:
        """Run a command there; what it says is shown only where it fails."""
        done = self._run(*command)
        if done.returncode:
            sys.exit(f"error: {' '.join(command)} in {self.folder} failed:\n{done.stdout}\n{done.stderr}")

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {
            "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(self.folder.parent / "site"),
            "PYTHONPATH": str(self.folder / "src"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)


@contextmanager
def checkout(dataset: str) -> Iterator[Checkout]:
    """A scratch checkout, gone afterwards."""
    if dataset != "demo_fleet" and not DATASETS.is_dir():
        sys.exit(f"error: {DATASETS}: no such folder. Set OILCAN_DATASETS to where the public files are.")
    with tempfile.TemporaryDirectory(prefix=f"oilcan-{dataset}-") as folder:
        yield Checkout(Path(folder) / "oilcan", dataset)


def look_up(values: Any, dotted: str) -> Any:
    """Entry of nested metrics; None where there is none."""
    for step in dotted.split("."):
        values = values.get(step) if isinstance(values, dict) else None
    return values


def text(value: Any) -> str:
    """Four digits, or a dash."""
    return f"{value:.4g}" if isinstance(value, int | float) else "-"

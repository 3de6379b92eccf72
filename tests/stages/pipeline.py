"""Runs the whole pipeline in this process, from raw files and a contract, with small models."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import yaml
from tests.stages.running import ROOT, run_stage

STAGES = ("ingest", "validate", "prepare", "featurize", "train", "predict", "explain", "evaluate", "reference",
          "package", "review", "monitor")
SMALL = {
    "compute": {"jobs": 1},
    "featurize": {"families": ["level", "trailing", "events", "static"], "regimes": False},
    "train": {"model": "random_forest", "min_rows": 100, "max_rows": 5000, "random_forest": {"trees": 20},
              "label_forest": {"trees": 20}, "committee_forest": {"trees": 10},
              "hist_gradient_boosting": {"iterations": 20}, "life_boosting": {"iterations": 20, "bags": 1},
              "outlook": {"horizons": [1.0], "iterations": 10}},
    "explain": {"rows": 100, "repeats": 2},
    "evaluate": {"bootstrap": 20},
    "review": {"bootstrap": 20},
    "package": {"check_rows": 20},
}  # fmt: skip


def place(folder: Path, name: str, contract: str, files: dict[str, str | bytes]) -> None:
    """Put a contract and its raw files where the pipeline looks for them, and the params beside."""
    (folder / "datasets").mkdir(parents=True)
    (folder / f"datasets/{name}.yaml").write_text(contract)
    for path, content in files.items():
        target = folder / "data/raw" / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    params = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"dataset": name}
    for section, values in SMALL.items():
        for key, value in values.items():
            params[section][key] = params[section][key] | value if isinstance(value, dict) else value
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    (folder / "models").mkdir()
    shutil.copy(ROOT / "models/champion.json", folder / "models/champion.json")
    for rules in ("monitoring.yaml", "gate.yaml"):
        shutil.copy(ROOT / rules, folder / rules)


def run_stages(folder: Path, name: str, stages: Sequence[str] = STAGES) -> None:
    """Run stages as dvc.yaml calls them, in `folder`, which is the current folder."""
    commands = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for stage in stages:
        words = commands[stage]["cmd"].replace("${dataset}", name).split()
        paths = words[next(at for at, word in enumerate(words) if word.endswith(".py")) + 1:]
        for path in paths:
            Path(folder / path).parent.mkdir(parents=True, exist_ok=True)
        run_stage(stage, *map(Path, paths), params=folder / "params.yaml")

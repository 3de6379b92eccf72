"""A small fleet and a folder of settings with which a replay takes seconds."""

import shutil
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
FILES = ("params.yaml", "monitoring.yaml", "gate.yaml", "retrain.yaml")
SMALL = {
    "begins": "2024-05-06", "validation_days": 42, "gate_days": 28, "labels_late_days": 3.0, "rollout_days": 1.0,
    "calendar_days": 21.0, "trial_days": 28.0,
    "fleet": {"machines": 8, "days": 180, "start": "2024-01-01", "change_after_days": 7},
    "params": {
        "train.outlook.horizons": [], "train.model": "hist_gradient_boosting", "train.refit": False,
        "train.life_boosting.iterations": 3, "train.life_boosting.bags": 1, "train.min_mode_failures": 50,
        "train.hist_gradient_boosting.iterations": 15, "train.hist_gradient_boosting.bags": 1, "compute.jobs": 1,
        "compute.backend": "threading", "featurize.families": ["level", "trailing"], "evaluate.bootstrap": 20,
        "review.bootstrap": 20,
    },
}  # fmt: skip


def settings_folder(folder: Path, **changes) -> Path:
    """What `oilcan replay demo_fleet` reads of a clone, for a small fleet."""
    (folder / "datasets").mkdir(parents=True)
    shutil.copy2(ROOT / "datasets/demo_fleet.yaml", folder / "datasets")
    for name in FILES:
        shutil.copy2(ROOT / name, folder)
    rules = yaml.safe_load((folder / "monitoring.yaml").read_text(encoding="utf-8"))
    rules["inputs"]["draws"] = 200
    (folder / "monitoring.yaml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    replay = {"data_sets": {"demo_fleet": SMALL | changes}}
    (folder / "replay.yaml").write_text(yaml.safe_dump(replay), encoding="utf-8")
    return folder

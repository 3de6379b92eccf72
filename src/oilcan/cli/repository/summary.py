"""`oilcan summary`: how good the forecast is, what it saves, and where to look next."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from oilcan.ground.errors import DataError
from oilcan.io.repository.repository_root import find_root

_FILES: Final = {
    "evaluate": "metrics/detail/evaluate.json", "review": "metrics/detail/review.json",
    "quality": "metrics/detail/data_quality.json",
    "model": "models/model.json", "train": "metrics/detail/train.json",
}
_LOOK: Final = {
    "reports/evaluation.html": "the whole evaluation, for reading",
    "reports/model_card.md": "what to know before relying on it",
    "reports/data_quality.html": "what the data look like",
}


def register(commands: Any) -> None:
    """Add `oilcan summary`."""
    parser = commands.add_parser(
        "summary", help="the forecast's quality, what it saves, where to look",
        description="Print a short table of the forecast's quality with 95 % intervals, what it saves, the simple "
                    "policies beside it, and where to look next.")
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace) -> int:
    """Print what the last `dvc repro` found."""
    from oilcan.reports.summary_text import lines

    root = find_root()
    found = {name: _read(root / path) for name, path in _FILES.items()}
    if not found["evaluate"]:
        raise DataError(f"{_FILES['evaluate']}: does not exist. Run `dvc repro` first.")
    reports = {path: purpose for path, purpose in _LOOK.items() if (root / path).exists()}
    print("\n".join(lines(found, reports)))
    return 0


def _read(path: Path) -> Mapping[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as err:
        raise DataError(f"{path}: not readable as JSON ({err}). Run `dvc repro`.") from err
    return values if isinstance(values, Mapping) else {}

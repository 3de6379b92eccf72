"""Runs a stage script in this process."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_stage(name: str, *paths: Path, params: Path) -> None:
    """Call the `main` of src/stages/<name>.py."""
    spec = importlib.util.spec_from_file_location(f"stage_{name}", ROOT / f"src/stages/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main([*map(str, paths), "--params", str(params)])

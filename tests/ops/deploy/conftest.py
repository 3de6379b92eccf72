"""Files of deploy/ as the tests of operations read them, and Debian's programs that judge them."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"


def _program(name: str) -> Any:
    def run(*words: str | Path, cwd: Path = DEPLOY) -> str:
        done = subprocess.run([name, *words], cwd=cwd, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    return run


@pytest.fixture(scope="session")
def prometheus() -> Any:
    """Runs promtool; named in conftest.PROGRAMS."""
    return _program("promtool")


@pytest.fixture(scope="session")
def alertmanager() -> Any:
    """Runs amtool; named in conftest.PROGRAMS."""
    return _program("amtool")


@pytest.fixture(scope="session")
def rules() -> list[dict[str, Any]]:
    """Every recording and alert rule."""
    groups = yaml.safe_load((DEPLOY / "prometheus/rules/oilcan.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.fixture(scope="session")
def alert_rules(rules: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Alert -> its rule."""
    return {rule["alert"]: rule for rule in rules if "alert" in rule}


@pytest.fixture(scope="session")
def exposed() -> set[str]:
    """Names of docs/metrics.md, which a test compares with the code; a histogram has its three."""
    rows = re.findall(r"^\| `(oilcan_\w+)` \| (\w+)", (ROOT / "docs/metrics.md").read_text(encoding="utf-8"), re.M)
    assert len(rows) > 50
    return {name + suffix for name, kind in rows
            for suffix in (("_bucket", "_sum", "_count") if kind == "histogram" else ("",))}

"""`mlflow_steps.py REPOSITORY URI STEPS SEED`: random decisions and kills, after which MLflow equals the tags.

Runs in the environment of requirements/mlflow.txt; prints what it did as JSON.
"""

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from oilcan.core.registry import mirrored
from oilcan.governance.stage_order import next_number, next_version
from oilcan.io.registry.model_tags import make_tag, model_tags
from oilcan.operations.mirror.git_state import wanted
from oilcan.operations.mirror.mlflow_mirror import MlflowMirror


class Killed(BaseException):
    """The process ended here, as far as MLflow can see."""


class DyingClient:
    """A client of MLflow whose process ends after some calls."""

    def __init__(self, client: Any, calls: int) -> None:
        self._client, self._left = client, calls

    def __getattr__(self, name: str) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Killed(name)
        return getattr(self._client, name)


def commit(root: Path, number: int) -> str:
    """A commit with other parameters and metrics."""
    (root / "params.yaml").write_text(f"dataset: fleet\ntrain:\n  seed: {number}\n")
    (root / "metrics").mkdir(exist_ok=True)
    (root / "metrics/evaluate.json").write_text(json.dumps({"test": {"ece": number / 7}}))
    for words in (("add", "-A"), ("commit", "-q", "-m", f"model {number}")):
        subprocess.run(["git", *words], cwd=root, check=True)
    return subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True, text=True
                          ).stdout.strip()


def tag(root: Path, name: str, digest: str, bundle: str, number: int) -> None:
    make_tag(root, name, digest, "a decision", {"bundle": bundle}, by="Ada", at=number, sign=False)


def decide(root: Path, number: int, rng: random.Random) -> str:
    """Register a version, promote one, or go back to an older one."""
    tags = model_tags(root, ["fleet"])
    versions = [each for each in tags if each.version]
    if not versions or rng.random() < 0.3:
        digest = commit(root, number)
        tag(root, f"fleet@{next_version(tags, is_new_contract=rng.random() < 0.2)}", digest, f"{number:064x}", number)
        return "registered"
    chosen = rng.choice(versions)
    tag(root, f"fleet#production#{next_number(tags)}", chosen.commit, chosen.fields["bundle"], number)
    return "newest promoted" if chosen == versions[-1] else "older promoted"


def main() -> None:
    root, uri, steps, rng = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), random.Random(sys.argv[4])
    mirror, done = MlflowMirror(uri, "nowhere"), Counter[str]()
    client = mirror._client
    for number in range(1, steps + 1):
        done[decide(root, number, rng)] += 1
        state = wanted(root)
        if rng.random() < 0.4:
            mirror._client = DyingClient(client, rng.randrange(1, 40))
            try:
                mirror.update(state)
            except Killed:
                done["killed"] += 1
            mirror._client = client
            if rng.random() < 0.5:
                continue                            # the next decision comes before the mirror ran again
        mirror.update(state)
        assert mirror.differences(state) == [], mirror.differences(state)
    state = wanted(root)
    mirror.update(state)
    assert mirror.update(state) == []
    found = mirror.found(["fleet"])
    assert found == state
    counts = done | {"versions": len(mirrored.names(state, "models/fleet/versions"))}
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main()

"""What a sweep searches: the training rows, the names of their features, the ranges of the hyper-parameters."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oilcan.ground.errors import DataError, ParamsError
from oilcan.ground.section import section
from oilcan.io.batches import feature_rows
from oilcan.io.repository import whole_params
from oilcan.io.repository.dvc_command import stale_stages
from oilcan.io.stage import stage_inputs
from oilcan.operations.tuning.search_space import Search, Space
from oilcan.training.cross import choose_family
from oilcan.training.recipe import candidates
from oilcan.training.sample import Sample
from oilcan.training.targets import Target

_UPSTREAM: Final = ("fetch", "simulate", "ingest", "prepare", "featurize")


@dataclass(frozen=True)
class Problem:
    """Training rows, what to search, and how many workers may."""

    sample: Sample
    search: Search
    jobs: int

    def name(self, seed: int) -> str:
        """A name for each problem: a sweep continues only where nothing that it compares has changed."""
        search = self.search
        text = json.dumps([search.params.model_dump(),
                           {word: span.model_dump() for word, span in search.ranges.items()}, search.features, seed],
                          sort_keys=True)
        matrix = self.sample.features()
        numbers = self.sample.values.tobytes() + matrix[:: max(1, len(matrix) // 1000)].tobytes()
        return f"tune-{search.target.name}-{hashlib.sha256(text.encode() + numbers).hexdigest()[:6]}"


def read_problem(root: Path, task: str | None, space: Path | None) -> Problem:
    """The problem of one task (the headline task where it is None) with the ranges of `space` (tune.yaml).

    Raises
    ------
    ParamsError
        If there is no such task, or the ranges are not valid.
    DataError
        If the features are not those of the present parameters.
    """
    params = whole_params.read_all_params(root / "params.yaml")
    contract = stage_inputs.read_contract(root / "datasets" / f"{params.dataset}.yaml")
    name = task or contract.headline()[0]
    if name not in contract.tasks:
        raise ParamsError(f"--task: no such task (found {name!r}, wanted one of {sorted(contract.tasks)}).")
    _check_fresh(root)
    plan = feature_rows.read_plan(root / "data/features")
    rows, matrix = feature_rows.read_rows(root / "data/prepared", root / "data/features", plan, "train")
    chosen = contract.tasks[name]
    target = Target(name, chosen.kind, cap=chosen.cap.ticks if chosen.cap else None)
    ranges = section(Space, stage_inputs.read_yaml(space or root / "tune.yaml"), str(space or "tune.yaml"))
    sample = Sample.of(target, rows, matrix)
    family = choose_family(sample, candidates(target, params.train, plan.names)).family
    return Problem(sample, Search.of(target, family, ranges, params.train, plan.names), params.compute.jobs)


def _check_fresh(root: Path) -> None:
    stale = [item.stage for item in stale_stages(root) if item.stage.rpartition(":")[2].partition("@")[0] in _UPSTREAM]
    if stale:
        raise DataError(f"tune: the features are not those of the present parameters ({', '.join(stale)} would run). "
                        f"Run `dvc repro featurize`.")

"""Everything about two commits that the report says, gathered; nothing is written here."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd

from oilcan.contract import Contract
from oilcan.evaluation.comparisons.paired import Difference, differences
from oilcan.evaluation.fleet_and_forecasts import Fleet, Forecasts
from oilcan.evaluation.split_table import TableInMemory
from oilcan.governance import compare
from oilcan.governance.gate_findings import Comparison
from oilcan.ground.columns import KEY
from oilcan.ground.errors import DataError, OilcanError
from oilcan.ground.section import section
from oilcan.io.repository.dvc_command import call_dvc, printed
from oilcan.io.repository.git_plumbing import git
from oilcan.io.stage.dvc_files import parse_yaml
from oilcan.operations.governing import audit_log, model_status
from oilcan.operations.pull_request.revisions import Commit
from oilcan.params.operating.gate_policy import GatePolicy
from oilcan.params.stages.review import ReviewParams

METRICS: Final = "metrics/evaluate.json"
_OUTPUTS: Final = ("data/raw", "data/canonical", "data/prepared", "data/features", "data/predictions", "models/model",
                   "models/bundle")


@dataclass(frozen=True)
class Figure:
    """One metric of both commits; None where a commit has none."""

    name: str
    base: float | None
    head: float | None
    base_ci95: list[float] | None = None
    head_ci95: list[float] | None = None
    paired: Difference | None = None


@dataclass(frozen=True)
class Changes:
    """What the report of two commits says."""

    base: Commit
    head: Commit
    figures: list[Figure]
    not_paired: str                 # why forecasts were not compared; empty if they were
    worse_slices: list[Comparison]
    params: dict[str, tuple[Any, Any]]
    files: dict[str, list[str]]     # kind -> paths of git that changed
    outputs: dict[str, tuple[str, str]]     # path -> md5 of base and head, where they differ
    verdict: Mapping[str, Any]
    audit: str
    missing: list[str] = field(default_factory=list)


def gather(root: Path, base: Commit, head: Commit, review: ReviewParams) -> Changes:
    """Compare two commits.

    Raises
    ------
    DataError
        If a commit has no metrics, or the gate has not judged the change.
    OilcanError
        If DVC cannot compare their parameters.
    """
    paired: list[Difference] = []
    worse: list[Comparison] = []
    not_paired = ""
    try:
        paired, worse = _compare_forecasts(base, head, review)
    except OilcanError as err:
        not_paired = str(err)
    figures = _figures(base.json(METRICS), head.json(METRICS), {each.name: each for each in paired})
    return Changes(
        base, head, figures, not_paired, worse, _params(root, base, head), _files(root, base, head),
        {path: (base.outputs.get(path, ""), head.outputs.get(path, ""))
         for path in sorted(base.outputs | head.outputs)
         if path.startswith(_OUTPUTS) and base.outputs.get(path) != head.outputs.get(path)},
        _verdict(head), _audit(root),
        [each.name for each in figures if each.base is not None and each.head is None])


def _verdict(commit: Commit) -> dict[str, Any]:
    """Decision and reasons of the gate; commits before the details had a file of their own hold both in one."""
    detail = "metrics/detail/review.json"
    return commit.json(detail if commit.text(detail) is not None else "metrics/review.json")


def _figures(base: Mapping[str, Any], head: Mapping[str, Any], paired: Mapping[str, Difference]) -> list[Figure]:
    """Events first, then costs, then the rest; intervals are no figures of their own."""
    old, new = dict(_flat(base)), dict(_flat(head))
    names = sorted((name for name in old | new if not name.endswith("_ci95")), key=_rank)
    return [Figure(name, old.get(name), new.get(name), old.get(f"{name}_ci95"), new.get(f"{name}_ci95"),
                   paired.get(name)) for name in names]


def _rank(name: str) -> tuple[int, str]:
    order = ("events", "costs")
    block = name.partition(".")[0]
    return (order.index(block) if block in order else len(order), name)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, int | float | list) and not isinstance(value, bool):
            yield f"{prefix}{name}", value


def _compare_forecasts(base: Commit, head: Commit, review: ReviewParams
                       ) -> tuple[list[Difference], list[Comparison]]:
    """Paired differences, and the slices that got worse beyond noise.

    Raises
    ------
    DataError
        If forecasts or what happened are not at hand, or not for the same rows.
    """
    contract = head.contract()
    sides = [each.table("data/predictions", "predictions.parquet") for each in (base, head)]
    names = [each.name for each, table in zip((base, head), sides, strict=True) if table is None]
    if names:
        raise DataError(f"the forecasts of {' and '.join(names)} are not in the cache. `dvc fetch` brings "
                        f"them if a remote has them.")
    old, new = (Forecasts(TableInMemory(table), each.json("models/model.json").get("policies", {}))
                for each, table in zip((base, head), sides, strict=True) if table is not None)
    fleet = _fleet(head, contract)
    paired = differences(fleet, old, new, draws=review.bootstrap, seed=review.seed)
    return paired, _worse_slices(contract, fleet.machines, old, new, review, _policy(head))


def _fleet(commit: Commit, contract: Contract) -> Fleet:
    tables: dict[str, pd.DataFrame] = {}
    for name in ("rows", "errors", "maintenance", "failures", "machines"):
        table = commit.table("data/prepared", f"{name}.parquet")
        if table is None and name in ("rows", "machines"):
            raise DataError(f"data/prepared of {commit.name} is not in the cache. `dvc fetch` brings it if a "
                            f"remote has it.")
        tables[name] = pd.DataFrame() if table is None else table
    return Fleet(contract=contract, rows=TableInMemory(tables.pop("rows")), readings=pd.DataFrame(), **tables)


def _policy(commit: Commit) -> GatePolicy:
    """The policy of the gate; that of the checkout for commits that are older than the file."""
    text = commit.text("gate.yaml") or (commit.root / "gate.yaml").read_text(encoding="utf-8")
    return section(GatePolicy, parse_yaml(text), "gate.yaml")


def _worse_slices(contract: Contract, machines: pd.DataFrame, old: Forecasts, new: Forecasts, review: ReviewParams,
                  policy: GatePolicy) -> list[Comparison]:
    test = old.part("test")
    champion = test[[name for name in test if name in KEY or str(name).startswith(("p_", "rul_", "value_"))]]
    task = contract.headline()[0]
    both = compare.rival(contract, task, new.part("test"), champion)
    if both is None:
        return []
    found = compare.everywhere(both, compare.slices_of(contract, machines, both), policy, review)
    return [each for each in found if each.is_slice and each.gain_high < 0]


def _params(root: Path, base: Commit, head: Commit) -> dict[str, tuple[Any, Any]]:
    done = call_dvc(root, "params", "diff", "--json", base.digest, head.digest)
    if done.returncode:
        raise OilcanError(f"params.yaml: DVC cannot compare {base.name} and {head.name}:\n{printed(done)}\n"
                          f"Fix that first.")
    changed: dict[str, tuple[Any, Any]] = {}
    for values in json.loads(done.stdout or "{}").values():
        changed |= {name: (pair.get("old"), pair.get("new")) for name, pair in sorted(values.items())}
    return changed


def _files(root: Path, base: Commit, head: Commit) -> dict[str, list[str]]:
    kinds = {"contracts": ("datasets/",),
             "pipeline": ("dvc.yaml", "data/dvc.yaml", "params.yaml", "monitoring.yaml", "gate.yaml"),
             "code": ("src/",), "environment": ("requirements/", "pyproject.toml")}
    paths = git(root, "diff", "--name-only", base.digest, head.digest).splitlines()
    return {kind: [path for path in paths if path.startswith(starts)] for kind, starts in kinds.items()}


def _audit(root: Path) -> str:
    faults = model_status.faults(root)
    if faults:
        return f"broken: {'; '.join(faults)}"
    entries = audit_log.entries(root)
    return f"whole, {len(entries)} entries" if entries else "no entries in this clone (branch `audit`)"

"""Data quality of a whole fleet: learn what is usual in one pass over its partitions, inspect them in a second."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

from oilcan.core import quality
from oilcan.io.stage import table_files
from oilcan.params.compute import ComputeParams


def judge_partitions(
    readings: list[Path], tables: Mapping[str, pd.DataFrame], ingested: Mapping[str, Any], scope: quality.Scope,
    compute: ComputeParams,
) -> quality.Verdict:
    """The verdict on the canonical tables of a fleet.

    Parameters
    ----------
    readings
        Part files of the canonical telemetry.
    tables
        The other canonical tables by name.
    ingested
        Counts of rows by table, as `ingest` writes them.
    """
    run = compute.side_by_side(compute.workers(len(readings)))
    profiles = run(joblib.delayed(_read_then)(quality.profile, part, scope) for part in readings)
    habits = quality.learn_habits(profiles, scope)
    findings = run(joblib.delayed(_read_then)(quality.inspect, part, scope, habits) for part in readings)
    return quality.judge(findings, habits, tables, ingested, scope)


def _read_then(check: Callable[..., Any], part: Path, *more: object) -> Any:
    return check(table_files.read_table(part), *more)

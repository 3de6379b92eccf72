"""Finished trials of a sweep as DVC experiments, so that `dvc exp show`, `apply` and `push` know them."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from oilcan.io.repository import experiments
from oilcan.io.stage.dvc_files import find_stage

METRICS: Final = "metrics/tune.json"
DECLARED: Final = "metrics/dvc.yaml"    # declares METRICS in the experiments alone: no other commit has that file
_DOWNSTREAM: Final = ("train", "evaluate", "review")        # their metrics belong to other parameters


@dataclass(frozen=True)
class Trial:
    """A finished trial.

    Attributes
    ----------
    values
        Hyper-parameters by name.
    score, folds
        Mean over the folds, and the score of each.
    """

    values: Mapping[str, Any]
    score: float
    folds: Sequence[float]
    seconds: float


def experiment_name(sweep: str, at: int) -> str:
    """Name of the experiment of trial `at`.

    Examples
    --------
    >>> experiment_name("tune-failure-a1b2c3", 7)
    'tune-failure-a1b2c3-007'
    """
    return f"{sweep}-{at:03d}"


def record_trials(root: Path, sweep: str, trials: Sequence[Trial], *, metric: str, section: str) -> None:
    """Write every trial that is not an experiment yet, including those that a killed sweep did not write.

    Parameters
    ----------
    section
        Of `train` in params.yaml, in which a trial's values stand.

    Raises
    ------
    OilcanError
        If git refuses.
    """
    written = experiments.names(root)
    without = [out for stage in _DOWNSTREAM for out in find_stage(root, stage).outs if out.startswith("metrics/")]
    for at, trial in enumerate(trials):
        name = experiment_name(sweep, at)
        if name not in written:
            changed = {"params.yaml": _params_text(root, section, trial.values),
                       METRICS: _metrics_text(metric, trial), DECLARED: f"metrics:\n- {Path(METRICS).name}\n"}
            experiments.record(root, name, changed, without=without,
                               message=f"oilcan tune: trial {at}, {metric} {trial.score:.6f}")


def _metrics_text(metric: str, trial: Trial) -> str:
    figures = {"metric": metric, "score": round(trial.score, 6), "seconds": trial.seconds,
               "folds": {str(fold): round(value, 6) for fold, value in enumerate(trial.folds)}}
    return json.dumps(figures, indent=2, sort_keys=True) + "\n"


def _params_text(root: Path, section: str, values: Mapping[str, Any]) -> str:
    """params.yaml with a trial's values, comments kept, as `dvc exp run -S` would write it."""
    from dvc.utils.serialize import modify_yaml  # here: DVC takes half a second to import

    with tempfile.TemporaryDirectory(prefix="oilcan-params-") as folder:
        draft = Path(folder) / "params.yaml"
        draft.write_text((root / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
        with modify_yaml(str(draft)) as content:
            content["train"][section].update(values)
        return draft.read_text(encoding="utf-8")

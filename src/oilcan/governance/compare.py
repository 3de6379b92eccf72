"""How much better is the challenger than the champion on the very same rows?

Both forecasts of each row go through the same resampled machines, so what makes a month hard for
one makes it hard for the other and cancels.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.core.judging import bootstrap
from oilcan.core.judging.class_probabilities import class_probabilities
from oilcan.core.model.fitted import NUMBER
from oilcan.governance.gate import Comparison, NotCompared
from oilcan.ground.columns import KEY, MACHINE, PART
from oilcan.ground.errors import DataError
from oilcan.params.review import ReviewParams


@dataclass(frozen=True)
class Rival:
    """Forecasts of both models for the same rows of a test part, each array of shape (n,)."""

    machine_id: np.ndarray
    target: np.ndarray          # 0 or 1; or remaining life in ticks, a number
    challenger: np.ndarray
    champion: np.ndarray
    is_event: bool              # average precision; else RMSE

    @property
    def metric(self) -> str:
        """Name of the metric compared."""
        return "pr_auc" if self.is_event else "rmse"

    def of_rows(self, kept: np.ndarray) -> "Rival":
        """The same for some of the rows."""
        return Rival(self.machine_id[kept], self.target[kept], self.challenger[kept], self.champion[kept],
                     self.is_event)


def compare(rival: Rival, where: str, *, draws: int, seed: int) -> Comparison | None:
    """Gain of the challenger as a share of the champion's value, with a 95 % interval.

    Returns
    -------
    None where the metric is not defined on these rows (no failure among them).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> target = (rng.random(400) < 0.2).astype(float)
    >>> good, poor = target + rng.normal(0, 0.3, 400), target + rng.normal(0, 3.0, 400)
    >>> machines = np.repeat(np.arange(40), 10)
    >>> compare(Rival(machines, target, good, poor, True), "test part", draws=50, seed=1).gain_low > 0
    True
    """
    known = ~np.isnan(rival.target)
    rival = rival.of_rows(known)
    if not known.any() or (rival.is_event and not (rival.target == 1).any()):
        return None
    machines, code = np.unique(rival.machine_id, return_inverse=True)
    weights = np.vstack([np.ones(len(machines)), bootstrap.multiplicities(len(machines), draws, seed)])
    new, old = (_values(rival, forecast, code, weights) for forecast in (rival.challenger, rival.champion))
    sign = 1.0 if rival.is_event else -1.0
    gains = sign * (new - old) / np.where(old == 0, np.nan, np.abs(old))
    low, high = bootstrap.interval(gains[1:]) or (gains[0], gains[0])
    return Comparison(rival.metric, where, float(old[0]), float(new[0]), float(gains[0]), float(low), float(high))


def _values(rival: Rival, forecast: np.ndarray, code: np.ndarray, weights: np.ndarray) -> np.ndarray:
    if rival.is_event:
        ranking = bootstrap.Ranking.of(code, rival.target, forecast)
        return np.array([ranking.auc_ap(draw)[1] for draw in weights])
    return np.sqrt(bootstrap.mean(code, (forecast - rival.target) ** 2, weights))


def against_champion(contract: Contract, predictions: pd.DataFrame, machines: pd.DataFrame,
                     champion: pd.DataFrame | None, params: ReviewParams) -> list[Comparison | NotCompared]:
    """Comparison of every task on the test part and on its slices, the headline task first.

    Parameters
    ----------
    predictions
        The challenger's, as in predictions.parquet.
    machines
        Canonical table; its columns named by the contract's `slices` divide the rows.
    champion
        Key and forecasts of the champion for the same test rows in the same order; None without a champion.

    Raises
    ------
    DataError
        If the rows differ, the champion does not forecast the headline task, or nothing failed in the test part.
    """
    if champion is None:
        return []
    headline = contract.headline()[0]
    done: list[Comparison | NotCompared] = []
    for task in sorted(contract.tasks, key=lambda name: name != headline):
        both = rival(contract, task, predictions, champion)
        if both is None:
            done.append(NotCompared(task, "the champion does not forecast it"))
            continue
        ending = "" if task == headline else f", task {task}"
        compared = [replace(each, where=each.where + ending, task=task)
                    for each in everywhere(both, slices_of(contract, machines, both), params)]
        if not compared and task == headline:
            raise DataError("review: no failure in the test part, so champion and challenger cannot be compared. "
                            "Choose a longer test part in the contract (split.test).")
        done += compared or [NotCompared(task, "nothing to forecast came true in the test part")]
    return done


def rival(contract: Contract, task: str, predictions: pd.DataFrame, champion: pd.DataFrame) -> Rival | None:
    """Both models' forecasts of one task for the test rows; None if the champion does not forecast this task.

    Raises
    ------
    DataError
        If the rows differ, or the champion does not forecast the headline task.
    """
    spec = contract.tasks[task]
    column = {"rul": "rul_", "number": NUMBER}.get(spec.kind, "p_") + task
    wanted = [name for name in predictions if str(name) == column or str(name).startswith(f"p_{task}__")]
    if spec.kind != "class":
        wanted = [column]
    test = predictions[predictions[PART] == "test"].reset_index(drop=True)
    key = [name for name in KEY if name in test]
    is_forecast = set(wanted) <= set(champion)
    if not test[key].equals(champion[key]) or (not is_forecast and task == contract.headline()[0]):
        raise DataError(
            f"models/champion: cannot be judged on this test part (wanted {wanted} for {len(test):,} rows, found "
            f"{sorted(set(champion) - set(KEY))} for {len(champion):,}). It is for another task or data set: promote "
            f"without a champion by setting `bundle` to null in models/champion.json."
        )
    if not is_forecast:
        return None
    target = test[f"target_{task}"].to_numpy(dtype=np.float64)
    if spec.kind == "class":
        return _of_classes(contract.classes(task), task, test, champion, target)
    if spec.cap is not None:
        target = np.minimum(target, spec.cap.ticks)
    is_event = spec.kind in {"failure_within", "label"}
    return Rival(test[MACHINE].to_numpy(), target, test[column].to_numpy(), champion[column].to_numpy(), is_event)


def _of_classes(classes: list[str], task: str, test: pd.DataFrame, champion: pd.DataFrame, target: np.ndarray) -> Rival:
    """Both models' probability of the class that came true, where 1 is best: compared by its RMSE."""
    is_known = ~np.isnan(target)
    at = np.arange(len(test)), np.where(is_known, target, 0).astype(np.int64)
    new, old = (class_probabilities(frame, task, classes)[at] for frame in (test, champion))
    return Rival(test[MACHINE].to_numpy(), np.where(is_known, 1.0, np.nan), new, old, is_event=False)


def slices_of(contract: Contract, machines: pd.DataFrame, of: Rival) -> dict[str, np.ndarray]:
    """Rows of each value of each slice that is a column of `machines`."""
    table = machines.set_index(MACHINE)
    rows: dict[str, np.ndarray] = {}
    for name in contract.slices:
        if name in table:
            values = table[name].reindex(of.machine_id).astype("object").astype(str).to_numpy()
            rows |= {f"{name} = {value}": values == value for value in np.unique(values)}
    return rows


def everywhere(of: Rival, slices: dict[str, np.ndarray], params: ReviewParams) -> list[Comparison]:
    """The whole test part first, then each slice with enough machines and a failure; empty if nothing failed."""
    whole = compare(of, "test part", draws=params.bootstrap, seed=params.seed)
    if whole is None:
        return []
    parts = {name: of.of_rows(rows) for name, rows in sorted(slices.items())}
    found = [
        compare(part, name, draws=params.bootstrap, seed=params.seed)
        for name, part in parts.items()
        if len(np.unique(part.machine_id)) >= params.min_slice_machines
    ]
    return [whole, *(replace(comparison, is_slice=True) for comparison in found if comparison is not None)]

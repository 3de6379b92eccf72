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
from oilcan.governance.event_comparison import Alarms, of_alarms
from oilcan.governance.gains import gain
from oilcan.governance.gate_findings import Comparison, NotCompared
from oilcan.ground.columns import KEY, MACHINE, PART
from oilcan.ground.errors import DataError
from oilcan.params.operating.gate_policy import GatePolicy, MetricLine, MetricName, SliceRules
from oilcan.params.stages.review import ReviewParams


@dataclass(frozen=True)
class PairedForecasts:
    """Forecasts of both models for the same rows of a test part, each array of shape (n,)."""

    machine_id: np.ndarray
    target: np.ndarray          # 0 or 1; or remaining life in ticks, a number
    challenger: np.ndarray
    champion: np.ndarray
    is_event: bool              # average precision; else RMSE

    @property
    def metrics(self) -> tuple[MetricName, ...]:
        """Names of the metrics that can be compared, the headline first."""
        return ("pr_auc", "brier") if self.is_event else ("rmse",)

    def of_rows(self, kept: np.ndarray) -> "PairedForecasts":
        """The same for some of the rows."""
        return PairedForecasts(self.machine_id[kept], self.target[kept], self.challenger[kept], self.champion[kept],
                     self.is_event)


def compare(rival: PairedForecasts, where: str, line: MetricLine, *, draws: int, seed: int) -> Comparison | None:
    """Gain of the challenger in one figure, with a 95 % interval.

    Returns
    -------
    None where the metric is not defined on these rows (no failure among them).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> target = (rng.random(400) < 0.2).astype(float)
    >>> good, poor = target + rng.normal(0, 0.3, 400), target + rng.normal(0, 3.0, 400)
    >>> machines = np.repeat(np.arange(40), 10)
    >>> line = MetricLine(metric="pr_auc", better="higher", floor=None, tolerated=0.02, measure="share", by="interval",
    ...                   reason="an example of a line")
    >>> compare(PairedForecasts(machines, target, good, poor, True), "test part", line, draws=50, seed=1).gain_low > 0
    True
    """
    known = ~np.isnan(rival.target)
    rival = rival.of_rows(known)
    if not known.any() or (rival.is_event and not (rival.target == 1).any()):
        return None
    machines, code = np.unique(rival.machine_id, return_inverse=True)
    weights = np.vstack([np.ones(len(machines)), bootstrap.multiplicities(len(machines), draws, seed)])
    new, old = (_values(rival, forecast, line.metric, code, weights)
                for forecast in (rival.challenger, rival.champion))
    return gain(line, new, old, where)


def _values(rival: PairedForecasts, forecast: np.ndarray, metric: str, code: np.ndarray, weights: np.ndarray
            ) -> np.ndarray:
    if metric == "pr_auc":
        ranking = bootstrap.Ranking.of(code, rival.target, forecast)
        return np.array([ranking.auc_ap(draw)[1] for draw in weights])
    squared = bootstrap.mean(code, (forecast - rival.target) ** 2, weights)
    return squared if metric == "brier" else np.sqrt(squared)


def against_champion(contract: Contract, predictions: pd.DataFrame, machines: pd.DataFrame,
                     champion: pd.DataFrame | None, params: ReviewParams, policy: GatePolicy,
                     alarms: Alarms | None = None) -> list[Comparison | NotCompared]:
    """Comparison of every task on the test part and on its slices, the headline task first.

    Parameters
    ----------
    predictions
        The challenger's, as in predictions.parquet.
    machines
        Canonical table; its columns named by the contract's `slices` divide the rows.
    champion
        Key and forecasts of the champion for the same test rows in the same order; None without a champion.
    policy
        Of gate.yaml.
    alarms
        What both models' alarms are replayed with; None compares no alarms.

    Raises
    ------
    DataError
        If the rows differ, or the champion does not forecast the headline task.
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
        slices = _slices(contract, task, machines, predictions, both, policy)
        compared = [replace(each, where=each.where + ending, task=task)
                    for each in everywhere(both, slices, policy, params)]
        if compared and alarms is not None:
            compared += [replace(each, where=each.where + ending, task=task)
                         for each in of_alarms(contract, task, predictions, champion, alarms, policy, params)]
        done += compared or [NotCompared(task, "nothing to forecast came true in the test part",
                                        is_deciding=task == headline)]
        small = sorted(name for name, rows in slices.items() if not _is_evidence(both.of_rows(rows), policy.slices))
        if compared and small:
            done.append(NotCompared(task, f"{', '.join(small)}: too few machines or failures for a comparison"))
    return done


def rival(contract: Contract, task: str, predictions: pd.DataFrame, champion: pd.DataFrame) -> PairedForecasts | None:
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
    return PairedForecasts(test[MACHINE].to_numpy(), target, test[column].to_numpy(), champion[column].to_numpy(),
                           is_event)


def _of_classes(classes: list[str], task: str, test: pd.DataFrame, champion: pd.DataFrame, target: np.ndarray
                ) -> PairedForecasts:
    """Both models' probability of the class that came true, where 1 is best: compared by its RMSE."""
    is_known = ~np.isnan(target)
    at = np.arange(len(test)), np.where(is_known, target, 0).astype(np.int64)
    new, old = (class_probabilities(frame, task, classes)[at] for frame in (test, champion))
    return PairedForecasts(test[MACHINE].to_numpy(), np.where(is_known, 1.0, np.nan), new, old, is_event=False)


def slices_of(contract: Contract, machines: pd.DataFrame, of: PairedForecasts) -> dict[str, np.ndarray]:
    """Rows of each value of each slice that is a column of `machines`."""
    table = machines.set_index(MACHINE)
    rows: dict[str, np.ndarray] = {}
    for name in contract.slices:
        if name in table:
            values = table[name].reindex(of.machine_id).astype("object").astype(str).to_numpy()
            rows |= {f"{name} = {value}": values == value for value in np.unique(values)}
    return rows


def _slices(contract: Contract, task: str, machines: pd.DataFrame, predictions: pd.DataFrame, of: PairedForecasts,
            policy: GatePolicy) -> dict[str, np.ndarray]:
    """Rows of the contract's slices, and of each failure mode that occurred: its failures among rows without any."""
    rows = slices_of(contract, machines, of)
    if not policy.slices.modes or not of.is_event:
        return rows
    test, prefix = predictions[predictions[PART] == "test"].reset_index(drop=True), f"target_{task}__"
    for column in (str(name) for name in test if str(name).startswith(prefix)):
        failing = test[column].to_numpy(np.float64) == 1
        if failing.any():
            rows[f"failure mode = {column.removeprefix(prefix)}"] = failing | (of.target == 0)
    return rows


def everywhere(of: PairedForecasts, slices: dict[str, np.ndarray], policy: GatePolicy, params: ReviewParams
               ) -> list[Comparison]:
    """The whole test part first, then each slice with enough machines and failures; empty if nothing failed.

    Slices are compared by the headline metric alone.
    """
    lines = [line for name in of.metrics if (line := policy.line(name)) is not None and line.tolerated is not None]
    whole = [compare(of, "test part", line, draws=params.bootstrap, seed=params.seed) for line in lines]
    done = [comparison for comparison in whole if comparison is not None]
    if not done or lines[0].metric != of.metrics[0]:
        return done
    parts = {name: of.of_rows(rows) for name, rows in sorted(slices.items())}
    found = [
        compare(part, name, lines[0], draws=params.bootstrap, seed=params.seed)
        for name, part in parts.items() if _is_evidence(part, policy.slices)
    ]
    return [*done, *(replace(comparison, is_slice=True) for comparison in found if comparison is not None)]


def _is_evidence(part: PairedForecasts, rules: SliceRules) -> bool:
    """Whether a slice has enough machines, and enough of them failed where a failure is forecast."""
    is_enough = len(np.unique(part.machine_id)) >= rules.fewest_machines
    failed = len(np.unique(part.machine_id[part.target == 1]))
    return is_enough and (not part.is_event or failed >= rules.fewest_failures)

"""The tables behind the pictures: DVC draws them and compares them across commits, and the report draws them.

Every table is there for every data set; one that does not apply has no rows. Curves are thinned to
some 300 points, always the same ones for the same data.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from oilcan.contract import Contract, Costs
from oilcan.core.alarms.policy import AlarmPolicy
from oilcan.core.judging import costs, row_metrics
from oilcan.core.judging.event_matching import EventCounts
from oilcan.evaluation import hazard_quality, machine_ranking
from oilcan.evaluation.event_rows import EventRows
from oilcan.evaluation.life_quality import LifeRows
from oilcan.evaluation.results import false_alarm_rate
from oilcan.ground.time_units import in_unit

RULES: Final = ("always", "age", "error_codes", "limits")
POLICIES: Final = ("run_to_failure", "periodic", *RULES, "perfect")
COLUMNS: Final[dict[str, list[str]]] = {
    "roc": ["false_positive_rate", "true_positive_rate", "without_skill"],
    "pr": ["recall", "precision", "prevalence"],
    "calibration": ["forecast", "frequency", "ideal", "n"],
    "cost_curve": ["threshold", "model", *POLICIES],
    "cost_ratio": ["missed_over_false_alarm", "model", *POLICIES],
    "alarms_curve": ["false_alarms", "detected_share", "threshold"],
    "machines_pr": machine_ranking.COLUMNS,
    "importance": ["words", "sensor", "loss", "low", "high"],
    "outlook": hazard_quality.COLUMNS,
    "lead_time": ["lead_time", "failures"],
    "score_histogram": ["p", "no_failure", "failure"],
    "confusion": ["actual", "forecast", "n"],
    "rul_scatter": ["actual", "forecast", "low", "high"],
    "rul_error": ["actual", "rmse", "bias", "coverage", "n"],
}
Periodic = Callable[[Costs], costs.PeriodicPolicy] | None      # the best planned interval at given prices
_POINTS: Final = 300
_BINS: Final = 20
_RATIOS: Final = 25


def empty() -> dict[str, pd.DataFrame]:
    """Every table, without rows."""
    return {name: pd.DataFrame(columns=names, dtype="float64") for name, names in COLUMNS.items()}


def thin(table: pd.DataFrame, x: str, y: str, points: int = _POINTS) -> pd.DataFrame:
    """At most `points` rows of a curve, both ends kept, evenly spaced along its length.

    Examples
    --------
    >>> thin(pd.DataFrame({"x": range(101), "y": range(101)}), "x", "y", points=3)["x"].tolist()
    [0, 50, 100]
    """
    if len(table) <= points:
        return table.reset_index(drop=True)
    steps = sum(np.abs(np.diff(table[axis])) / (np.ptp(table[axis]) or 1.0) for axis in (x, y))
    length = np.concatenate([[0.0], np.cumsum(steps)])
    at = np.unique(np.searchsorted(length, np.linspace(0.0, length[-1], points) - 1e-9).clip(0, len(table) - 1))
    return table.iloc[at].reset_index(drop=True)


def event_tables(validation: EventRows, test: EventRows, p_validation: np.ndarray, p: np.ndarray,
                 policy: AlarmPolicy, periodic: Periodic, rules: dict[str, EventCounts], unit: str
                 ) -> dict[str, pd.DataFrame]:
    """Tables of an event forecast on the test rows; `validation` chooses thresholds for other prices.

    `rules` says what the simple alarm policies did on the test rows, as chosen at the contract's prices.
    """
    target, known = test.target[test.known], p[test.known]
    cuts = costs.candidate_thresholds(known)
    counts = [test.counts(p, policy.at(float(cut))) for cut in cuts]
    cuts_before = costs.candidate_thresholds(p_validation)
    before = [validation.counts(p_validation, policy.at(float(cut))) for cut in cuts_before]
    after = [test.counts(p, policy.at(float(cut))) for cut in cuts_before]
    tables = {
        "cost_curve": _cost_curve(cuts, counts, test, periodic, rules),
        "cost_ratio": _cost_ratio(before, after, test, periodic, rules),
        "score_histogram": _score_histogram(target, known),
        "confusion": _confusion(target, known >= policy.threshold),
        "calibration": _calibration(target, known),
    }
    if test.windows is not None:
        tables["alarms_curve"] = _alarms_curve(cuts, counts, unit)
        tables["lead_time"] = _lead_time(test.counts(p, policy).lead_times, test, unit)
    if (target == 1).any() and (target == 0).any():
        tables |= _ranking(target, known)
    return {name: table[COLUMNS[name]] for name, table in tables.items()}


def _ranking(target: np.ndarray, p: np.ndarray) -> dict[str, pd.DataFrame]:
    wrong, right, _ = roc_curve(target, p)
    precision, recall, _ = precision_recall_curve(target, p)
    roc = pd.DataFrame({"false_positive_rate": wrong, "true_positive_rate": right, "without_skill": wrong})
    pr = pd.DataFrame({"recall": recall[::-1], "precision": precision[::-1], "prevalence": target.mean()})
    return {"roc": thin(roc, "false_positive_rate", "true_positive_rate"), "pr": thin(pr, "recall", "precision")}


def _calibration(target: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    table = row_metrics.reliability(target, p)
    return pd.DataFrame({"forecast": table["p"], "frequency": table["frequency"], "ideal": table["p"],
                         "n": table["n"]})


def _cost_curve(cuts: np.ndarray, counts: list[EventCounts], rows: EventRows, periodic: Periodic,
                rules: dict[str, EventCounts]) -> pd.DataFrame:
    table = pd.DataFrame({"threshold": cuts, "model": [costs.policy_cost(each, rows.costs) for each in counts]})
    return table.assign(**_simple(counts[0].n_failures, rows.costs, periodic, rules))


def _simple(n_failures: int, prices: Costs, periodic: Periodic, rules: dict[str, EventCounts]) -> dict[str, float]:
    """Cost in EUR of every simple policy; NaN for those that the data do not allow."""
    failing = costs.run_to_failure(n_failures, prices)
    alarming = {name: costs.policy_cost(rules[name], prices) if name in rules else np.nan for name in RULES}
    return {"run_to_failure": failing, "perfect": costs.perfect(n_failures, prices), **alarming,
            "periodic": failing * periodic(prices).relative_cost if periodic else np.nan}


def _cost_ratio(before: list[EventCounts], after: list[EventCounts], rows: EventRows, periodic: Periodic,
                rules: dict[str, EventCounts]) -> pd.DataFrame:
    """Cost in false alarms; the threshold is chosen again on validation for each price of a missed failure."""
    prices = rows.costs
    unit = prices.false_alarm_eur
    if unit <= 0:
        return pd.DataFrame(columns=COLUMNS["cost_ratio"], dtype="float64")
    lowest = max(prices.planned_repair_eur / unit, 1.0)
    lines = []
    for ratio in np.geomspace(lowest, 20.0 * max(prices.missed_failure_eur / unit, lowest), _RATIOS):
        priced = costs.scale_missed(prices, float(ratio))
        chosen = int(np.argmin([costs.policy_cost(each, priced) for each in before]))
        simple = _simple(after[chosen].n_failures, priced, periodic, rules)
        lines.append((ratio, costs.policy_cost(after[chosen], priced) / unit,
                      *(simple[name] / unit for name in POLICIES)))
    return pd.DataFrame(lines, columns=COLUMNS["cost_ratio"])


def _alarms_curve(cuts: np.ndarray, counts: list[EventCounts], unit: str) -> pd.DataFrame:
    scale = false_alarm_rate(unit)[1]
    lines = [(each.false_alarms / (each.exposure / scale), each.detected / each.n_failures, cut)
             for cut, each in zip(cuts, counts, strict=True) if each.exposure and each.n_failures]
    return pd.DataFrame(lines, columns=COLUMNS["alarms_curve"], dtype="float64")


def _lead_time(lead_times: np.ndarray, rows: EventRows, unit: str) -> pd.DataFrame:
    edges = np.linspace(rows.lead_time, rows.lead_time + rows.horizon, _BINS + 1)
    failures = np.histogram(np.clip(lead_times, edges[0], edges[-1]), edges)[0]
    return pd.DataFrame({"lead_time": in_unit(0.5, unit) * (edges[1:] + edges[:-1]), "failures": failures})


def _score_histogram(target: np.ndarray, p: np.ndarray) -> pd.DataFrame:
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    shares = [np.histogram(p[target == kind], edges)[0] / max((target == kind).sum(), 1) for kind in (0, 1)]
    return pd.DataFrame({"p": (edges[1:] + edges[:-1]) / 2, "no_failure": shares[0], "failure": shares[1]})


def _confusion(target: np.ndarray, alarm: np.ndarray) -> pd.DataFrame:
    names = {0: "no", 1: "yes"}
    lines = [(names[actual], names[predicted], int(((target == actual) & (alarm == bool(predicted))).sum()))
             for actual in (0, 1) for predicted in (0, 1)]
    return pd.DataFrame(lines, columns=COLUMNS["confusion"])


def life_tables(rows: LifeRows) -> dict[str, pd.DataFrame]:
    """Tables of a RUL forecast on the test rows with a known life."""
    if len(rows.target) == 0:
        return {}
    place = np.argsort(np.argsort(rows.machines.astype(str)))       # of each machine in the order of their names
    order = np.lexsort((rows.target, place[rows.code]))
    kept = order[np.unique(np.linspace(0, len(order) - 1, min(_POINTS, len(order))).round().astype(int))]
    scatter = pd.DataFrame({"actual": rows.target[kept], "forecast": rows.forecast[kept], "low": rows.low[kept],
                            "high": rows.high[kept]})
    return {"rul_scatter": scatter, "rul_error": _life_error(rows)[COLUMNS["rul_error"]]}


def _life_error(rows: LifeRows) -> pd.DataFrame:
    actual = rows.capped(rows.target)
    error = rows.capped(rows.forecast) - actual
    frame = pd.DataFrame({"bin": row_metrics.equal_mass_bins(actual), "actual": actual, "bias": error,
                          "square": error**2,
                          "coverage": ((rows.low <= actual) & (actual <= rows.high)).astype(np.float64)})
    by_bin: Any = frame.groupby("bin")
    table = by_bin[["actual", "bias", "coverage", "square"]].mean()
    return table.assign(rmse=np.sqrt(table["square"]), n=by_bin.size()).reset_index(drop=True)


def headline_of(explained: Mapping[str, Any], contract: Contract) -> str:
    """Name of the explained forecast that people see first: of the headline task, or the first of its classes."""
    name = contract.headline()[0]
    return next((each for each in explained if each == name or each.startswith(f"{name}__")), name)


def importance_table(explained: dict[str, Any], task: str | None) -> pd.DataFrame:
    """Sensors of one task as lines, the dearest first; empty if the task was not explained."""
    sensors = explained.get(task, {}).get("sensors", {}) if task else {}
    lines = [(entry["words"], name, entry["loss"], entry["loss"] - entry["spread"], entry["loss"] + entry["spread"])
             for name, entry in sensors.items()]
    ordered = sorted(lines, key=lambda line: (-line[2], line[1]))
    return pd.DataFrame(ordered, columns=COLUMNS["importance"]).astype({"words": "object", "sensor": "object"})

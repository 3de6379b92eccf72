"""The pictures of the report, from the tables of `plots`, each with a sentence on how to read it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from oilcan.evaluation.classified import false_alarm_rate
from oilcan.evaluation.svg import Axis, Drawing, Series

_POLICIES = {"run_to_failure": ("run to failure", "s1"), "periodic": ("best planned interval", "s2"),
             "perfect": ("perfect foresight", "s3")}
_NAMES = {"always": "always alarm", "age": "age rule", "error_codes": "error-code rule", "limits": "sensor limits"}


@dataclass(frozen=True)
class Chart:
    """A picture with its heading and how to read it."""

    heading: str
    caption: str
    svg: str


def charts(tables: dict[str, pd.DataFrame], metrics: dict[str, Any], unit: str) -> dict[str, list[Chart]]:
    """Pictures for the crew and manager (`decisions`) and for the data scientist (`quality`)."""
    time = "cycles" if unit == "cycles" else "hours"
    makers = {
        "decisions": [_alarms(tables, metrics, unit), _lead_time(tables, time), _cost_curve(tables, metrics),
                      _cost_ratio(tables)],
        "quality": [_calibration(tables), _histogram(tables, metrics), _pr(tables), _roc(tables),
                    _life_scatter(tables, time), _life_error(tables, time)],
    }
    return {name: [chart for chart in made if chart is not None] for name, made in makers.items()}


def _alarms(tables: dict[str, pd.DataFrame], metrics: dict[str, Any], unit: str) -> Chart | None:
    table = tables["alarms_curve"]
    if table.empty:
        return None
    rate = false_alarm_rate(unit)[0]
    events = metrics["events"]
    series = [Series("the forecast, at every threshold", table["false_alarms"].to_numpy(),
                     table["detected_share"].to_numpy(), "s0"),
              Series("at the chosen threshold", np.array([events.get(rate, np.nan)]),
                     np.array([events.get("detected_share", np.nan)]), "s0 big", "points")]
    styles = {"always": "s4", "age": "s2", "error_codes": "s1", "limits": "s5"}
    for name, style in styles.items():
        rule = metrics.get("baselines", {}).get(name, {})
        if rule.get("detected_share") is not None and rule.get(rate) is not None:
            series.append(Series(_NAMES[name], np.array([rule[rate]]), np.array([rule["detected_share"]]),
                                 f"{style} big", "points"))
    across = "false alarms per 1000 cycles" if unit == "cycles" else "false alarms per machine and month"
    drawing = Drawing("Failures announced against false alarms", Axis(across, low=0.0),
                      Axis("failures announced", 0.0, 1.0, percent=True), series)
    return Chart("Announced failures against false alarms",
                 "Up and to the left is better. Each point of the line is one threshold; simple rules are dots.",
                 drawing.svg())


def _lead_time(tables: dict[str, pd.DataFrame], time: str) -> Chart | None:
    table = tables["lead_time"]
    if table.empty or not table["failures"].sum():
        return None
    drawing = Drawing("How early failures were announced", Axis(f"{time} from the first alarm to the failure"),
                      Axis("failures", low=0.0),
                      [Series("", table["lead_time"].to_numpy(), table["failures"].to_numpy(), "s0", "bars")])
    return Chart("How early",
                 f"Each announced failure by the {time} the crew had. Earlier is to the right.", drawing.svg())


def _cost_curve(tables: dict[str, pd.DataFrame], metrics: dict[str, Any]) -> Chart | None:
    table = tables["cost_curve"]
    if table.empty:
        return None
    table = table[table["threshold"] <= 1.0]
    x = table["threshold"].to_numpy()
    series = [Series("acting on the forecast", x, table["model"].to_numpy(), "s0")]
    series += [Series(name, x, table[policy].to_numpy(), f"{style} dashed")
               for policy, (name, style) in _POLICIES.items() if table[policy].notna().any()]
    ceiling = 1.3 * float(np.nanmax(table[["run_to_failure", "perfect"]].to_numpy()))
    drawing = Drawing("Cost at every threshold", Axis("threshold on the probability"),
                      Axis("EUR", 0.0, min(ceiling, max(float(table["model"].max()), ceiling / 1.3)) or 1.0), series,
                      [(metrics["threshold"], "chosen")])
    return Chart("Cost at every threshold",
                 "The threshold was chosen before, on other data; a flat valley around it means that the choice is "
                 "not delicate.", drawing.svg())


def _cost_ratio(tables: dict[str, pd.DataFrame]) -> Chart | None:
    table = tables["cost_ratio"]
    if table.empty:
        return None
    x, unit = table["missed_over_false_alarm"].to_numpy(), table["run_to_failure"].replace(0.0, np.nan)
    series = [Series("acting on the forecast", x, (table["model"] / unit).to_numpy(), "s0")]
    series += [Series(name, x, (table[policy] / unit).to_numpy(), f"{style} dashed")
               for policy, (name, style) in _POLICIES.items() if table[policy].notna().any()]
    drawing = Drawing("Cost for other prices", Axis("price of a missed failure, in false alarms", log=True),
                      Axis("cost, run to failure = 100 %", 0.0, 1.5, percent=True), series)
    return Chart("If the prices were others",
                 "For each price of a missed failure the threshold is chosen anew. Below 100 % the forecast pays.",
                 drawing.svg())


def _calibration(tables: dict[str, pd.DataFrame]) -> Chart | None:
    table = tables["calibration"]
    if table.empty:
        return None
    top = float(max(table["forecast"].max(), table["frequency"].max(), 1e-3))
    drawing = Drawing("Forecast probability against observed frequency",
                      Axis("forecast probability", 0.0, top, percent=top > 0.02),
                      Axis("observed frequency", 0.0, top, percent=top > 0.02),
                      [Series("ideal", np.array([0.0, top]), np.array([0.0, top]), "ghost"),
                       Series("15 groups of equal size", table["forecast"].to_numpy(),
                              table["frequency"].to_numpy(), "s0", "points")])
    return Chart("Does 30 % mean 30 %?",
                 "Dots on the line: what was forecast is what happened. Above it, the forecast was too low.",
                 drawing.svg())


def _histogram(tables: dict[str, pd.DataFrame], metrics: dict[str, Any]) -> Chart | None:
    table = tables["score_histogram"]
    if table.empty:
        return None
    drawing = Drawing("Forecast probability by what happened", Axis("forecast probability", 0.0, 1.0),
                      Axis("share of rows", low=0.0, percent=True),
                      [Series("no failure followed", table["p"].to_numpy(), table["no_failure"].to_numpy(), "s3",
                              "bars"),
                       Series("a failure followed", table["p"].to_numpy(), table["failure"].to_numpy(), "s1", "bars")],
                      [(metrics["threshold"], "threshold")])
    return Chart("How far apart", "The less the two overlap, the better the forecast tells them apart.", drawing.svg())


def _pr(tables: dict[str, pd.DataFrame]) -> Chart | None:
    return _curve(tables["pr"], "recall", "precision", "prevalence", "Precision and recall, by row",
                  "Share of the warned rows that were right, against the share of the due rows that were warned.")


def _roc(tables: dict[str, pd.DataFrame]) -> Chart | None:
    return _curve(tables["roc"], "false_positive_rate", "true_positive_rate", "without_skill", "ROC, by row",
                  "Due rows warned against healthy rows warned. The dashed line is a coin.")


def _curve(table: pd.DataFrame, x: str, y: str, chance: str, heading: str, caption: str) -> Chart | None:
    if table.empty:
        return None
    drawing = Drawing(heading, Axis(x.replace("_", " "), 0.0, 1.0), Axis(y.replace("_", " "), 0.0, 1.0),
                      [Series("by chance", table[x].to_numpy(), table[chance].to_numpy(), "ghost"),
                       Series("the forecast", table[x].to_numpy(), table[y].to_numpy(), "s0")])
    return Chart(heading, caption, drawing.svg())


def _life_scatter(tables: dict[str, pd.DataFrame], time: str) -> Chart | None:
    table = tables["rul_scatter"]
    if table.empty:
        return None
    top = float(max(table["forecast"].max(), table["high"].max(), 1.0))
    across = float(max(table["actual"].max(), 1.0))
    drawing = Drawing("Remaining life: forecast against truth", Axis(f"true remaining {time}", 0.0, across),
                      Axis(f"forecast remaining {time}", 0.0, top),
                      [Series("ideal", np.array([0.0, min(top, across)]), np.array([0.0, min(top, across)]), "ghost"),
                       Series("forecast with its 90 % interval", table["actual"].to_numpy(),
                              table["forecast"].to_numpy(), "s0", "points", table["low"].to_numpy(),
                              table["high"].to_numpy())])
    return Chart("Remaining life", "Some 300 test rows. Dots below the line: the machine lived longer than forecast.",
                 drawing.svg())


def _life_error(tables: dict[str, pd.DataFrame], time: str) -> Chart | None:
    table = tables["rul_error"]
    if table.empty:
        return None
    x = table["actual"].to_numpy()
    drawing = Drawing("Error of the remaining life", Axis(f"true remaining {time}"), Axis(f"{time}"),
                      [Series("typical error (RMSE)", x, table["rmse"].to_numpy(), "s0"),
                       Series("bias (forecast minus truth)", x, table["bias"].to_numpy(), "s1")])
    return Chart("Error by remaining life", "The left end matters most: there the failure is near.", drawing.svg())

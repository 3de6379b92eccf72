"""Pictures of the forecast itself: is it right, how far apart, by machine, by part of the fleet, by horizon."""

from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.reports.drawing.svg import Axis, Chart, Drawing, Series

_STYLES: Final = ("s0", "s1", "s2", "s3", "s4", "s5")


def quality_charts(tables: dict[str, pd.DataFrame], metrics: dict[str, Any], slices: dict[str, Any], time: str,
                   *, has_time: bool) -> list[Chart | None]:
    """Everything that can be drawn, None where a table has no rows; `time` is its unit in words, as `seconds`."""
    return [_calibration(tables), *_by_slice(slices), _outlook(tables, time), _machines(tables),
            _histogram(tables, metrics, has_time=has_time), _pr(tables), _roc(tables), _life_scatter(tables, time),
            _life_error(tables, time)]


def _by_slice(slices: dict[str, Any]) -> list[Chart | None]:
    """One picture per slice: forecast against frequency, a line for each of its larger values."""
    found: list[Chart | None] = []
    for name, by in slices.items():
        drawn = [(value, numbers) for value, numbers in sorted(by.items(), key=lambda pair: -pair[1]["n"])
                 if len(numbers.get("reliability", {}).get("p", [])) > 1][:len(_STYLES)]
        if not drawn:
            continue
        points = [np.array(numbers["reliability"][key]) for _, numbers in drawn for key in ("p", "frequency")]
        top = max(float(np.concatenate(points).max()), 1e-3)
        lines = [Series(f"{value} (off by {100 * numbers['ece']:.1f} points)", np.array(numbers["reliability"]["p"]),
                        np.array(numbers["reliability"]["frequency"]), style)
                 for (value, numbers), style in zip(sorted(drawn), _STYLES, strict=False)]
        ideal = Series("ideal", np.array([0.0, top]), np.array([0.0, top]), "ghost")
        words = name.replace("_", " ")
        drawing = Drawing(f"Forecast probability against observed frequency, by {words}",
                          Axis("forecast probability", 0.0, top, percent=top > 0.02),
                          Axis("observed frequency", 0.0, top, percent=top > 0.02), [ideal, *lines])
        found.append(Chart(f"Does 30 % mean 30 %, by {words}?",
                           "Five groups of equal size each. A line above the dashed one: the forecast is too low "
                           "there; below: too high.", drawing.svg()))
    return found


def _outlook(tables: dict[str, pd.DataFrame], time: str) -> Chart | None:
    table = tables["outlook"]
    if table.empty:
        return None
    x = table["horizon"].to_numpy()
    series = []
    for ending, words, style in (("_top", "riskiest tenth", "s1"), ("", "all rows", "s0")):
        series += [Series(f"{words}, forecast", x, table[f"forecast{ending}"].to_numpy(), style),
                   Series(f"{words}, what came", x, table[f"observed{ending}"].to_numpy(), style, "points")]
    top = float(table[["forecast_top", "observed_top"]].max(axis=None))
    drawing = Drawing("Failures by each horizon, forecast and seen", Axis(f"{time} ahead", low=0.0),
                      Axis("share that failed by then", 0.0, max(top, 1e-3), percent=top > 0.02), series)
    return Chart("When", "How many fail by each horizon. Dots on their line: the forecast of when is right on average.",
                 drawing.svg())


def _machines(tables: dict[str, pd.DataFrame]) -> Chart | None:
    table = tables["machines_pr"]
    if table.empty:
        return None
    recall = table["recall"].to_numpy()
    series = [Series("by chance", recall, table["prevalence"].to_numpy(), "ghost"),
              Series("95 % interval", recall, table["low"].to_numpy(), "s0 dashed"),
              Series("", recall, table["high"].to_numpy(), "s0 dashed"),
              Series("the forecast", recall, table["precision"].to_numpy(), "s0")]
    rule = table[table["rule"].notna()]
    if len(rule):
        series.append(Series("sensor limits", rule["recall"].to_numpy()[-1:], rule["rule"].to_numpy()[-1:], "s5 big",
                             "points"))
    drawing = Drawing("Precision and recall, by machine", Axis("machines that failed, found", 0.0, 1.0, percent=True),
                      Axis("of machines named, failed", 0.0, 1.0, percent=True), series)
    return Chart("Does it pick the right machines?",
                 "Each machine counts once, with its highest probability. Up and to the right is better.",
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


def _histogram(tables: dict[str, pd.DataFrame], metrics: dict[str, Any], *, has_time: bool) -> Chart | None:
    table = tables["score_histogram"]
    if table.empty:
        return None
    no, yes = ("no failure followed", "a failure followed") if has_time else ("negative rows", "positive rows")
    drawing = Drawing("Forecast probability by what happened", Axis("forecast probability", 0.0, 1.0),
                      Axis("share of rows", low=0.0, percent=True),
                      [Series(no, table["p"].to_numpy(), table["no_failure"].to_numpy(), "s3", "bars"),
                       Series(yes, table["p"].to_numpy(), table["failure"].to_numpy(), "s1", "bars")],
                      [(metrics["threshold"], "threshold")])
    return Chart("How far apart", "The less the two overlap, the better the forecast separates them.", drawing.svg())


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

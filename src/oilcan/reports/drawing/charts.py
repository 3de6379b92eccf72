"""The pictures of the report, from the tables of `plots`, each with a sentence on how to read it."""

from typing import Any

import numpy as np
import pandas as pd

from oilcan.core.phrasing.policy_names import name_of
from oilcan.evaluation.results import Evaluation, false_alarm_rate, false_alarm_words
from oilcan.reports.drawing.policy_styles import STYLES
from oilcan.reports.drawing.quality_charts import quality_charts
from oilcan.reports.drawing.svg import Axis, Chart, Drawing, Series

_DRAWN = ("run_to_failure", "periodic", "age", "error_codes", "limits", "always", "perfect")


def charts(found: Evaluation, unit: str, *, has_time: bool) -> dict[str, list[Chart]]:
    """Pictures for the crew and manager (`decisions`) and for the data scientist (`quality`)."""
    tables, metrics = found.tables, found.metrics
    time = {"h": "hours", "s": "seconds", "min": "minutes"}.get(unit, unit)
    makers = {
        "decisions": [_alarms(tables, metrics, unit), _lead_time(tables, time), _cost_curve(tables, metrics),
                      _cost_ratio(tables)],
        "quality": quality_charts(tables, metrics, found.slices, time, has_time=has_time),
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
    for name in ("always", "age", "error_codes", "limits"):
        rule = metrics.get("baselines", {}).get(name, {})
        if rule.get("detected_share") is not None and rule.get(rate) is not None:
            series.append(Series(name_of(name), np.array([rule[rate]]), np.array([rule["detected_share"]]),
                                 f"{STYLES[name]} big", "points"))
    across = f"false alarms per {false_alarm_words(unit)}"
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
    series += [Series(name_of(policy), x, table[policy].to_numpy(), f"{STYLES[policy]} dashed")
               for policy in _DRAWN if table[policy].notna().any()]
    ceiling = 1.3 * float(np.nanmax(table[["run_to_failure", "perfect"]].to_numpy()))
    drawing = Drawing("Cost at every threshold", Axis("threshold on the probability"),
                      Axis("EUR", 0.0, min(ceiling, max(float(table["model"].max()), ceiling / 1.3)) or 1.0), series,
                      [(metrics["threshold"], "chosen")])
    return Chart("Cost at every threshold",
                 "The threshold was chosen before, on other data; a flat valley around it means that the choice is "
                 "not delicate. Policies that cost much more than running to failure lie above the picture.",
                 drawing.svg())


def _cost_ratio(tables: dict[str, pd.DataFrame]) -> Chart | None:
    table = tables["cost_ratio"]
    if table.empty:
        return None
    x, unit = table["missed_over_false_alarm"].to_numpy(), table["run_to_failure"].replace(0.0, np.nan)
    series = [Series("acting on the forecast", x, (table["model"] / unit).to_numpy(), "s0")]
    series += [Series(name_of(policy), x, (table[policy] / unit).to_numpy(), f"{STYLES[policy]} dashed")
               for policy in _DRAWN if table[policy].notna().any()]
    drawing = Drawing("Cost for other prices", Axis("price of a missed failure, in false alarms", log=True),
                      Axis("cost, run to failure = 100 %", 0.0, 1.5, percent=True), series)
    return Chart("If the prices were others",
                 "For each price of a missed failure threshold and planned interval are chosen again; the rules "
                 "stay as they are. Below 100 % a policy pays.",
                 drawing.svg())

"""The replay as one page for a plant manager: what would have happened to us, by each policy."""

from collections.abc import Mapping
from typing import Any, Final

from oilcan.core.phrasing.quantities import number, percent
from oilcan.reports import rendering
from oilcan.reports.drawing import replay_charts

_SHOWN: Final = {
    "caught": "failures caught", "missed": "missed", "median_lead_time_h": "median lead time [h]",
    "false_alarms": "false alarms", "alerts": "alerts of the monitoring", "retrainings": "retrainings",
    "promotions": "promoted", "withheld": "held or rejected", "rollbacks": "rolled back", "cpu_s": "CPU seconds",
    "cost_eur": "cost [EUR]", "saved_eur": "saved over never [EUR]",
}  # fmt: skip
_DIGITS: Final = {"median_lead_time_h": 1, "cost_eur": 0, "saved_eur": 0, "cpu_s": 0}
_BASES: Final = ("never", "monthly", "monthly-ungated")
Results = Mapping[str, Any]


def page(results: Results) -> str:
    """HTML of the page from the results of `oilcan replay`."""
    first = [run for run in results["runs"] if run["seed"] == results["seeds"][0]]
    words = words_of(results)
    return rendering.html(
        "replay.html", name=results["data_set"], headline=headline(results), about=_about(results),
        lanes=replay_charts.year_lanes(first, words, results["begins"], results["ends"], results["change"]),
        cost=replay_charts.cost_lines(results["runs"], words, results["begins"], results["change"]),
        head=list(_SHOWN.values()), lines=_table(results), several=len(results["seeds"]) > 1,
        basis=_basis(results), stories=[(words[run["policy"]], _story(run)) for run in first],
        changed=[f"{name}: {value}" for name, value in results["changed_params"].items()],
    )  # fmt: skip


def lines(results: Results) -> list[str]:
    """The page in lines for a terminal."""
    found = [headline(results)]
    for name, words in words_of(results).items():
        figures = results["summary"][name]
        share = figures.get("share_of_monthly_saving")
        tail = "" if share is None or name in _BASES else f", {percent(share)} of what retraining every month saves"
        found.append(f"{words}: {_of(figures, 'caught')} of {_of(figures, 'failures')} failures caught, "
                     f"{_of(figures, 'false_alarms')} false alarms, {_of(figures, 'retrainings')} retrainings, "
                     f"{_of(figures, 'cost_eur')} EUR{tail}")
    return found


def headline(results: Results) -> str:
    """What would have happened to us, in one sentence: the cheapest policy against never retraining."""
    summary = results["summary"]
    cost = {name: figures["cost_eur"]["mean"] for name, figures in summary.items()}
    best = min(cost, key=lambda name: (cost[name], summary[name]["retrainings"]["mean"]))
    of_time = f"{_of(summary['never'], 'failures')} failures"
    if best == "never":
        return (f"Nothing would have been gained by retraining: {_of(summary['never'], 'caught')} of {of_time} caught "
                f"with the model we had, for EUR {number(cost['never'])}")
    more = round(summary[best]["caught"]["mean"] - summary["never"]["caught"]["mean"], 1)
    than = "as many as" if more == 0 else f"{number(abs(more))} {'more' if more > 0 else 'fewer'} than"
    return (f"We would have paid EUR {number(cost[best])} instead of EUR {number(cost['never'])}, had we chosen to "
            f"{words_of(results)[best]}: {_of(summary[best], 'caught')} of {of_time} caught, {than} with the model we "
            f"began with, and {_of(summary[best], 'false_alarms')} false alarms instead of "
            f"{_of(summary['never'], 'false_alarms')}")


def words_of(results: Results) -> dict[str, str]:
    """Policy -> what it does in words, in the order of the page."""
    return {policy["name"]: policy["words"] for policy in results["policies"]}


def _of(figures: Mapping[str, Any], name: str) -> str:
    entry = figures.get(name)
    if entry is None:
        return "none"
    return number(round(entry["mean"], _DIGITS.get(name, 1)))


def _table(results: Results) -> list[list[str]]:
    """One line for each policy: the mean, and with several seeds its interval."""
    table = []
    for name, words in words_of(results).items():
        figures = results["summary"][name]
        line = [words]
        for figure in _SHOWN:
            entry, text = figures.get(figure), _of(figures, figure)
            if entry is not None and entry["low"] is not None:
                digits = _DIGITS.get(figure, 1)
                text += f" ({number(round(entry['low'], digits))} to {number(round(entry['high'], digits))})"
            line.append(text)
        table.append(line)
    return table


def _about(results: Results) -> str:
    changed = results["change"]
    world = "nothing changes in the world" if changed is None else f"from {changed['at'][:10]} on, {changed['words']}"
    return (f"{results['machines']} machines from {results['begins'][:10]} to {results['ends'][:10]}; {world}. At each "
            f"moment only what was known then was used; the cause of a failure was recorded "
            f"{results['labels_late_days']:g} days late.")


def _basis(results: Results) -> str:
    seeds = len(results["seeds"])
    if seeds > 1:
        return (f"Means of {seeds} fleets, in brackets the 95 % interval of the mean (Student's t). The picture of the "
                f"year shows the first fleet.")
    saved = [f"{words_of(results)[run['policy']]}: {number(run['saved_eur'])} EUR "
             f"({number(run['saved_eur_ci95'][0])} to {number(run['saved_eur_ci95'][1])})" for run in results["runs"]
             if run["policy"] != "never" and run["saved_eur_ci95"]]
    return ("One fleet. Saved over never retraining, with the 95 % interval of drawing machines again: "
            + "; ".join(saved) + ".") if saved else "One fleet."


def _story(run: Mapping[str, Any]) -> list[str]:
    return [f"{each['at'][:10]} {each['kind']}: {each['words']}" for each in run["happenings"]]

"""All plants of a repository on one page: the gate's verdict, the model in service, main figures, how old it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from oilcan.core.phrasing.quantities import between, money, number, percent
from oilcan.ground.time_units import COUNTED
from oilcan.reports import rendering

_SHOWN: Final[Mapping[str, tuple[str, Callable[[float], str]]]] = {
    "test.pr_auc": ("PR-AUC", number),
    "test.rmse": ("RUL error (RMSE)", number),
    "test.accuracy": ("accuracy", percent),
    "events.detected_share": ("failures announced in time", percent),
    "events.false_alarms_per_machine_month": ("false alarms per machine-month", number),
    **{f"events.false_alarms_per_1000_{unit}": (f"false alarms per 1000 {unit}", number) for unit in COUNTED},
    "costs.saving": ("saved over the cheapest simple policy", money),
}


@dataclass(frozen=True)
class Figure:
    """A number of the evaluation, with its 95 % interval where it has one."""

    value: float
    ci95: Sequence[float] | None


@dataclass(frozen=True)
class PlantFacts:
    """What is known of one plant; None where nothing has run or nothing is in service.

    Attributes
    ----------
    commit, made
        Newest result on the branch, and its day.
    behind
        Commits of the checkout that the branch does not have.
    last_data
        Time of the newest row that was judged: ISO 8601, or a number in the plant's own unit.
    decision, reasons
        Of the gate, about the newest result.
    champion, approved
        Version in service; who approved it, and why.
    is_candidate
        Whether the newest result is the model in service.
    retrained
        Day of the last `oilcan retrain`.
    error
        Why the last run ended, if it failed.
    links
        Reports, as addresses from the folder of the page.
    """

    name: str
    branch: str
    commit: str | None
    made: str | None
    behind: int | None
    machines: int | None
    last_data: str | float | None
    decision: str | None
    reasons: tuple[str, ...]
    champion: str | None
    approved: str | None
    is_candidate: bool
    retrained: str | None
    figures: Mapping[str, Figure]
    error: str | None
    links: tuple[str, ...]


def page(plants: Sequence[PlantFacts]) -> str:
    """HTML of the page."""
    heads = [words for name, (words, _) in _SHOWN.items() if any(name in plant.figures for plant in plants)]
    return rendering.html("plants.html", plants=plants, headline=headline(plants), heads=heads,
                          cells={plant.name: dict(_figures(plant)) for plant in plants},
                          state={plant.name: state(plant) for plant in plants},
                          last={plant.name: _last(plant) for plant in plants})


def lines(plants: Sequence[PlantFacts]) -> list[str]:
    """The page in lines for a terminal."""
    found = [headline(plants)]
    for plant in plants:
        found.append(f"{plant.name}: {state(plant)}; in service: {plant.champion or 'nothing'}")
        found += [f"  {words}: {text}" for words, text in _figures(plant)]
    return found


def headline(plants: Sequence[PlantFacts]) -> str:
    """How many plants have a model that is in service and passes the gate."""
    serving = sum(plant.champion is not None for plant in plants)
    passing = sum(plant.decision == "promote" for plant in plants)
    failed = sum(plant.error is not None for plant in plants)
    return (f"{len(plants)} plants: {serving} with a model in service, {passing} whose newest model passes the gate"
            + (f", {failed} whose last run failed" if failed else ""))


def state(plant: PlantFacts) -> str:
    """What is to be known first of one plant."""
    if plant.error is not None:
        return "the last run failed"
    if plant.commit is None:
        return "has not run"
    late = f", {plant.behind} commits behind the checkout" if plant.behind else ""
    return f"gate: {plant.decision}{late}"


def _figures(plant: PlantFacts) -> list[tuple[str, str]]:
    return [(words, form(figure.value) + (f" ({between(figure.ci95, form)})" if figure.ci95 else ""))
            for name, (words, form) in _SHOWN.items() if (figure := plant.figures.get(name)) is not None]


def _last(plant: PlantFacts) -> str:
    if plant.last_data is None:
        return "-"
    return number(plant.last_data) if isinstance(plant.last_data, int | float) else plant.last_data[:10]

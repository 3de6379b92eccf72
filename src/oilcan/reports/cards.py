"""Model card and data sheet: what to know before relying on this model or these data.

Model card after Mitchell et al. 2019, "Model Cards for Model Reporting" (FAT*); data sheet after
Gebru et al. 2021, "Datasheets for Datasets" (CACM 64(12)). Generated, so no cell is empty and nothing
is out of date; what cannot be known from the run says so.
"""

from collections.abc import Mapping
from typing import Any

from oilcan.contract import Column, Contract, Task
from oilcan.core.phrasing.quantities import between, money, number
from oilcan.governance.gate_findings import Verdict
from oilcan.reports.rendering import cell, markdown


def model_card(contract: Contract, verdict: Verdict, metrics: Mapping[str, Any], slices: Mapping[str, Any],
               model: Mapping[str, Any], owner: str) -> str:
    """The model card as Markdown.

    Parameters
    ----------
    owner
        Who answers for the model, as gate.yaml has it.
    metrics, slices, model
        Contents of metrics/detail/evaluate.json, metrics/detail/slices.json and models/model.json.
    """
    return markdown("model_card.md", contract=contract, verdict=verdict, owner=owner, facts=_facts(contract, model),
                    words=_words, money=money, has_time=contract.time.kind != "none", figures=_figures(metrics),
                    slices=_slice_rows(slices))


def data_sheet(contract: Contract, data_quality: Mapping[str, Any]) -> str:
    """The data sheet as Markdown; `data_quality` is the content of metrics/detail/data_quality.json."""
    quality = [(key, cell(value)) for key, value in sorted(_flat(data_quality).items())]
    return markdown("data_sheet.md", contract=contract, quality=quality, span=_span, label=_label)


def _facts(contract: Contract, model: Mapping[str, Any]) -> dict[str, str]:
    trained, libraries = model["trained_on"], model["libraries"]
    missing = trained.get("machines_left_out", 0)
    left_out = f"; {number(missing)} machines of a fleet too large for `train.max_rows` left out" if missing else ""
    span = f", {trained['first']} to {trained['last']}" if "first" in trained else ""
    machines = "" if contract.time.kind == "none" else f" of {number(trained['machines'])} machines"
    thresholds = ", ".join(f"{name}: {cell(cut)}" for name, cut in sorted(model["thresholds"].items()))
    return {
        "model": model["model"].replace("_", " "),
        "hyper-parameters": ", ".join(f"{name} {value}" for name, value in model["hyper_parameters"].items()),
        "seed": str(model["seed"]),
        "calibration asked for": model["calibration"],
        "alarm threshold on the probability": thresholds or "none: no event is forecast",
        "trained on": f"{number(trained['rows'])} rows{machines}{span}{left_out}",
        "learned from": "; ".join(f"{name}: {_learned(groups)}" for name, groups in model["learned_from"].items()),
        "features": f"{len(model['features'])}, plan {model['plan_hash'][:12]}",
        "libraries": ", ".join(f"{name} {version}" for name, version in sorted(libraries.items())),
    }


def _learned(groups: Mapping[str, Mapping[str, int]]) -> str:
    """How many rows of each group the trees saw; where some were left out, how that is corrected.

    Examples
    --------
    >>> _learned({"positives": {"kept": 20, "of": 20}, "others": {"kept": 400, "of": 9000}})
    '20 of 20 positives and 400 of 9,000 others (weighted to the true rate)'
    >>> _learned({"rows": {"kept": 50, "of": 50}})
    '50 of 50 rows'
    """
    said = " and ".join(f"{number(group['kept'])} of {number(group['of'])} {name}" for name, group in groups.items())
    is_thinned = len(groups) > 1 and any(group["kept"] < group["of"] for group in groups.values())
    return f"{said} (weighted to the true rate)" if is_thinned else said


def _words(task: Task) -> str:
    if task.horizon is not None and task.lead_time is not None:
        modes = ", and for each failure mode" if task.modes else ""
        return (f"the probability that the machine fails in the {task.horizon.words} that begin {task.lead_time.words} "
                f"from now{modes}.")
    if task.kind == "rul":
        return f"the remaining useful life{f', up to {task.cap.words}' if task.cap else ''}, with a 90 % interval."
    ahead = f" {task.lead_time} from now" if task.lead_time is not None and task.lead_time.ticks else ""
    if task.kind == "class":
        return f"which of its classes `{task.column}` has{ahead}, each with its probability."
    if task.kind == "number":
        return f"the number `{task.column}`{ahead}, with a 90 % interval."
    return f"the probability that `{task.column}` is true for the row."


def _figures(metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    tasks = {name: _blocks(block) for name, block in metrics.get("tasks", {}).items()}
    flat = _flat(_blocks(metrics) | {"tasks": tasks})
    return [(name, cell(value), _interval(flat.get(f"{name}_ci95")))
            for name, value in flat.items() if not name.endswith("_ci95") and not isinstance(value, list)]


def _blocks(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {part: metrics.get(part, {}) for part in ("test", "events", "costs", "achievable")}


def _slice_rows(slices: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for column, groups in sorted(slices.items()):
        if not isinstance(groups, Mapping):
            continue
        for name, values in sorted(groups.items()):
            if isinstance(values, Mapping):
                value = values.get("pr_auc", values.get("rmse"))
                rows.append({"name": f"{column} = {name}", "machines": values.get("machines", "-"),
                             "n": values.get("n", "-"),
                             "value": "too few machines" if value is None else cell(value)})
    return rows


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{name}.")
        elif value is not None:
            flat[name] = value
    return flat



def _interval(pair: list[float] | None) -> str:
    return between(pair, lambda end: number(end, 4)) if pair else "not estimated"


def _span(pair: tuple[float | None, float | None] | None) -> str:
    if pair is None:
        return "not stated"
    low, high = ("open" if end is None else number(end) for end in pair)
    return f"{low} to {high}"


def _label(column: str, spec: Column) -> str:
    return f"{column} (personal: {spec.personal})" if spec.personal else column

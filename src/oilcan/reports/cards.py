"""What must people know before they rely on this model, or use these data?

Model card after Mitchell et al. 2019, "Model Cards for Model Reporting" (FAT*); data sheet after
Gebru et al. 2021, "Datasheets for Datasets" (CACM 64(12)). Generated, so no cell is empty and nothing
is out of date; what cannot be known from the run says so.
"""

from collections.abc import Mapping
from typing import Any

import jinja2

from oilcan.contract import Column, Contract, Task
from oilcan.governance.gate import Verdict

_MODEL_CARD = """\
# Model card: {{ contract.name }}

**Verdict of the gate: {{ verdict.decision }}.** {{ verdict.reasons | join("; ") }}.

## What it forecasts
{% for name, task in contract.tasks.items() -%}
- `{{ name }}`: {{ words(task) }}
{% endfor %}
Trained on data set `{{ contract.name }}`, contract version {{ contract.version }}: {{ contract.description }}

## How it was made
| | |
|---|---|
{% for key, value in facts.items() -%}
| {{ key }} | {{ value }} |
{% endfor %}
Calibration and threshold were chosen on the validation part alone; the test part was read once.

## How good it is, on the test part
| figure | value | 95 % interval |
|---|---|---|
{% for name, value, interval in figures -%}
| {{ name }} | {{ value }} | {{ interval }} |
{% endfor %}
## Where it is better or worse
{% if slices -%}
| slice | machines | rows | average precision or RMSE |
|---|---|---|---|
{% for row in slices -%}
| {{ row.name }} | {{ row.machines }} | {{ row.n }} | {{ row.value }} |
{% endfor %}
{%- else -%}
The contract names no slices.
{% endif %}
## What the gate asked
| check | passed | found | wanted |
|---|---|---|---|
{% for check in verdict.checks -%}
| {{ check.name }} | {{ "yes" if check.passed else "**no**" }} | {{ check.found }} | {{ check.wanted }} |
{% endfor %}
## Use it for, and not for
- For planning inspections of machines of the kinds it was trained on.
- With these costs: a missed failure {{ money(contract.costs.missed_failure_eur) }},
  a false alarm {{ money(contract.costs.false_alarm_eur) }},
  a planned repair {{ money(contract.costs.planned_repair_eur) }}. With others, choose the threshold again.
- Not as a safety function, and not for machine models, sites or sensors it has not seen.
- Failures without any forerunner in the sensors cannot be announced; the share announced above says how many were.
"""

_DATA_SHEET = """\
# Data sheet: {{ contract.name }}

{{ contract.description }}

| | |
|---|---|
| contract version | {{ contract.version }} |
| licence | {{ contract.source.licence }} |
| homepage | {{ contract.source.homepage or "none stated" }} |
| citation | {{ contract.source.citation or "none stated" }} |
| retrieved | {{ contract.source.retrieved or "not stated" }} |
| time | {{ contract.time.kind }}{% if contract.time.period %}, every {{ contract.time.period }}{% endif %} |
| failures from | {{ contract.failures.source }} |

## Tables
{% for name, table in contract.tables.items() %}
### {{ name }}
{{ table.grain[:1].upper() }}{{ table.grain[1:] }}.
{%- for left in table.exclude %} Left out: {{ left.column }} = {{ left.equals }} ({{ left.reason }}).{% endfor %}

| column | type | unit | physical range | meaning |
|---|---|---|---|---|
{% for column, spec in table.columns.items() -%}
| {{ label(column, spec) }} | {{ spec.type }} | {{ spec.unit }} | {{ span(spec.range) }} | {{ spec.description }} |
{% endfor %}
{%- endfor %}
{% if contract.derived -%}
## Derived columns
| column | expression | unit | meaning |
|---|---|---|---|
{% for column, spec in contract.derived.items() -%}
| {{ column }} | `{{ spec.expression }}` | {{ spec.unit }} | {{ spec.description }} |
{% endfor %}
{%- endif %}
## Quality of this delivery
| figure | value |
|---|---|
{% for key, value in quality -%}
| {{ key }} | {{ value }} |
{% endfor %}"""


def model_card(contract: Contract, verdict: Verdict, metrics: Mapping[str, Any], slices: Mapping[str, Any],
               model: Mapping[str, Any]) -> str:
    """The model card as Markdown.

    Parameters
    ----------
    metrics, slices, model
        Contents of metrics/detail/evaluate.json, metrics/detail/slices.json and models/model.json.
    """
    return _render(_MODEL_CARD, contract=contract, verdict=verdict, facts=_facts(model), words=_words, money=_money,
                   figures=_figures(metrics), slices=_slice_rows(slices))


def data_sheet(contract: Contract, data_quality: Mapping[str, Any]) -> str:
    """The data sheet as Markdown; `data_quality` is the content of metrics/detail/data_quality.json."""
    quality = [(key, _number(value)) for key, value in sorted(_flat(data_quality).items())]
    return _render(_DATA_SHEET, contract=contract, quality=quality, span=_span, label=_label)


def _render(template: str, **values: Any) -> str:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False,  # noqa: S701  # Markdown
                                     keep_trailing_newline=True)
    return environment.from_string(template).render(**values).rstrip() + "\n"


def _facts(model: Mapping[str, Any]) -> dict[str, str]:
    trained, libraries = model["trained_on"], model["libraries"]
    span = f", {trained['first']} to {trained['last']}" if "first" in trained else ""
    thresholds = ", ".join(f"{name}: {_number(cut)}" for name, cut in sorted(model["thresholds"].items()))
    return {
        "model": model["model"].replace("_", " "),
        "hyper-parameters": ", ".join(f"{name} {value}" for name, value in model["hyper_parameters"].items()),
        "seed": str(model["seed"]),
        "calibration asked for": model["calibration"],
        "alarm threshold on the probability": thresholds or "none: no event is forecast",
        "trained on": f"{trained['rows']:,} rows of {trained['machines']:,} machines{span}",
        "features": f"{len(model['features'])}, plan {model['plan_hash'][:12]}",
        "libraries": ", ".join(f"{name} {version}" for name, version in sorted(libraries.items())),
    }


def _words(task: Task) -> str:
    if task.horizon is not None and task.lead_time is not None:
        modes = ", and for each failure mode" if task.modes else ""
        return (f"the probability that the machine fails in the {task.horizon} that begin {task.lead_time} from "
                f"now{modes}.")
    if task.kind == "rul":
        return f"the remaining useful life{f', up to {task.cap}' if task.cap else ''}, with a 90 % interval."
    return f"the probability that `{task.column}` is true for the row."


def _figures(metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    flat = _flat({part: metrics.get(part, {}) for part in ("test", "events", "costs", "achievable")})
    return [(name, _number(value), _interval(flat.get(f"{name}_ci95")))
            for name, value in flat.items() if not name.endswith("_ci95") and not isinstance(value, list)]


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
                             "value": "too few machines" if value is None else _number(value)})
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


def _number(value: Any) -> str:
    """Four digits of a fraction, all of a large number, no exponent."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
    return str(value)


def _interval(pair: list[float] | None) -> str:
    return f"{_number(pair[0])} to {_number(pair[1])}" if pair else "not estimated"


def _span(pair: tuple[float | None, float | None] | None) -> str:
    if pair is None:
        return "not stated"
    low, high = ("open" if end is None else f"{end:g}" for end in pair)
    return f"{low} to {high}"


def _label(column: str, spec: Column) -> str:
    return f"{column} (personal: {spec.personal})" if spec.personal else column


def _money(amount: float) -> str:
    return f"{amount:,.0f} EUR"

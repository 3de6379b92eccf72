"""Tables of the documents that are written from code and YAML (`make tables`), each between two marks of its name.

python -m tests.repo.docs
"""

import inspect
import re
import types
import typing
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Callable, Iterator
from typing import Any, Final

import pydantic
import yaml
from prometheus_client.metrics import MetricWrapperBase

from oilcan import cli, contract
from oilcan.ground.durations import Duration
from oilcan.io.stage.dvc_files import find_stage, load_yaml, stage_names
from oilcan.params.whole import Params
from oilcan.serving.ground.service_metrics import Metrics
from oilcan.serving.watch import watch_metrics
from tests.repo.closure import ROOT

_TYPES: Final = {int: "whole number", float: "number", str: "text", bool: "`true` or `false`", type(None): "`null`",
                 Duration: "duration", Any: "any"}
_LIMITS: Final = {"ge": ">= {}", "gt": "> {}", "le": "<= {}", "lt": "< {}", "min_length": "at least {} long"}
Model = type[pydantic.BaseModel]


def commands() -> str:
    """Every command of `oilcan` with its arguments."""
    return _table(("command", "does", "arguments"), (
        (f"`{words}`", text, "<br>".join(_arguments(parser))) for words, text, parser in _commands(cli.parser())))


def _commands(parser: ArgumentParser, words: str = "oilcan") -> Iterator[tuple[str, str, ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            helps = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, below in action.choices.items():
                inner = list(_commands(below, f"{words} {name}"))
                yield from inner or [(f"{words} {name}", helps[name], below)]


def _arguments(parser: ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        name = action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest)
        value = f" {action.metavar}" if action.option_strings and action.metavar else ""
        if name != "--help":
            yield f"`{name}{value}`: {str(action.help).replace('%(default)s', str(action.default))}"


def stages() -> str:
    """Every stage: what it does, reads and writes."""
    return _table(("stage", "does", "reads", "params", "writes"), map(_stage, stage_names(ROOT)))


def _stage(address: str) -> tuple[str, ...]:
    file, _, name = address.rpartition(":")
    desc = load_yaml(ROOT / (file or "dvc.yaml"))["stages"][name]
    entry = find_stage(ROOT, f"{address}@ai4i2020" if name == "fetch" else address)
    reads = [path for path in entry.deps if not path.startswith(("src/", "requirements/", "../"))]
    return (f"[{name}]({name}.md)", desc.get("do", desc)["desc"], _paths(reads),
            ", ".join(f"`{section}`" for section in entry.params), _paths(entry.outs))


def _paths(paths: typing.Iterable[str]) -> str:
    return ", ".join(f"`{re.sub('demo_fleet|ai4i2020', 'NAME', path)}`" for path in sorted(paths))


def parameters() -> str:
    """Every key of params.yaml: its value, what it may be, what it means."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    return _table(("parameter", "value", "may be", "meaning"), _parameters(Params, values))


def _parameters(model: Model, values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, ...]]:
    comments = dict(re.findall(r"(?m)^    (\w+): [^#\n]*?#[ ]*(.*)$", inspect.getsource(model)))
    for name, field in model.model_fields.items():
        key = field.alias or name
        if isinstance(field.annotation, type) and issubclass(field.annotation, pydantic.BaseModel):
            summary = (inspect.getdoc(field.annotation) or "").partition("\n")[0]
            yield f"**`{prefix}{key}`**", "", "", f"{summary} {_sentence(comments.get(name, ''))}".strip()
            yield from _parameters(field.annotation, values[key], f"{prefix}{key}.")
        else:
            shown = yaml.safe_dump(values[key], default_flow_style=True, width=10**6).removesuffix("\n...\n").strip()
            if name not in comments:
                raise ValueError(f"{model.__name__}.{name}: no comment on its line that says what it means")
            yield f"`{prefix}{key}`", f"`{shown}`", _may_be(field), _sentence(comments[name])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def contract_words() -> str:
    """Every word of the contract language: where it stands, what it may be, what holds if it is absent."""
    parts = [part for part in vars(contract).values()
             if isinstance(part, type) and issubclass(part, pydantic.BaseModel) and part is not contract.Contract]
    return _table(("part", "word", "may be", "if absent"), [
        ("the contract" if part is contract.Contract else f"`{part.__name__}`", f"`{field.alias or name}`",
         _may_be(field), _absent(field))
        for part in [contract.Contract, *parts] for name, field in part.model_fields.items()])


def _absent(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "" if value in (None, [], {}) or isinstance(value, pydantic.BaseModel) else f"`{value}`"


def _may_be(field: Any) -> str:
    limits = [form.format(value) for item in field.metadata for word, form in _LIMITS.items()
              if (value := getattr(item, word, None)) is not None]
    return ", ".join([_spelt(field.annotation), *limits])


def _spelt(annotation: Any) -> str:
    """A type in words.

    >>> _spelt(list[int] | None)
    'list of whole number or `null`'
    """
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _spelt(inner[0])
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_spelt(one) for one in inner)
    if origin in (list, tuple):
        return f"list of {_spelt(inner[0])}"
    if origin is dict or (origin is not None and "Mapping" in str(origin)):
        return f"{_spelt(inner[0])} to {_spelt(inner[1])}"
    return _TYPES.get(annotation) or f"`{annotation.__name__}`"


def _table(heads: tuple[str, ...], rows: typing.Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def metrics_of_requests() -> str:
    """Every metric that counts requests and what came with them."""
    meters = [meter for meter in vars(Metrics()).values() if isinstance(meter, MetricWrapperBase)]
    return _table(("metric", "type", "labels", "meaning"), (
        (f"`{meter._name}{'_total' if meter._type == 'counter' else ''}`", meter._type,
         ", ".join(f"`{label}`" for label in meter._labelnames), f"{meter._documentation}.") for meter in meters))


def metrics_of_monitoring() -> str:
    """Every metric of the monitoring: type, labels with their values, meaning."""
    return _table(("metric", "type", "labels", "meaning"), (row for group in dict.fromkeys(
        shown.group for shown in watch_metrics.TABLE) for row in _metrics(group)))


def _metrics(group: str) -> Iterator[tuple[str, ...]]:
    yield f"**{group}**", "", "", ""
    for shown in watch_metrics.TABLE:
        if shown.group == group:
            labels = [f"`{name}`: {values}" for name, values in zip(shown.labels, shown.values, strict=True)]
            yield f"`{shown.name}`", shown.kind, "<br>".join(labels), shown.meaning


TABLES: Final[dict[str, tuple[str, Callable[[], str]]]] = {     # name of the marks: page, what writes the table
    "commands": ("docs/cli.md", commands),
    "stages": ("docs/stages/README.md", stages),
    "parameters": ("docs/parameters.md", parameters),
    "contract-words": ("docs/contract-words.md", contract_words),
    "metrics-of-requests": ("docs/metrics.md", metrics_of_requests),
    "metrics-of-monitoring": ("docs/metrics.md", metrics_of_monitoring),
}


def renewed(text: str, name: str, table: str) -> str:
    """A page with one table replaced; ValueError if it lacks the marks."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(\n?<!-- /{name} -->)", re.S)
    if not marks.search(text):
        raise ValueError(f"no marks <!-- {name} --> ... <!-- /{name} -->")
    return marks.sub(lambda found: f"{found[1]}{table}<!-- /{name} -->", text)


def main() -> None:
    """Renew every table."""
    for name, (page, write) in TABLES.items():
        file = ROOT / page
        file.write_text(renewed(file.read_text(encoding="utf-8"), name, write()), encoding="utf-8")


if __name__ == "__main__":
    main()

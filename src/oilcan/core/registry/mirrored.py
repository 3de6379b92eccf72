"""What a mirror of the registry must hold, as one flat table, so that any difference is a line.

Keys are paths: `runs/KEY/params/train.seed`, `models/demo_fleet/versions/v1.2.0/bundle`,
`models/demo_fleet/aliases/champion`. Values are text, numbers as `repr` writes them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from oilcan.core.registry.model_tag import ModelTag

State = dict[str, str]
PRODUCTION: Final = "production"
CHAMPION, CHALLENGER = "champion", "challenger"


def models(tags: Iterable[ModelTag]) -> State:
    """Registered versions and aliases that tags ask for.

    The champion is the version in production. The challenger is the newest version, unless that is the champion.

    Examples
    --------
    >>> tags = [ModelTag("f@v1.0.0", "aa", {"bundle": "11"}), ModelTag("f#production#1", "aa", {"bundle": "11"}),
    ...         ModelTag("f@v1.1.0", "bb", {"bundle": "22"})]
    >>> for path, value in models(tags).items():
    ...     print(path, value)
    models/f/versions/v1.0.0/bundle 11
    models/f/versions/v1.0.0/commit aa
    models/f/versions/v1.1.0/bundle 22
    models/f/versions/v1.1.0/commit bb
    models/f/aliases/champion v1.0.0
    models/f/aliases/challenger v1.1.0
    """
    state: State = {}
    by_data_set: dict[str, list[ModelTag]] = {}
    for tag in tags:
        by_data_set.setdefault(tag.dataset, []).append(tag)
    for name, own in sorted(by_data_set.items()):
        versions = sorted((tag for tag in own if tag.version), key=_numbers)
        for tag in versions:
            state[f"models/{name}/versions/{tag.version}/bundle"] = tag.fields.get("bundle", "")
            state[f"models/{name}/versions/{tag.version}/commit"] = tag.commit
        champion = _champion(versions, own)
        if champion:
            state[f"models/{name}/aliases/{CHAMPION}"] = champion
        if versions and versions[-1].version != champion:
            state[f"models/{name}/aliases/{CHALLENGER}"] = str(versions[-1].version)
    return state


def _champion(versions: Sequence[ModelTag], tags: Iterable[ModelTag]) -> str | None:
    now = max((tag for tag in tags if tag.stage == PRODUCTION), key=lambda tag: tag.number, default=None)
    if now is None:
        return None
    return next((tag.version for tag in reversed(versions) if tag.commit == now.commit), None)


def _numbers(tag: ModelTag) -> tuple[int, ...]:
    return tuple(int(part) for part in str(tag.version).removeprefix("v").split("."))


def run(key: str, params: Mapping[str, Any], metrics: Mapping[str, Any], facts: Mapping[str, str]) -> State:
    """One run: parameters and metrics of nested mappings, and facts about where it came from.

    Examples
    --------
    >>> run("f@v1.0.0", {"train": {"seed": 3}}, {"test": {"ece": 0.25, "ece_ci95": [0.1, 0.5]}}, {"commit": "aa"})
    ... # doctest: +NORMALIZE_WHITESPACE
    {'runs/f@v1.0.0/params/train.seed': '3', 'runs/f@v1.0.0/metrics/test.ece': '0.25',
     'runs/f@v1.0.0/metrics/test.ece_ci95.0': '0.1', 'runs/f@v1.0.0/metrics/test.ece_ci95.1': '0.5',
     'runs/f@v1.0.0/facts/commit': 'aa', 'runs/f@v1.0.0/status': 'FINISHED'}
    """
    start = f"runs/{key}"
    state = {f"{start}/params/{name}": str(value) for name, value in _flat(params).items()}
    state |= {f"{start}/metrics/{name}": repr(float(value)) for name, value in _flat(metrics).items()
              if isinstance(value, int | float) and not isinstance(value, bool)}
    state |= {f"{start}/facts/{name}": value for name, value in facts.items()}
    return state | {f"{start}/status": "FINISHED"}


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    pairs = values.items() if isinstance(values, Mapping) else enumerate(values)
    found: dict[str, Any] = {}
    for name, value in pairs:
        path = f"{prefix}{name}"
        found |= _flat(value, f"{path}.") if isinstance(value, Mapping | list) else {path: value}
    return found


def differences(wanted: State, found: State) -> list[str]:
    """One line for each path that differs.

    Examples
    --------
    >>> differences({"a": "1", "b": "2"}, {"b": "3", "c": "4"})
    ['a: missing (wanted 1)', 'b: found 3, wanted 2', 'c: not of this repository (found 4)']
    """
    lines = []
    for path in sorted(wanted.keys() | found.keys()):
        if path not in found:
            lines.append(f"{path}: missing (wanted {wanted[path]})")
        elif path not in wanted:
            lines.append(f"{path}: not of this repository (found {found[path]})")
        elif wanted[path] != found[path]:
            lines.append(f"{path}: found {found[path]}, wanted {wanted[path]}")
    return lines


def part(state: State, start: str) -> State:
    """The paths below `start`, without it.

    Examples
    --------
    >>> part({"models/a/1": "x", "models/b/1": "y", "runs/7": "z"}, "models")
    {'a/1': 'x', 'b/1': 'y'}
    """
    return {path.removeprefix(f"{start}/"): value for path, value in state.items() if path.startswith(f"{start}/")}


def names(state: State, start: str) -> list[str]:
    """First words of the paths below `start`, in order of their first appearance.

    Examples
    --------
    >>> names({"models/b/1": "x", "models/a/1": "y", "models/b/2": "z"}, "models")
    ['b', 'a']
    """
    return list(dict.fromkeys(path.partition("/")[0] for path in part(state, start)))

"""What was made from what: the stages of dvc.lock as a graph of files, walked up to raw data and down to models."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class MadeBy:
    """One stage as a dvc.lock records it.

    Attributes
    ----------
    inputs, outputs
        Path -> md5.
    params
        Section of params.yaml -> its values.
    """

    stage: str
    command: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    params: Mapping[str, Any]


_Side = Callable[[MadeBy], Mapping[str, str]]


def recorded(locks: Iterable[Mapping[str, Any]]) -> list[MadeBy]:
    """All stages of some lock files, in their order.

    Examples
    --------
    >>> lock = {"stages": {"train": {"cmd": "t", "deps": [{"path": "rows", "md5": "1"}],
    ...                              "outs": [{"path": "model", "md5": "2"}]}}}
    >>> recorded([lock])[0].outputs
    {'model': '2'}
    """
    return [MadeBy(name, str(entry.get("cmd", "")), _md5(entry.get("deps", [])), _md5(entry.get("outs", [])),
                   {section: values for file in entry.get("params", {}).values() for section, values in file.items()})
            for lock in locks for name, entry in (lock.get("stages") or {}).items()]


def upstream(stages: Sequence[MadeBy], path: str) -> list[MadeBy]:
    """The stages that a file rests on, from the one that made it back to those that read raw data.

    Examples
    --------
    >>> first = MadeBy("ingest", "", {"raw": "0"}, {"rows": "1"}, {})
    >>> second = MadeBy("train", "", {"rows": "1"}, {"model": "2"}, {})
    >>> [made.stage for made in upstream([first, second], "model")]
    ['train', 'ingest']
    """
    return _walk(stages, path, lambda made: made.outputs, lambda made: made.inputs)


def downstream(stages: Sequence[MadeBy], path: str) -> list[MadeBy]:
    """The stages that rest on a file, nearest first."""
    return _walk(stages, path, lambda made: made.inputs, lambda made: made.outputs)


def _walk(stages: Sequence[MadeBy], path: str, near: _Side, far: _Side) -> list[MadeBy]:
    """Stages reached from a file: those whose `near` side touches it, then from each file of their `far` side."""
    found: list[MadeBy] = []
    waiting = [path]
    while waiting:
        here = waiting.pop(0)
        for made in stages:
            if made not in found and any(overlap(here, each) for each in near(made)):
                found.append(made)
                waiting += sorted(far(made))
    return found


def leaves(stages: Sequence[MadeBy], path: str) -> dict[str, str]:
    """Path -> md5 of what a file rests on and no stage made: raw data, contracts, code, lock files of libraries."""
    above = upstream(stages, path)
    made = {out for each in above for out in each.outputs}
    return {dep: md5 for each in above for dep, md5 in sorted(each.inputs.items())
            if not any(overlap(dep, out) for out in made)}


def overlap(one: str, other: str) -> bool:
    """Whether two paths are the same, or one lies in the other.

    Examples
    --------
    >>> overlap("data/raw", "data/raw/pumps.csv"), overlap("data/raw", "data/raw_2")
    (True, False)
    """
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _md5(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {str(entry["path"]): str(entry["md5"]) for entry in entries if "md5" in entry}

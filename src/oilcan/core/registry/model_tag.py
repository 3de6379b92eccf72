"""A tag of git that names a model, in GTO's form.

`NAME@v1.2.0` registers a version at a commit; `NAME#STAGE#7` says that the version of that commit entered a stage,
where the number counts all tags of stages of NAME. NAME is a data set.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_TAG: Final = re.compile(r"(?P<name>\w+)(?:@(?P<version>v\d+\.\d+\.\d+)|#(?P<stage>[\w-]+)#(?P<number>\d+))")


@dataclass(frozen=True)
class ModelTag:
    """An annotated tag as git has it.

    Attributes
    ----------
    commit
        That it names.
    fields
        `key: value` lines of its message: bundle, audit, by, why, ...
    at
        When it was made, seconds since 1970.
    """

    name: str
    commit: str
    fields: Mapping[str, str]
    at: int = 0

    @property
    def dataset(self) -> str:
        """The data set whose model it is about."""
        return _parsed(self.name)["name"]

    @property
    def version(self) -> str | None:
        """The version that it registers; None for a tag of a stage."""
        return _parsed(self.name)["version"]

    @property
    def stage(self) -> str | None:
        """The stage that it assigns; None for a tag of a version."""
        return _parsed(self.name)["stage"]

    @property
    def number(self) -> int:
        """Its number among the tags of stages; 0 for a tag of a version."""
        return int(_parsed(self.name)["number"] or 0)


def is_model_tag(name: str, datasets: Iterable[str]) -> bool:
    """Whether a tag is about the model of one of these data sets.

    Examples
    --------
    >>> is_model_tag("demo_fleet#production#3", ["demo_fleet"]), is_model_tag("v1.0.0", ["demo_fleet"])
    (True, False)
    """
    match = _TAG.fullmatch(name)
    return match is not None and match["name"] in set(datasets)


def _parsed(name: str) -> re.Match[str]:
    match = _TAG.fullmatch(name)
    assert match is not None, name  # noqa: S101  # for mypy: tags are chosen by `is_model_tag`
    return match

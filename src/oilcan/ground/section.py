"""A part of a YAML file as a value: immutable, strict, every breach listed at once."""

from typing import TypeVar

import pydantic

from oilcan.ground.errors import ParamsError, bullet_list


class Section(pydantic.BaseModel):
    """Immutable, no coercion, no unknown keys."""

    model_config = pydantic.ConfigDict(frozen=True, strict=True, extra="forbid")


S = TypeVar("S", bound=Section)


def section(kind: type[S], values: object, where: str) -> S:
    """Values of one section, checked; every breach is listed at once.

    Raises
    ------
    ParamsError
        If a key is missing, unknown, of the wrong type or out of range.
    """
    try:
        return kind.model_validate(values)
    except pydantic.ValidationError as err:
        raise ParamsError(bullet_list(f"{where} is not valid", breaches(err))) from None


def breaches(err: pydantic.ValidationError, prefix: str = "") -> list[str]:
    """One line for each breach: key, what is wrong, what was found."""
    lines = []
    for item in err.errors(include_url=False):
        path = ".".join(str(step) for step in item["loc"])
        lines.append(f"{prefix}{path}: {_message(item['type'], item['msg'], item['input'])}")
    return lines


def _message(kind: str, message: str, found: object) -> str:
    """What is wrong, in plain words where pydantic's are for programmers."""
    if kind == "missing":
        return "Field required, but missing. Add it"
    if kind == "extra_forbidden":
        return f"no such word (found {found!r}). Fix the spelling, or remove it"
    return f"{message} (found {found!r})"

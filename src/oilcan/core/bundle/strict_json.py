"""JSON of a bundle -> a typed value, or one error that lists every breach."""

from typing import Final, TypeVar

import pydantic

from oilcan.ground.errors import IntegrityError, bullet_list
from oilcan.ground.section import breaches

STRICT: Final = pydantic.ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


T = TypeVar("T")


def read_strictly(kind: type[T], content: bytes, where: str) -> T:
    """A value of `kind`, a dataclass that sets `__pydantic_config__ = STRICT`.

    Raises
    ------
    IntegrityError
        If a key is missing or unknown, a value has another type, or a number is not finite.

    Examples
    --------
    >>> from oilcan.core.bundle.drift_reference import Distribution
    >>> read_strictly(Distribution, b'{"quantiles": [1.0, 2.0], "missing_share": 0.5}', "x.json")
    Distribution(quantiles=(1.0, 2.0), missing_share=0.5)
    """
    try:
        value: T = pydantic.TypeAdapter(kind).validate_json(content)
    except pydantic.ValidationError as err:
        raise IntegrityError(bullet_list(f"{where}: is not valid. Run `dvc repro package`", breaches(err))) from None
    return value

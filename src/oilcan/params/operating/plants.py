"""plants.yaml: data sets of this repository that each have a model of their own."""

from typing import Any

import pydantic

from oilcan.ground.section import Section


class Plant(Section):
    """One of them."""

    params: dict[str, Any] = {}     # noqa: RUF012 - pydantic copies it; what differs from params.yaml


class Plants(Section):
    """The whole file: plants by the name of their data set."""

    plants: dict[str, Plant] = pydantic.Field(min_length=1)

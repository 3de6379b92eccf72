"""services.yaml: the services that run this repository's models."""

import pydantic

from oilcan.ground.section import Section


class ListedService(Section):
    """One service."""

    name: str = pydantic.Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    url: str = pydantic.Field(pattern=r"^https?://\S+$")
    dataset: str = pydantic.Field(min_length=1)


class ServiceList(Section):
    """The whole file."""

    services: list[ListedService]

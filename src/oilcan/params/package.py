"""Section `package` of params.yaml."""

import pydantic

from oilcan.params.section import Section


class PackageParams(Section):
    """The serving bundle."""

    check_rows: int = pydantic.Field(ge=1)                       # real rows kept to check a loaded bundle

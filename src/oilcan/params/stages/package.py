"""Section `package` of params.yaml."""

import pydantic

from oilcan.ground.section import Section


class PackageParams(Section):
    """The serving bundle."""

    check_rows: int = pydantic.Field(ge=1)  # rows of real data kept in the bundle, to check it when it is loaded

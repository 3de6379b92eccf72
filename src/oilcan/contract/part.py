"""What every part of a contract has in common."""

import pydantic


class Part(pydantic.BaseModel):
    """A part of a contract: immutable, no coercion, no unknown keys."""

    model_config = pydantic.ConfigDict(frozen=True, strict=True, extra="forbid")

"""Which bundle is in service, and who put it there?

`models/champion.json` is committed to git: the digest of the champion's manifest, who approved it and
why. The bytes are in `models/champion/`, under DVC.
"""

import pydantic


class Approval(pydantic.BaseModel):
    """Who let the champion into service."""

    model_config = pydantic.ConfigDict(frozen=True, strict=True, extra="forbid")

    approver: str = pydantic.Field(min_length=1)
    reason: str = pydantic.Field(min_length=1)
    decision: str                               # what the gate had said
    dataset: str


class Champion(pydantic.BaseModel):
    """Contents of models/champion.json; `bundle` is the SHA-256 of its manifest, null before the first."""

    model_config = pydantic.ConfigDict(frozen=True, strict=True, extra="forbid")

    bundle: str | None
    approval: Approval | None = None

"""gate.yaml: what a model must show before it goes into service, and who must agree."""

import pydantic

from oilcan.params.section import Section


class ApprovalRules(Section):
    """Who must agree to a promotion."""

    required: bool          # a named approver, not the gate alone
    not_author: bool        # and another person than the author of the commit
    signed: bool            # by a signed tag; needs `git config user.signingkey`
    reason: str = pydantic.Field(min_length=1)


class GatePolicy(Section):
    """The whole file."""

    approval: ApprovalRules

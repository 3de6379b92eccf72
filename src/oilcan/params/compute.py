"""Section `compute` of params.yaml."""

from typing import Literal

import pydantic

from oilcan.ground.section import Section


class ComputeParams(Section):
    """Where the work runs."""

    backend: Literal["loky", "threading"]                        # of joblib: processes or threads
    jobs: int = pydantic.Field(ge=1)                             # workers; the results do not depend on it

    def workers(self, pieces: int) -> int:
        """Workers for light pieces of work: starting one costs as much as about thirty pieces.

        Examples
        --------
        >>> ComputeParams(backend="loky", jobs=2).workers(4), ComputeParams(backend="loky", jobs=2).workers(900)
        (1, 2)
        """
        return min(self.jobs, max(1, pieces // 30))

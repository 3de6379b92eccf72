"""Section `compute` of params.yaml."""

from typing import Final, Literal

import joblib
import pydantic

from oilcan.ground.dask_cluster import LOCAL
from oilcan.ground.processes import side_by_side
from oilcan.ground.section import Section

_ADDRESS: Final = r"^(local|(tcp|tls)://[^\s/]+:\d{1,5})$"

_STORAGE: Final = r"^[a-z][a-z0-9+.-]*://[^\s]+[^\s/]$"


class ComputeParams(Section):
    """Where the work runs."""

    backend: Literal["loky", "threading", "dask"]                # of joblib: processes, threads or a Dask cluster
    address: str = pydantic.Field(default="local", pattern=_ADDRESS)        # of a Dask scheduler; local starts one here
    storage: str | None = pydantic.Field(default=None, pattern=_STORAGE)    # where files travel to Dask's workers
    jobs: int = pydantic.Field(ge=1)                             # workers; the results do not depend on it

    @property
    def on_this_host(self) -> int:
        """Workers that share the memory of this host; those of a cluster do not."""
        return 0 if self.backend == "dask" and self.address != LOCAL else self.jobs

    def workers(self, pieces: int) -> int:
        """Workers for light pieces of work: starting one costs as much as about thirty pieces.

        Examples
        --------
        >>> ComputeParams(backend="loky", jobs=2).workers(4), ComputeParams(backend="loky", jobs=2).workers(900)
        (1, 2)
        """
        return min(self.jobs, max(1, pieces // 30))

    def side_by_side(self, workers: int) -> joblib.Parallel:
        """So many workers of this machine, or those of the cluster, for `joblib.delayed` calls."""
        if (self.backend, self.address, workers) == ("dask", "local", 1):       # starting a cluster would cost more
            return side_by_side(1, "threading")
        return side_by_side(workers, self.backend, self.address, self.storage)

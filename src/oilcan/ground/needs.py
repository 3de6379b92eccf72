"""What a piece of work will take, stated before it starts: it is refused with a way out instead of dying half way."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from oilcan.ground.errors import DataError
from oilcan.ground.processes import available_memory

GIB: Final = float(2**30)


@dataclass(frozen=True)
class Need:
    """Estimates of peak memory and of disk, from what is known before the work.

    Attributes
    ----------
    where, what
        Begin of the message: the file, folder or stage, and the work with its size (`training on 5,000 rows`).
    way_out
        Sentences that say what to do where there is too little.
    memory, disk
        Bytes; 0 if the work needs hardly any.
    """

    where: str
    what: str
    way_out: str
    memory: float = 0.0
    disk: float = 0.0

    def check(self, folder: Path | None = None, *, free_memory: int | None = None, free_disk: int | None = None
              ) -> None:
        """Refuse work for which the memory or the disk that is free now does not do.

        Parameters
        ----------
        folder
            On the disk that is written to; None where nothing large is written.
        free_memory, free_disk
            Bytes to judge by, instead of those that are free now.

        Raises
        ------
        DataError
            With what was found, what is wanted, and the way out.

        Examples
        --------
        >>> Need("train", "a model", "Lower max_rows.", memory=3 * GIB).check(free_memory=2**30)
        Traceback (most recent call last):
        ...
        oilcan.ground.errors.DataError: train: a model takes 3.0 GiB of memory (found 1.0 GiB free). Lower max_rows.
        """
        free = available_memory() if free_memory is None else free_memory
        if free is not None and self.memory > free:             # the system may not say what is free
            raise self._refusal("memory", self.memory, free)
        if folder is not None:
            space = shutil.disk_usage(folder).free if free_disk is None else free_disk
            if self.disk > space:
                raise self._refusal("disk", self.disk, space)

    def _refusal(self, of: str, wanted: float, found: float) -> DataError:
        return DataError(f"{self.where}: {self.what} takes {wanted / GIB:.1f} GiB of {of} (found {found / GIB:.1f} GiB "
                         f"free). {self.way_out}")

"""What came after the first files: one folder for each part of a month below data/live/<name>/.

A part is `2026-01` (a month that is over), `2026-01.to-2026-01-17` (what had come of a running month by that day) or
`2026-01.late-2026-03-05` (what came for a month after it was closed). A part never changes. It holds files written as
the first ones, or files that `oilcan collect` wrote: `collected-<table>.parquet`, with the names and units of the
contract.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet

from oilcan.contract import Contract, Table
from oilcan.core.ingest.cells.instant_cells import from_elapsed
from oilcan.core.ingest.frames import RawPiece
from oilcan.core.prepare.prompted_repairs import latest_states
from oilcan.ground.columns import ALARMS, FINDING, MACHINE, TIME
from oilcan.ground.errors import DataError, bullet_list

COLLECTED: Final = "collected-"
NOTE: Final = "collected.json"          # counts, and how far the log of the store was read
TEXT: Final = pd.StringDtype(na_value=np.nan)
_PART: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])(\.(to|late)-\d{4}-\d{2}-\d{2}(-\d+)?)?")
_BESIDE: Final = (".gitignore", ".DS_Store")


def month_parts(folder: Path | None) -> list[Path]:
    """Folders of the parts of months, in the order of their names; none if the folder does not exist.

    Raises
    ------
    DataError
        If something else lies there. All such entries are listed.
    """
    if folder is None or not folder.is_dir():
        return []
    entries = sorted(path for path in folder.iterdir()
                     if path.name not in _BESIDE and path.suffix not in (".dvc", ".tmp"))
    strange = [path.name for path in entries if not (path.is_dir() and _PART.fullmatch(path.name))]
    if strange:
        raise DataError(bullet_list(
            f"{folder}: holds an entry that is not a month (wanted folders such as 2026-01 or "
            f"2026-01.late-2026-03-05). Move or rename it", strange))
    return entries


def plain_files(part: Path, patterns: list[str]) -> list[str]:
    """Files of a part that match the globs of a table, without those that were collected."""
    found = {path.relative_to(part).as_posix() for pattern in patterns for path in part.glob(pattern)
             if path.is_file() and not path.name.startswith(COLLECTED)}
    return sorted(found)


def unread(part: Path, read: set[str]) -> list[str]:
    """Files of a part that no table of the contract reads."""
    held = sorted(path.relative_to(part).as_posix() for path in part.rglob("*") if path.is_file())
    return [f"{part.name}/{file}: no table of the contract reads it" for file in held
            if file not in read and file not in (NOTE, *_BESIDE)]


def collected_file(table: str) -> str:
    """Name of the file of a table that `oilcan collect` writes.

    Examples
    --------
    >>> collected_file("errors")
    'collected-errors.parquet'
    """
    return f"{COLLECTED}{table}.parquet"


def read_collected(part: Path, name: str, table: Table, read: Callable[..., Any] | None = None) -> RawPiece | None:
    """The collected rows of a table, or of a view of it, with the columns of the contract; None if there are none.

    `read` reads the file in another way, if it is given; what it returns takes the place of the piece.

    Raises
    ------
    DataError
        If the file cannot be read, or has a column that the contract does not know.
    """
    file = collected_file(name)
    if not (part / file).is_file():
        return None
    if table.pivot is not None:
        raise DataError(f"{part.name}/{file}: a table with `pivot` takes no collected files; add files as the first "
                        f"ones are written")
    if read is not None:
        return replace(read(part / file, file, table, is_collected=True), part=part.name)
    try:
        frame = _frame(part / file)
    except (pyarrow.ArrowException, OSError) as err:
        raise DataError(f"{part.name}/{file}: not readable as Parquet ({' '.join(str(err).split())}); get it again "
                        f"with `dvc pull`") from err
    columns: list[Any] = [column for column in table.columns if column in frame]
    return RawPiece(file, frame[columns], np.arange(1, len(frame) + 1), part=part.name, is_collected=True)


def read_alarms(part: Path) -> pd.DataFrame | None:
    """Alarms of a part, as `oilcan collect` wrote them; None if there are none."""
    path = part / collected_file(ALARMS)
    return _frame(path) if path.is_file() else None


def alarms_of(folder: Path, contract: Contract, machines: pd.DataFrame) -> pd.DataFrame:
    """Every alarm of the machines, as it was when it changed last.

    Parameters
    ----------
    folder
        data/live/<name>/.
    machines
        The canonical table; its times say what a time is in this data set.

    Returns
    -------
    machine_id, time, task, acknowledged, closed, finding, found; sorted by machine and time.
    """
    found = [each for part in month_parts(folder) if (each := read_alarms(part)) is not None]
    times = machines["last_time"] if "last_time" in machines else pd.Series([], dtype="int64")
    if not found:
        text, moments = pd.Series([], dtype="str"), pd.Series([], dtype="datetime64[us, UTC]")
        return pd.DataFrame({MACHINE: text, TIME: times.iloc[:0], "task": text, "acknowledged": moments,
                             "closed": moments, FINDING: text, "found": moments})
    latest = latest_states(found)
    if contract.time.kind == "elapsed":
        latest[TIME] = from_elapsed(latest[TIME], contract.time.unit)
    latest[TIME] = latest[TIME].astype(times.dtype)
    return latest[latest[MACHINE].isin(machines[MACHINE])].reset_index(drop=True)


def _frame(path: Path) -> pd.DataFrame:
    arrow = pyarrow.parquet.read_table(path)
    return arrow.to_pandas(types_mapper={pyarrow.string(): TEXT, pyarrow.large_string(): TEXT}.get,
                           ignore_metadata=True)

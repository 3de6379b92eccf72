"""The names of canonical columns and tables, so that each is spelt in one place.

Canonical tables are long and sorted by (machine_id, time). `time` is a UTC instant
(`datetime64[us, UTC]`), or an integer number of cycles where the contract counts operations.
Inside the library, time differences are floats in *ticks*: hours, or cycles.
"""

from typing import TYPE_CHECKING, Final

from oilcan.ground.time_units import MICROSECONDS_PER_HOUR

if TYPE_CHECKING:               # names for the reader; contracts are read without waiting for pandas
    import numpy as np
    import pandas as pd

MACHINE: Final = "machine_id"
TIME: Final = "time"
CODE: Final = "code"
COMPONENT: Final = "component"
MODE: Final = "mode"
FINDING: Final = "finding"       # what a crew found at a machine: worn, sound, not_looked
UNTIL: Final = "until"           # end of an event that lasts
PART: Final = "part"              # of the split: train, validation, test
GROUP: Final = "group"                              # rows of one group are never parted
PARTITION: Final = "partition"    # number of the file that holds the machine
TARGET: Final = "target_"         # begins the column of each target in rows.parquet
KEY: Final = [MACHINE, TIME]
ALARMS: Final = "alarms"           # table of the alarms that a service raised, and what the crew found
IDENTIFIERS: Final = frozenset({MACHINE, CODE, COMPONENT, MODE})     # text, whatever they look like

EVENT_KEYS: Final[dict[str, list[str]]] = {
    "errors": [MACHINE, TIME, CODE],
    "maintenance": [MACHINE, TIME, COMPONENT],
    "failures": [MACHINE, TIME, MODE],
}
UNKNOWN_CREW: Final = "unknown"        # of machines without an entry
TABLES: Final = ("telemetry", "errors", "maintenance", "failures", "machines", "truth")


def owner(frame: "pd.DataFrame") -> str:
    """Column whose rows resemble each other and are never parted: the group where rows have one, else the machine.

    Examples
    --------
    >>> import pandas as pd
    >>> owner(pd.DataFrame({"machine_id": ["1"], "group": ["pump 7"]})), owner(pd.DataFrame({"machine_id": ["1"]}))
    ('group', 'machine_id')
    """
    return GROUP if GROUP in frame else MACHINE


def ticks(time: "pd.Series") -> "np.ndarray":
    """Time as floats: hours since 1970-01-01 for instants, cycles as they are.

    Parameters
    ----------
    time
        Canonical time column, shape (n,).

    Returns
    -------
    Shape (n,), float64.

    Examples
    --------
    >>> import pandas as pd
    >>> ticks(pd.Series(pd.to_datetime(["1970-01-01 02:30"], utc=True)))
    array([2.5])
    >>> ticks(pd.Series([1, 2]))
    array([1., 2.])
    """
    if time.dtype.kind == "M":
        return time.astype("datetime64[us, UTC]").astype("int64").to_numpy(dtype="float64") / MICROSECONDS_PER_HOUR
    return time.to_numpy(dtype="float64")

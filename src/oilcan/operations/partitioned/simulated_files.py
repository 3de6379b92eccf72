"""Raw files of a simulated fleet: one delivery of machines after the other, so that memory does not grow with it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pandas as pd

from oilcan.core.simulate import Fleet
from oilcan.ground.columns import TIME
from oilcan.io.stage import table_files

_LOGS: Final = ("errors", "maintenance", "failures")


def write_fleet(deliveries: Iterable[Fleet], folder: Path) -> dict[str, int]:
    """Write the readings of each delivery behind those before it, and the logs of the whole fleet by time.

    Returns
    -------
    Number of machines, readings and failures.
    """
    readings, small = 0, []
    with (table_files.growing_table(folder / "telemetry.parquet") as telemetry,
          table_files.growing_table(folder / "truth.parquet") as truth):
        for fleet in deliveries:
            telemetry(fleet.telemetry)
            truth(fleet.truth)
            readings += len(fleet.telemetry)
            small.append({name: getattr(fleet, name) for name in (*_LOGS, "machines")})
    logs = {name: pd.concat([tables[name] for tables in small], ignore_index=True) for name in (*_LOGS, "machines")}
    logs |= {name: logs[name].sort_values(TIME, kind="stable", ignore_index=True) for name in _LOGS}
    table_files.write_csvs(logs, folder)
    return {"machines": len(logs["machines"]), "readings": readings, "failures": len(logs["failures"])}

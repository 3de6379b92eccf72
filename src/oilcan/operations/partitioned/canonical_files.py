"""Canonical tables written while they come, part by part; their bytes do not show where parts ended."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pandas as pd

from oilcan.core.ingest import MachineGroups
from oilcan.core.ingest.machine_groups import whole_frame
from oilcan.io.stage import table_files

_ROW_GROUP: Final = 1 << 20             # rows that pyarrow puts into one group of a table


@contextmanager
def growing_tables(folder: Path, machines_per_partition: int) -> Iterator[Callable[[str, pd.DataFrame], None]]:
    """What takes a table's name and its next rows: telemetry goes into partitions, others into a file each."""
    groups, number = MachineGroups(machines_per_partition), 0
    writers: dict[str, Callable[[pd.DataFrame], None]] = {}
    waiting: dict[str, list[pd.DataFrame]] = {}
    begun: set[str] = set()

    def write(partitions: list[pd.DataFrame]) -> None:
        nonlocal number
        for partition in partitions:
            table_files.write_table(partition, folder / "telemetry" / table_files.partition_name(number))
            number += 1

    def take(name: str, rows: pd.DataFrame) -> None:
        if name == "telemetry":
            write(groups.add(rows))
            return
        if name not in writers:
            writers[name] = opened.enter_context(table_files.growing_table(folder / f"{name}.parquet"))
        ready = whole_frame([*waiting.get(name, []), rows])
        while len(ready) >= _ROW_GROUP:
            writers[name](ready.iloc[:_ROW_GROUP])
            begun.add(name)
            ready = ready.iloc[_ROW_GROUP:]
        waiting[name] = [ready]

    with ExitStack() as opened:
        yield take
        write(groups.rest())
        for name, [rest] in waiting.items():
            if len(rest) or name not in begun:      # a table without rows has a file too
                writers[name](rest)

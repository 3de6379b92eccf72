"""What a service has taken in becomes parts of months below data/live/<name>/, each tracked by DVC on its own.

A part never changes. Its note says how far the log of the store was read; a row that arrived later belongs to another
part. So a run that was killed is simply started again.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from oilcan.contract import Contract
from oilcan.ground.columns import ALARMS, MACHINE, TIME
from oilcan.ground.errors import ContractError, DataError, IntegrityError, bullet_list
from oilcan.ground.time_units import moment
from oilcan.io.raw_data.later_months import NOTE, collected_file, month_parts, read_alarms
from oilcan.io.repository import leftovers
from oilcan.io.repository.dvc_command import add
from oilcan.io.repository.one_at_a_time import one_at_a_time
from oilcan.io.repository.repository_root import short
from oilcan.io.stage import files, table_files
from oilcan.io.stage.digests import dvc_md5
from oilcan.io.stage.dvc_files import load_yaml
from oilcan.io.stores import Store
from oilcan.operations.governing.audit_log import Act, append
from oilcan.operations.renewal.month_schedule import Schedule
from oilcan.operations.renewal.service_rows import RECEIVED, SEQ, ServiceRows

_MONTH: Final = len("2026-01")


@dataclass(frozen=True)
class MonthPart:
    """A part that was written, or would be: its name, and rows by table."""

    name: str
    rows: Mapping[str, int]


@dataclass(frozen=True)
class Collected:
    """New parts in order, and how many rows wait for the end of their month."""

    parts: tuple[MonthPart, ...]
    waiting: int

    def lines(self, dataset: str, *, was_written: bool) -> list[str]:
        """What a person wants to read, and what to do next.

        Examples
        --------
        >>> Collected((), 12).lines("demo_fleet", was_written=True)
        ['12 rows wait for the end of their month (--running takes them now)', 'nothing new to collect']
        """
        lines = [f"data/live/{dataset}/{part.name}: "
                 + ", ".join(f"{count:,} {name}" for name, count in sorted(part.rows.items())) for part in self.parts]
        if self.waiting:
            lines.append(f"{self.waiting:,} rows wait for the end of their month (--running takes them now)")
        if not self.parts:
            return [*lines, "nothing new to collect"]
        return [*lines, f"Commit data/live/{dataset}, then `dvc push`." if was_written else
                "Nothing was written. Add --yes to write."]


Record = Callable[[str, Mapping[str, Any]], None]      # name of a part, and its facts


def collect(root: Path, contract: Contract, store: Store, schedule: Schedule, *, write: bool,
            record: Record) -> Collected:
    """Write what a store holds and no part has yet, month by month.

    Parameters
    ----------
    write
        False writes nothing and says what would be written.
    record
        Receives the name and the facts of each new part, for the audit log; perhaps twice, after a kill.

    Raises
    ------
    ContractError
        If rows of a service cannot be raw data of this data set.
    IntegrityError
        If a part is not what DVC recorded, or is not here.
    OilcanError
        If another process collects, or DVC refuses.
    """
    _check_contract(contract)
    folder = root / "data/live" / contract.name
    with one_at_a_time(root, "collect"):
        leftovers.fix(root)                     # `*.dvc` of a run that was killed while DVC wrote it
        _check_parts(folder)
        if write:
            _track(root, folder, record)
        done, waiting = [], 0
        for month, tables, note in _months(folder, contract, store, schedule):
            if tables is None:
                waiting += note["rows"]
                continue
            part = MonthPart(schedule.part_name(month, folder), note["rows"])
            if write:
                _write(folder / part.name, tables, note)
                _track(root, folder, record)
            done.append(part)
    return Collected(tuple(done), waiting)


def audited(root: Path, dataset: str, *, by: str, now: int) -> Record:
    """A `record` that writes each part into the audit log of the repository, once."""
    def record(part: str, facts: Mapping[str, Any]) -> None:
        act = Act("collect", by, f"{dataset} {part}", key=f"{dataset}/{part}", dataset=dataset, detail=dict(facts))
        append(root, act, at=moment(now))

    return record


def _check_contract(contract: Contract) -> None:
    telemetry = contract.tables["telemetry"]
    why = ("independent rows have no months" if contract.time.kind == "none" else
           "a machine that still runs would count as failed (failures.from: end_of_life)"
           if contract.failures.source == "end_of_life" else
           "its telemetry is a long table (pivot)" if telemetry.pivot is not None else None)
    if why:
        raise ContractError(f"datasets/{contract.name}.yaml: rows of a service cannot be raw data of this data set: "
                            f"{why}. Put files of your own into data/live/{contract.name}/MONTH.")


def _months(folder: Path, contract: Contract, store: Store, schedule: Schedule
            ) -> Iterator[tuple[str, dict[str, pd.DataFrame] | None, dict[str, Any]]]:
    """Month, new rows by table as they are written, and the note; None for the rows of a month that is not over."""
    rows, seen = ServiceRows(store, contract), _seen(folder)
    cursor, last_reading, last_record = store.extent()
    pieces: dict[str, dict[str, list[pd.DataFrame]]] = {}
    frames = [("telemetry", page) for page in rows.telemetry(last_reading)]
    frames += [(name, frame) for name, frame in rows.records(last_record).items()]
    for name, frame in frames:
        kind = "readings" if name == "telemetry" else "records"
        for month, new in _by_month(frame, contract, {month: note[kind] for month, note in seen.items()}):
            pieces.setdefault(month, {}).setdefault(name, []).append(new)
    for month, new in _new_alarms(rows.alarms(), folder, contract, rows):
        pieces.setdefault(month, {}).setdefault(ALARMS, []).append(new)
    for month in sorted(pieces):
        tables = {name: pd.concat(parts, ignore_index=True) for name, parts in pieces.pop(month).items()}
        if not (schedule.running or schedule.is_over(month)):
            yield month, None, {"rows": sum(map(len, tables.values()))}
            continue
        written = _as_files(tables, contract, rows)
        yield month, written, {
            "dataset": contract.name, "contract_version": contract.version, "month": month, "log": cursor.as_text(),
            "readings": last_reading, "records": last_record,
            "rows": {name: len(frame) for name, frame in written.items()}}


def _as_files(tables: dict[str, pd.DataFrame], contract: Contract, rows: ServiceRows) -> dict[str, pd.DataFrame]:
    """Tables as their files have them, with the machines that they name."""
    if contract.failures.source == "flag":
        tables = _with_flags(tables, contract)
    known = {name: frame for name, frame in tables.items() if name in contract.tables or name == ALARMS}
    machines = {machine for frame in known.values() for machine in frame[MACHINE].unique()}
    described = rows.machines(machines) if "machines" in contract.tables else pd.DataFrame()
    written = {name: rows.written(name, frame) for name, frame in known.items()}
    return written | ({"machines": described} if len(described) else {})


def _with_flags(tables: dict[str, pd.DataFrame], contract: Contract) -> dict[str, pd.DataFrame]:
    """Failures as the flag that the contract knows them by, in the machine's last reading until then.

    Raises
    ------
    DataError
        If a machine has no reading before its failure in these rows.
    """
    telemetry, flag = tables.get("telemetry", pd.DataFrame({MACHINE: [], TIME: []})), str(contract.failures.column)
    up = np.zeros(len(telemetry), dtype=bool)
    lost = []
    for failure in tables.get("failures", pd.DataFrame({MACHINE: [], TIME: []})).itertuples():
        before = telemetry[(telemetry[MACHINE] == failure.machine_id) & (telemetry[TIME] <= failure.time)]
        if before.empty:
            lost.append(f"{failure.machine_id}: no reading before its failure in this month")
        else:
            up[telemetry.index.get_loc(before[TIME].idxmax())] = True
    if lost:
        raise DataError(bullet_list(f"failures cannot be written as {flag!r} of a reading. Send the readings again, "
                                    f"or put a file of your own into the month", lost))
    return {name: frame for name, frame in tables.items() if name != "failures"} | (
        {"telemetry": telemetry.assign(**{flag: up})} if len(telemetry) else {})


def _by_month(frame: pd.DataFrame, contract: Contract, seen: Mapping[str, int]
              ) -> Iterator[tuple[str, pd.DataFrame]]:
    """Rows that no part of their month has, month by month."""
    if frame.empty:
        return
    months = _month_of(frame, contract)
    for month in np.unique(months):
        new = frame[(months == month) & (frame[SEQ] > seen.get(month, 0)).to_numpy()]
        if len(new):
            yield str(month), new


def _month_of(frame: pd.DataFrame, contract: Contract) -> np.ndarray:
    """The month of each row: of its time, or of its arrival where time is no calendar."""
    moments = frame[TIME] if contract.time.kind == "instant" else frame[RECEIVED]
    return np.datetime_as_string(moments.to_numpy(np.int64).astype("datetime64[us]").astype("datetime64[M]"))


def _new_alarms(alarms: pd.DataFrame, folder: Path, contract: Contract, rows: ServiceRows
                ) -> Iterator[tuple[str, pd.DataFrame]]:
    """Alarms that no part has as they are now, month by month: an alarm changes until it is closed and settled."""
    written = [each for part in month_parts(folder) if (each := read_alarms(part)) is not None]
    there = set() if not written else {_line(row) for row in pd.concat(written).itertuples(index=False)}
    lines = [_line(row) for row in rows.written(ALARMS, alarms).itertuples(index=False)]
    is_new = np.array([line not in there for line in lines], dtype=bool)
    new = alarms[is_new]
    if len(new):
        months = _month_of(new, contract)
        for month in np.unique(months):
            yield str(month), new[months == month]


def _line(row: Any) -> tuple[str, ...]:
    return tuple("" if pd.isna(cell) else str(cell) for cell in row)


def _seen(folder: Path) -> dict[str, dict[str, int]]:
    """By month up to which `seq` readings and records are in a part."""
    seen: dict[str, dict[str, int]] = {}
    for part in month_parts(folder):
        if (part / NOTE).is_file():
            note = files.read_json(part / NOTE)
            most = seen.setdefault(part.name[:_MONTH], {"readings": 0, "records": 0})
            most |= {kind: max(most[kind], note[kind]) for kind in most}
    return seen


def _check_parts(folder: Path) -> None:
    """Stop if a part differs from what DVC recorded, or is recorded but missing."""
    wrong = []
    for file in sorted(folder.glob("*.dvc")):
        part, recorded = file.with_suffix(""), load_yaml(file)["outs"][0]["md5"]
        if not part.is_dir():
            wrong.append(f"{part.name}: is not here. Run `dvc pull {short(file)}`")
        elif (found := dvc_md5(part)) != recorded:
            wrong.append(f"{part.name}: changed (found {found}, recorded {recorded}). Run "
                         f"`dvc checkout -f {short(file)}`")
    if wrong:
        raise IntegrityError(bullet_list(f"{folder}: parts of months are not as they were recorded", wrong))


def _write(part: Path, tables: Mapping[str, pd.DataFrame], note: Mapping[str, Any]) -> None:
    with files.fresh_folder(part) as draft:
        for name, frame in tables.items():
            table_files.write_table(frame, draft / collected_file(name))
        files.write_json(dict(note), draft / NOTE)


def _track(root: Path, folder: Path, record: Record) -> None:
    """Have DVC track every part that it does not track yet, those of a killed run included."""
    for part in month_parts(folder):
        if not part.with_name(f"{part.name}.dvc").exists():
            note = files.read_json(part / NOTE) if (part / NOTE).is_file() else {}
            record(part.name, note | {"md5": dvc_md5(part)})
            add(root, part.relative_to(root).as_posix())

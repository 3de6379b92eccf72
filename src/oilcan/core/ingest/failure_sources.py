"""Where failures are written down: a table of their own, a flag in the telemetry, or the end of a life."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from oilcan.contract import Contract, Failures
from oilcan.core.ingest.cleaned import Cleaned
from oilcan.core.ingest.frames import RawPiece
from oilcan.ground.columns import KEY, MACHINE, MODE, TIME
from oilcan.ground.errors import DataError


def draw_failures(telemetry: Cleaned, contract: Contract, test_rul: Sequence[RawPiece]) -> pd.DataFrame:
    """Failures that the telemetry itself marks: machine_id, time, mode; sorted by machine and time.

    A flag that goes up is a failure at that time. With `end_of_life` a machine fails at its last
    time, a test machine at its last time plus its true remaining life. Rows that were refused for
    another cell count too.

    Raises
    ------
    DataError
        If the files of true remaining lives do not hold one number for each test machine.
    """
    how = contract.failures
    if how.source == "flag":
        failures = _flagged(telemetry)
    elif how.source == "end_of_life":
        failures = _ends_of_life(telemetry, test_rul, how, contract.time.unit)
    else:
        failures = telemetry.frame[[column for column in KEY if column in telemetry.frame]].iloc[:0]
    return failures.assign(**{MODE: pd.Series(how.mode, index=failures.index, dtype="str")}).reset_index(drop=True)


def _flagged(telemetry: Cleaned) -> pd.DataFrame:
    failed = telemetry.frame[KEY].iloc[:0] if telemetry.failed is None else telemetry.failed
    return failed[failed[MACHINE].isin(telemetry.frame[MACHINE].unique())].sort_values(KEY, kind="stable")


def _ends_of_life(telemetry: Cleaned, test_rul: Sequence[RawPiece], how: Failures, unit: str) -> pd.DataFrame:
    last = telemetry.frame.groupby(MACHINE, sort=True)[TIME].max()
    if telemetry.failed is not None:                # a last row that was refused ends a life all the same
        refused = telemetry.failed.set_index(MACHINE)[TIME].reindex(last.index)
        last = last.where(~(refused > last), refused).astype(last.dtype)
    order = np.argsort(telemetry.position, kind="stable")
    machines = telemetry.frame[MACHINE].iloc[order][telemetry.is_test[order]].unique()    # as they stand in the files
    lives = _true_rul(test_rul)
    if len(lives) != len(machines):
        raise DataError(
            f"{', '.join(how.test_rul_files) or 'failures.test_rul_files'}: {len(lives)} remaining lives for "
            f"{len(machines)} test machines (wanted: one number a line for each, in their order). Fix the file."
        )
    rest = pd.Series(0.0, index=last.index)
    rest[machines] = lives
    if isinstance(last.dtype, pd.DatetimeTZDtype):
        ends = last + pd.to_timedelta(rest, unit=unit).dt.as_unit("us")
    else:
        ends = last + rest.round().astype("int64")
    return ends.rename(TIME).reset_index()


def _true_rul(pieces: Sequence[RawPiece]) -> np.ndarray:
    if not pieces:
        return np.empty(0)
    cells = pd.concat([piece.frame[0] for piece in pieces], ignore_index=True)
    lives = pd.to_numeric(cells, errors="coerce")
    wrong = lives.isna() | (lives < 0)
    if wrong.any():
        raise DataError(
            f"{', '.join(piece.place for piece in pieces)}: {int(wrong.sum())} of {len(cells)} lines hold no remaining "
            f"life (found {cells[wrong].iloc[0]!r}, wanted a number >= 0). Fix the file."
        )
    return lives.to_numpy(dtype=np.float64)

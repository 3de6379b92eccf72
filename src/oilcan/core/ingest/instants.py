"""Raw cells that say when -> UTC instants, with time zones told apart and never guessed."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from oilcan.contract import Column, Table
from oilcan.core.ingest.casting import Cast, is_typed_number, tidy

_OFFSET: Final = r"(?:[zZ]|[+-]\d{2}:?\d{2})$"
_HOURS_ONLY: Final = r":\d{2}(?:\.\d+)?\s?[+-]\d{2}$"       # an offset without minutes


def cast_instants(pieces: Sequence[pd.Series], spec: Column, table: Table, zone: str) -> tuple[Cast, list[str]]:
    """Instants in UTC, to the microsecond, of all files of a table.

    Cells that carry an offset are taken by it, the others as wall time of `zone`. A table that holds
    both, or offsets that are not those of `zone`, cannot be trusted and is reported as a whole.
    Wall times that a clock change skips or repeats are wrong cells.

    Parameters
    ----------
    pieces
        The column, one series per file; text, or typed where the file was.
    spec, table, zone
        The column, its table (missing-value marks), and the zone of cells without an offset.

    Returns
    -------
    The cast, over all pieces in order, and what is wrong with the column as a whole.

    Examples
    --------
    >>> import oilcan.contract as c
    >>> table = c.Table(grain="row", files=["a.csv"], columns={})
    >>> when = c.Column(type="instant", unit="UTC", description="reading")
    >>> done, problems = cast_instants([pd.Series(["2024-06-01 12:00", "noon"])], when, table, "Europe/Berlin")
    >>> done.values[0].isoformat(), done.wrong.tolist(), problems
    ('2024-06-01T10:00:00+00:00', [False, True], [])
    """
    parsed = [_parse(raw, spec, table, zone) for raw in pieces]
    values = pd.concat([values for values, _, _ in parsed], ignore_index=True)
    wrong = np.concatenate([wrong for _, wrong, _ in parsed])
    offsets = [offset for _, _, found in parsed for offset in found]
    if spec.shift is not None:
        values = values + pd.Timedelta(hours=spec.shift.ticks)
    twice = "" if zone == "UTC" else ", or one that a clock change repeats"
    why = "no such instant" + (f" of format {spec.format!r}" if spec.format else "") + f" in zone {zone}{twice}"
    return Cast(values, wrong, why), _mixed(sorted(set(offsets)))


def _parse(raw: pd.Series, spec: Column, table: Table, zone: str) -> tuple[pd.Series, np.ndarray, list[str]]:
    """UTC values, wrong cells, and the kinds of offset met."""
    if isinstance(raw.dtype, pd.DatetimeTZDtype):
        return raw.dt.tz_convert("UTC").dt.as_unit("us"), np.zeros(len(raw), dtype=bool), ["with offset"]
    if pd.api.types.is_datetime64_dtype(raw.dtype):
        return _wall(raw, raw.notna(), zone)
    if is_typed_number(raw):                        # a bare number has no date; a format reads it as text
        raw = raw.astype("Int64").astype("str") if spec.format else raw.astype("str")
    text = tidy(raw, table.missing)
    present = text.notna()
    if spec.format is None:
        is_short = text.str.contains(_HOURS_ONLY, regex=True, na=False)
        text = text.mask(is_short, text[is_short] + ":00")
        text = text.where(text.str.match(r"\d", na=False))      # pandas would read `now` as the present instant
    carries = text.str.contains(_OFFSET, regex=True, na=False)
    if not carries.any() or (spec.format and "%z" not in spec.format):
        return _wall(pd.to_datetime(text, format=spec.format or "ISO8601", errors="coerce"), present, zone)
    return _with_offset(text, carries, present, spec, zone)


def _wall(wall: pd.Series, present: pd.Series, zone: str) -> tuple[pd.Series, np.ndarray, list[str]]:
    values = wall.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").dt.tz_convert("UTC").dt.as_unit("us")
    return values, (present & values.isna()).to_numpy(), ["without offset"] if present.any() else []


def _with_offset(
    text: pd.Series, carries: pd.Series, present: pd.Series, spec: Column, zone: str
) -> tuple[pd.Series, np.ndarray, list[str]]:
    values = pd.to_datetime(text.where(carries), format=spec.format or "ISO8601", errors="coerce", utc=True)
    values = values.dt.as_unit("us")
    found = ["with offset"]
    endings = text.where(carries).str.extract(f"({_OFFSET})", expand=False)
    if endings.dropna().str.upper().nunique() > 1:  # several offsets are in order only as the zone's own clock changes
        wall = pd.to_datetime(text.where(carries).str.replace(_OFFSET, "", regex=True).str.strip(),
                              format=(spec.format or "ISO8601").replace("%z", "").strip(), errors="coerce")
        local = values.dt.tz_convert(zone).dt.tz_localize(None)
        strange = (values.notna() & (local != wall)).any()
        found += [f"offsets {sorted(endings.dropna().unique())} that are not those of zone {zone}"] if strange else []
    if (text.notna() & ~carries).any():
        found.append("without offset")
    return values, (present & values.isna()).to_numpy(), found


def _mixed(found: list[str]) -> list[str]:
    strange = [kind for kind in found if kind not in {"with offset", "without offset"}]
    if {"with offset", "without offset"} <= set(found):
        strange.append("instants with and without a zone offset")
    return [f"time zones are mixed: {kind}; one of them is wrong, and only you can know which" for kind in strange]

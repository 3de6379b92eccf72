"""Which rows does the contract leave out: `only` and `exclude`, judged by canonical values."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from oilcan.contract import Column, RowFilter, Table
from oilcan.core.ingest.cells.casting import cast
from oilcan.core.ingest.cells.instants import cast_instants

_CANONICAL = Table(grain="", files=["-"], columns={})


def left_out(spec: Table, columns: Mapping[str, pd.Series], zone: str) -> Iterator[tuple[np.ndarray, str]]:
    """Masks of the rows to leave out, each with its reason.

    Parameters
    ----------
    spec
        The table.
    columns
        Canonical columns of all its rows, each shape (n,); wrong cells are missing.
    zone
        Of instants in a filter that carry no offset.
    """
    for entry in spec.only:
        yield ~matching(columns[entry.column], entry, spec.columns[entry.column], zone), entry.reason
    for entry in spec.exclude:
        yield matching(columns[entry.column], entry, spec.columns[entry.column], zone), entry.reason


def matching(values: pd.Series, entry: RowFilter, spec: Column, zone: str = "UTC") -> np.ndarray:
    """Rows that a filter matches, as a mask.

    Parameters
    ----------
    values
        Canonical column, shape (n,).
    entry, spec
        The filter, with values in canonical units, and the column.

    Examples
    --------
    >>> site = Column(type="text", unit="none", description="Site")
    >>> only = RowFilter(column="site", matches="^hall", reason="other sites")
    >>> matching(pd.Series(["hall 1", "yard", None], dtype="str"), only, site).tolist()
    [True, False, False]
    """
    if entry.missing is not None:
        return (values.isna() if entry.missing else values.notna()).to_numpy()
    if entry.matches is not None:
        text = values.astype("str").mask(values.isna())
        return text.str.contains(entry.matches, regex=True, na=False).to_numpy(dtype=bool)
    wanted = pd.Series(entry.among if entry.among is not None else [entry.equals])
    plain = Column(type=spec.type, unit=spec.unit, description="")          # already in canonical units
    done = (cast_instants([wanted], plain, _CANONICAL, zone)[0] if spec.type == "instant" else
            cast(wanted, plain, _CANONICAL))  # fmt: skip
    return values.isin(done.values.dropna()).to_numpy(dtype=bool)

"""Excel workbooks (xlsx, xlsb, xls, ods): one sheet as the delimited text that `delimited` reads.

The reader, python-calamine, is an extra: requirements/excel.in.
"""

import csv
import datetime
import io
from pathlib import Path
from typing import Any

from oilcan.contract import Table
from oilcan.core.ingest.frames import RawPiece
from oilcan.ground.errors import DataError, OilcanError
from oilcan.io.raw_data import delimited


def read_sheet(path: Path, file: str, table: Table, *, is_test: bool = False) -> RawPiece:
    """Listed columns of a sheet, and the rows that could not be cut.

    Every row of the sheet from its first one is a line, so `skip_lines` counts rows as Excel shows
    them. Numbers keep all digits, dates and times become ISO 8601.

    Parameters
    ----------
    path, file
        The workbook, and its name in messages.
    table
        Which sheet and columns are wanted.
    is_test
        Whether it is one of `test_files`.

    Raises
    ------
    DataError
        If the workbook cannot be read, has no such sheet, or its columns are not as listed.
    OilcanError
        If the extra is not installed.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    for row in _rows(path, file, table.sheet):
        writer.writerow([_text(cell) for cell in row])
    plain = table.model_copy(update={"separator": ",", "decimal": ".", "thousands": None, "quote": '"'})
    return delimited.read_content(text.getvalue().encode(), file, plain, is_test=is_test)


def _rows(path: Path, file: str, sheet: str | int) -> list[list[Any]]:
    try:
        import python_calamine  # here: it is an extra
    except ImportError as err:
        raise OilcanError(f"{file}: Excel sheets need python-calamine, which is not installed. Run `make "
                          f"install-excel`, or save the sheet as csv.") from err
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
    except (python_calamine.CalamineError, OSError, ValueError) as err:
        raise DataError(f"{file}: not readable as an Excel workbook ({err}); damaged, protected or another format?"
                        ) from err
    names = book.sheet_names
    if sheet not in names and not (isinstance(sheet, int) and 0 <= sheet < len(names)):
        raise DataError(f"{file}: no sheet {sheet!r} (found {', '.join(map(repr, names))}); say `sheet:` in the "
                        f"contract")
    chosen = book.get_sheet_by_index(sheet) if isinstance(sheet, int) else book.get_sheet_by_name(sheet)
    return chosen.to_python(skip_empty_area=False)


def _text(cell: Any) -> str:
    r"""One cell as text.

    Examples
    --------
    >>> [_text(cell) for cell in (5.0, 0.1, True, datetime.datetime(2024, 1, 2, 3, 4), "a\nb")]
    ['5', '0.1', 'true', '2024-01-02 03:04:00', 'a b']
    """
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime.datetime):
        return cell.isoformat(" ")
    if isinstance(cell, datetime.timedelta):
        return repr(cell.total_seconds())
    return " ".join(str(cell).splitlines()) if isinstance(cell, str) else str(cell)

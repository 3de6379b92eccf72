"""A sheet of a workbook is read as its csv would be."""

import io
import sys
import zipfile
from xml.sax.saxutils import escape

import pytest

from oilcan.contract import Column, Table
from oilcan.ground.errors import DataError, OilcanError
from oilcan.io.raw_data.sheets import read_sheet

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def workbook(**sheets):
    """Bytes of an xlsx file; numbers stay numbers, everything else is text, None is an empty cell."""
    listed = "".join(f'<sheet name="{name}" sheetId="{at}" r:id="r{at}"/>' for at, name in enumerate(sheets, 1))
    related = "".join(f'<Relationship Id="r{at}" Type="{_OFFICE}/worksheet" Target="worksheets/s{at}.xml"/>'
                      for at in range(1, len(sheets) + 1))
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
                       f'<Relationship Id="b" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
                       f'</Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{related}</Relationships>',
    }
    for at, rows in enumerate(sheets.values(), 1):
        lines = "".join(f'<row r="{row}">{"".join(_cell(cell, row, col) for col, cell in enumerate(cells))}</row>'
                        for row, cells in enumerate(rows, 1))
        parts[f"xl/worksheets/s{at}.xml"] = f'<worksheet xmlns="{_MAIN}"><sheetData>{lines}</sheetData></worksheet>'
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return stream.getvalue()


def _cell(value, row, col):
    if value is None:
        return ""
    place = f"{chr(65 + col)}{row}"
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value!r}</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'


ORDERS = [["Works orders", None, None], ["pump", "done", "hours"], ["P-07", "2024-01-02 10:00", 2.5],
          ["P-08", "2024-01-03 11:00", 1234567], ["P-09", "2024-01-04 12:00", None]]


def table(**words):
    columns = {
        "machine_id": Column.model_validate({"from": "pump", "type": "text", "unit": "none", "description": "Pump"}),
        "done": Column(type="instant", unit="UTC", description="End"),
        "hours": Column(type="number", unit="h", nullable=True, description="Work"),
    }
    return Table(grain="one row per order", files=["orders.xlsx"], format="excel", columns=columns, **words)


@pytest.fixture
def orders(tmp_path):
    path = tmp_path / "orders.xlsx"
    path.write_bytes(workbook(cover=[["hello"]], orders=ORDERS))
    return path


@pytest.mark.parametrize("sheet", ["orders", 1])
def test_a_sheet_is_read_by_name_or_position(orders, sheet):
    piece = read_sheet(orders, "orders.xlsx", table(sheet=sheet, skip_lines=1))
    assert piece.frame["pump"].tolist() == ["P-07", "P-08", "P-09"]
    assert piece.frame["hours"].tolist()[:2] == [2.5, 1234567.0]
    assert piece.frame["hours"].isna().tolist() == [False, False, True]
    assert piece.rows.tolist() == [1, 2, 3]


def test_a_sheet_that_is_not_there_is_refused_with_those_that_are(orders):
    with pytest.raises(DataError, match=r"orders\.xlsx: no sheet 'May' \(found 'cover', 'orders'\); say `sheet:`"):
        read_sheet(orders, "orders.xlsx", table(sheet="May"))


def test_another_file_is_refused(tmp_path):
    (tmp_path / "orders.xlsx").write_text("pump,done,hours\n")
    with pytest.raises(DataError, match=r"orders\.xlsx: not readable as an Excel workbook"):
        read_sheet(tmp_path / "orders.xlsx", "orders.xlsx", table())


def test_without_the_extra_the_message_names_it(orders, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(OilcanError, match=r"python-calamine, which is not installed\. Run `make install-excel`"):
        read_sheet(orders, "orders.xlsx", table(sheet="orders", skip_lines=1))

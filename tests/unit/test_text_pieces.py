"""A text file in pieces of a few hundred bytes is what it is in one."""

import gzip

import numpy as np
import pandas as pd
import pyarrow
import pytest

from oilcan.contract import Column, Table
from oilcan.ground.errors import DataError
from oilcan.io.raw_data import delimited
from oilcan.io.raw_data.in_parts import text_pieces

BODY = "".join(f"M{number % 7:02d},2024-01-01T{number % 24:02d}:00,{number / 8}\n" for number in range(400))
HEAD = "machine_id,time,volt\n"
THOUSANDS = "".join(f"M01,2024-01-01,{'1.250' if number % 2 else '12'}\n" for number in range(400))
FILES = {
    "plain": HEAD + BODY,
    "no line end at the end": HEAD + BODY[:-1],
    "carriage returns": (HEAD + BODY).replace("\n", "\r\n"),
    "empty lines": HEAD + "\n\n" + BODY.replace("\nM03", "\n\nM03"),
    "records that cannot be cut": HEAD + "one,cell\n" + BODY.replace("M05,", "M05,more,", 5) + "M01,x\n",
    "one cell that is no number": HEAD + BODY + "M01,2024-01-02,high\n",
    "quoted line breaks": HEAD + BODY.replace("M05", '"M0\n5"', 3),
    "marks before three digits": HEAD + THOUSANDS,
    "marks before three digits but one": HEAD + THOUSANDS + "M01,2024-01-01,1.2505\n",
    "a header alone": HEAD,
    "byte-order mark": "\ufeff" + HEAD + BODY,
}


def table(**words):
    kinds = {"machine_id": "text", "time": "text", "volt": "number"}
    return Table(grain="row", files=["a.csv"], **words, columns={
        name: Column(type=kind, unit="none", description="x") for name, kind in kinds.items()})


def in_pieces(path, spec, monkeypatch):
    monkeypatch.setattr(text_pieces, "BLOCK", 256)
    source, seen = text_pieces.TextPieces(path, "a.csv", spec), []
    source.survey(lambda: seen.append)
    pieces = list(source.pieces())
    cells = pyarrow.concat_tables([piece for _, piece in pieces]).to_pandas(
        types_mapper=delimited.TEXT_TYPES.get) if pieces else pd.DataFrame(columns=list("012"))
    rows = np.concatenate([numbers for numbers, _ in pieces]) if pieces else np.array([])
    return source, cells.set_axis(source.wanted, axis=1), rows


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_pieces_are_the_file(name, is_compressed, tmp_path, monkeypatch):
    content = FILES[name].encode()
    (tmp_path / "a.csv").write_bytes(gzip.compress(content) if is_compressed else content)
    whole = delimited.read_delimited(tmp_path / "a.csv", "a.csv", table())
    source, cells, rows = in_pieces(tmp_path / "a.csv", table(), monkeypatch)
    pd.testing.assert_frame_equal(cells, whole.frame, check_dtype=len(cells) > 0, check_index_type=False,
                                  check_column_type=False)
    assert rows.tolist() == whole.rows.tolist()
    assert (source.malformed, source.grouped) == (whole.malformed, whole.grouped)


@pytest.mark.parametrize(("content", "message"), [
    ((HEAD + BODY).encode() + b"M\xe4,2024-01-01,1\n", "not utf-8 in line 402"),
    ((HEAD + BODY + 'M01,"2024-01-01,1\n' + BODY).encode(), "still open at the end of the file"),
    (gzip.compress((HEAD + BODY).encode())[:-20], "gzip is truncated"),
    (b"PAR1" + BODY.encode(), "is a Parquet file"),
    ((HEAD.replace("volt", "speed") + BODY).encode(), "column 'volt' is missing"),
])
def test_a_file_that_cannot_be_read_is_refused_as_in_one(content, message, tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=message) as whole:
        delimited.read_delimited(tmp_path / "a.csv", "a.csv", table())
    with pytest.raises(DataError, match=message) as pieces:
        in_pieces(tmp_path / "a.csv", table(), monkeypatch)
    assert str(pieces.value) == str(whole.value)

"""Cells become values of their logical type, or are told to be wrong; nothing is guessed."""

import numpy as np
import pandas as pd
import pytest

from oilcan.contract import Column, Table
from oilcan.core.ingest.cells.casting import cast
from oilcan.core.ingest.cells.personal import keyed_hash

TABLE = Table(grain="row", files=["a.csv"], missing=["", "NA", "-999"], columns={})


def column(kind, **words):
    return Column(type=kind, unit="none", description="x", **words)


@pytest.mark.parametrize("cell", ["1.5 bar", "one", "1,5", "1 000", "0x10", "inf", "--1"])
def test_text_that_is_no_finite_number_is_wrong_and_missing(cell):
    done = cast(pd.Series([cell, "2"]), column("number"), TABLE)
    assert done.wrong.tolist() == [True, False]
    assert np.isnan(done.values[0])


def test_numbers_are_converted_by_factor_and_offset():
    done = cast(pd.Series(["32", "212"]), column("number", factor=5 / 9, offset=-160 / 9), TABLE)
    assert done.values.tolist() == pytest.approx([0, 100])


@pytest.mark.parametrize("raw", [["", " NA", "-999"], [np.nan, -999.0, -999.0]])
def test_missing_marks_are_missing_whether_text_or_typed(raw):
    done = cast(pd.Series(raw), column("number"), TABLE)
    assert done.values.isna().all()
    assert not done.wrong.any()


def test_a_decimal_comma_is_read_and_a_point_beside_it_refused():
    table = TABLE.model_copy(update={"decimal": ","})
    done = cast(pd.Series(["1,25", "1.234,5", "1.234"]), column("number"), table)
    assert done.values[0] == 1.25
    assert done.wrong.tolist() == [False, True, True]


def test_a_fraction_is_no_integer():
    assert cast(pd.Series(["3", "3.5"]), column("integer"), TABLE).wrong.tolist() == [False, True]


def test_flags_are_read_in_six_spellings_and_no_seventh():
    done = cast(pd.Series(["1", "TRUE", "yes", "0", "False", "no", "maybe", ""]), column("flag"), TABLE)
    assert done.values[:6].tolist() == [True, True, True, False, False, False]
    assert done.wrong.tolist() == [False] * 6 + [True, False]


@pytest.mark.parametrize("raw", [pd.Series([True, False]), pd.Series([1, 0]), pd.Series([1.0, 0.0])])
def test_typed_flags_are_taken_as_they_are(raw):
    done = cast(raw, column("flag"), TABLE)
    assert done.values.tolist() == [True, False]
    assert not done.wrong.any()


def test_a_typed_number_that_is_neither_0_nor_1_is_no_flag():
    assert cast(pd.Series([0.5, 2.0, np.nan]), column("flag"), TABLE).wrong.tolist() == [True, True, False]


def test_enumerated_values_are_the_only_ones():
    done = cast(pd.Series(["L", " M ", "X", ""]), column("text", values=["L", "M"]), TABLE)
    assert done.wrong.tolist() == [False, False, True, False]
    assert done.values[1] == "M"


def test_hashes_depend_on_the_key_and_hide_the_text():
    names = pd.Series(["ann", "bob", None], dtype="str")
    first, other = keyed_hash(names, b"one"), keyed_hash(names, b"two")
    assert first[0] != other[0]
    assert first[0] != first[1]
    assert first.isna().tolist() == [False, False, True]
    assert first.str.len().tolist()[:2] == [64, 64]

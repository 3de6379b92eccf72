"""Instants become UTC by their offset or by the contract's zone, and zones are never mixed."""

import pandas as pd
import pytest

from oilcan.contract import Column, Table
from oilcan.core.ingest.cells.instants import cast_instants
from oilcan.ground.durations import Duration

TABLE = Table(grain="row", files=["a.csv"], columns={})


def read(*pieces, zone="UTC", **words):
    spec = Column(type="instant", unit="UTC", description="x", **words)
    done, facts = cast_instants([pd.Series(piece) for piece in pieces], spec, TABLE, zone)
    return done, facts.problems(spec, TABLE, zone)


def texts(done):
    return [None if pd.isna(value) else value.isoformat() for value in done.values]


@pytest.mark.parametrize(
    ("cell", "zone", "wanted"),
    [
        ("2024-03-01", "UTC", "2024-03-01T00:00:00+00:00"),
        ("2024-03-01 06:30:00", "UTC", "2024-03-01T06:30:00+00:00"),
        ("2024-03-01T06:30:00.25", "UTC", "2024-03-01T06:30:00.250000+00:00"),
        ("2024-03-01T06:30:00Z", "Asia/Tokyo", "2024-03-01T06:30:00+00:00"),
        ("2024-03-01T06:30:00+02:00", "UTC", "2024-03-01T04:30:00+00:00"),
        ("2024-03-01T06:30:00+02", "UTC", "2024-03-01T04:30:00+00:00"),
        ("2024-07-01 06:00", "Europe/Berlin", "2024-07-01T04:00:00+00:00"),
    ],
)
def test_an_instant_is_utc_to_the_microsecond(cell, zone, wanted):
    done, problems = read([cell], zone=zone)
    assert texts(done) == [wanted]
    assert str(done.values.dtype) == "datetime64[us, UTC]"
    assert not done.wrong.any()
    assert problems == []


@pytest.mark.parametrize("cell", ["yesterday", "now", "today", "2024-13-01", "2024-02-30", "12", "01/02/2024"])
def test_what_is_no_iso_instant_is_wrong(cell):
    done, _ = read([cell, "2024-01-01"])
    assert done.wrong.tolist() == [True, False]


def test_a_format_is_the_only_one():
    done, _ = read(["31.12.2024 23:00", "2024-12-31"], format="%d.%m.%Y %H:%M")
    assert texts(done) == ["2024-12-31T23:00:00+00:00", None]
    assert done.wrong.tolist() == [False, True]


def test_a_format_reads_dates_that_the_file_holds_as_numbers():
    done, _ = read([20241231], format="%Y%m%d")
    assert texts(done) == ["2024-12-31T00:00:00+00:00"]


def test_a_format_may_carry_the_offset():
    done, problems = read(["31.12.2024 23:00 +0100"], format="%d.%m.%Y %H:%M %z")
    assert texts(done) == ["2024-12-31T22:00:00+00:00"]
    assert problems == []


def test_wall_times_that_a_clock_change_skips_or_repeats_are_wrong():
    done, _ = read(["2024-03-31 02:30", "2024-10-27 02:30", "2024-10-27 03:30"], zone="Europe/Berlin")
    assert done.wrong.tolist() == [True, True, False]


@pytest.mark.parametrize(
    "pieces",
    [
        (["2024-01-01 00:00", "2024-01-01 01:00+00:00"],),
        (["2024-01-01 00:00"], ["2024-01-01 01:00Z"]),
        (pd.to_datetime(["2024-01-01"]), pd.to_datetime(["2024-01-01"], utc=True)),
    ],
)
def test_instants_with_and_without_offset_are_mixed_even_across_files(pieces):
    _, problems = read(*pieces)
    assert len(problems) == 1
    assert "time zones are mixed: instants with and without a zone offset" in problems[0]


def test_offsets_that_the_zone_never_has_are_mixed():
    _, problems = read(["2024-01-01T00:00:00+01:00", "2024-01-01T01:00:00+05:00"], zone="Europe/Berlin")
    assert len(problems) == 1
    assert "offsets ['+01:00', '+05:00'] that are not those of zone Europe/Berlin" in problems[0]


def test_offsets_of_summer_and_winter_of_the_zone_are_not_mixed():
    done, problems = read(["2024-01-01T12:00:00+01:00", "2024-07-01T12:00:00+02:00"], zone="Europe/Berlin")
    assert texts(done) == ["2024-01-01T11:00:00+00:00", "2024-07-01T10:00:00+00:00"]
    assert problems == []


def test_a_shift_moves_a_stamp_to_when_its_value_is_known():
    done, _ = read(["2024-01-01"], shift=Duration.parse("1d"))
    assert texts(done) == ["2024-01-02T00:00:00+00:00"]

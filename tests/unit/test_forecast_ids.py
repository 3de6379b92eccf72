"""Ids of forecasts rise by machine, whoever gives them: a start shows the forecast with the highest one of a moment."""

from typing import Any

import numpy as np
import pytest

from oilcan.io.stores.tables.forecast_table import Forecast
from oilcan.serving.engine.forecast_ids import ForecastIds
from oilcan.serving.engine.forecast_log import ForecastLog

P = {"p": np.array([0.5]), "rul": np.array([100.0])}


class Numbers:
    """The part of the store that gives out ids."""

    def __init__(self) -> None:
        self.next = 1

    def forecast_ids(self, n: int) -> range:
        self.next += n
        return range(self.next - n, self.next)

    def log_forecasts(self, *_given: Any) -> None:
        raise AssertionError("nothing is to be logged")


@pytest.fixture
def numbers():
    return Numbers()


@pytest.fixture
def ids(numbers):
    log = ForecastLog(numbers, lambda: 0, lambda _n: None)
    yield ForecastIds(log)
    log.stop()


def of(ids: ForecastIds, given: dict[str, int], columns: dict[str, np.ndarray] = P) -> tuple[int, bool]:
    found, is_new = ids.of(["a"], np.array([10]), columns, given)
    return int(found[0]), bool(is_new[0])


def test_an_entry_s_id_below_a_reserved_one_is_replaced(ids, numbers):
    entries = [numbers.forecast_ids(2).start for _ in range(3)]
    reserved, _ = of(ids, {})                           # a machine that was described alone, met again after a start
    found = [of(ids, {"a": given})[0] for given in entries]
    assert [reserved, *found] == sorted({reserved, *found})


def test_a_reserved_id_is_above_those_that_entries_brought(ids, numbers):
    of(ids, {})                                         # reserves a block
    later = numbers.forecast_ids(2).start
    assert of(ids, {"a": later}) == (later, True)
    assert of(ids, {})[0] > later


def test_entries_met_again_keep_their_ids(ids, numbers):
    first = numbers.forecast_ids(2).start
    of(ids, {})
    ids.begin_again()
    assert of(ids, {"a": first}) == (first, True)


def logged(**values: float) -> Forecast:
    return Forecast(7, "a", 10, 1, "digest", 1, "active", values)


@pytest.mark.parametrize(("values", "is_new"), [
    ({"p": 0.5, "rul": 100.0}, False), ({"p": 0.5}, False), ({"p": 0.5, "rul": 90.0}, True),
    ({"p": 0.4, "rul": 100.0}, True),
    ({"other": 1.0}, True)])
def test_a_forecast_is_logged_already_only_if_every_column_is_the_same(ids, values, is_new):
    ids.logged = {"a": logged(**values)}
    assert of(ids, {"a": 9}) == ((9, True) if is_new else (7, False))


def test_what_follows_a_reserved_id_is_logged_though_the_log_has_the_same(ids):
    ids.logged = {"a": logged(p=0.5, rul=100.0)}
    other, is_new = of(ids, {}, P | {"rul": np.array([90.0])})
    assert is_new
    again, is_new = of(ids, {"a": 9})
    assert is_new
    assert again > other

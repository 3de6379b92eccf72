"""New forecasts of some machines from one bundle, with what its alarm policy makes of them; nothing shows yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from oilcan.serving.engine.alarming import Alarming, Judged
from oilcan.serving.engine.bundle_track import BundleTrack
from oilcan.serving.engine.forecast_board import ForecastBoard
from oilcan.serving.engine.forecast_ids import ForecastIds
from oilcan.serving.engine.forecast_log import ForecastRows


@dataclass(frozen=True)
class NewForecasts:
    """New forecasts of one bundle.

    Attributes
    ----------
    names, slots, times
        Machines, their slots on the board and their newest readings, shape (n,).
    ids, is_new
        Ids, and which the store's log does not have yet, shape (n,).
    matrix, columns
        Features, shape (n, n_features), and forecasts by column, shape (n,) each.
    judged
        What the alarm policy makes of them; None if it looks at none.
    """

    track: BundleTrack
    names: Sequence[str]
    slots: np.ndarray
    times: np.ndarray
    ids: np.ndarray
    is_new: np.ndarray
    matrix: np.ndarray
    columns: dict[str, np.ndarray]
    alarming: Alarming
    judged: Judged | None

    @classmethod
    def of(cls, track: BundleTrack, names: Sequence[str], times: np.ndarray, board: ForecastBoard, numbers: ForecastIds,
           alarming: Alarming, given: Mapping[str, int], *, is_whole: bool, is_judged: bool) -> "NewForecasts":
        """Forecast machines at their newest readings.

        Parameters
        ----------
        names
            In order of their slots.
        given
            Ids that the entry of the log brought.
        is_whole
            Whether all columns are forecast, or those of the headline alone.
        is_judged
            Whether the alarm policy looks at them.
        """
        served = track.served
        slots = np.array([board.slot[name] for name in names], dtype=np.int64)
        matrix = track.matrix(names)
        columns = served.score(matrix, None if is_whole else served.headline_names)
        ids, is_new = numbers.of(names, times, columns, given)
        judged = alarming.judge(slots, times, columns, matrix, ids) if is_judged else None
        return cls(track, names, slots, times, ids, is_new, matrix, columns, alarming, judged)

    def show(self, board: ForecastBoard) -> None:
        """Put them on the board, and let the policy's decision on them count."""
        board.publish(self.slots, self.times, self.ids, self.columns)
        if self.judged is not None:
            self.alarming.accept(self.judged)

    def rows_of_alarms(self) -> ForecastRows:
        """Those of them that alarms rest on."""
        opened = np.zeros(0, dtype=np.int64) if self.judged is None else self.judged.opened
        return ForecastRows.of(self.track.served, "active", self.columns, self.names, self.times, self.ids
                               ).only(self.is_new & np.isin(self.slots, opened))

    def rows(self) -> ForecastRows:
        """Those that the store's log does not have yet."""
        return ForecastRows.of(self.track.served, "active", self.columns, self.names, self.times, self.ids
                               ).only(self.is_new)

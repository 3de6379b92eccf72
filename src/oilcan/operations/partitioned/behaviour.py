"""Does a model behave, whatever its figures say? Tested on the check rows of its bundle.

After Ribeiro et al. 2020, "Beyond Accuracy: Behavioral Testing of NLP Models with CheckList" (ACL): invariance (another
order of the rows), robustness (a sensor that is missing, a kind of machine that was never seen), direction (more wear
is never safer, where `train.monotone` says so).
"""

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

import numpy as np

from oilcan.core.bundle.bundle import Bundle
from oilcan.core.model.fitted import EventForecast
from oilcan.governance.gate_findings import Check
from oilcan.scoring.scorer import columns

_MOST_ROWS: Final = 64
_UNSEEN: Final = np.float32(1e6)        # a code that no kind of machine has
Columns = Mapping[str, np.ndarray]


def behaviour(bundle: Bundle, monotone: Mapping[str, int]) -> list[Check]:
    """Every behaviour, as checks that reject.

    Parameters
    ----------
    monotone
        Feature or pattern -> 1 or -1, as in `train.monotone`.
    """
    fitted = bundle.fitted
    rows = np.column_stack([bundle.check_rows[name] for name in fitted.features]).astype(np.float32)[:_MOST_ROWS]

    def score(matrix: np.ndarray) -> Columns:
        return columns(fitted.forecasts, matrix)

    return [_order(rows, score), _missing(bundle, rows, score), _unseen(bundle, rows, score),
            *_direction(bundle, rows, monotone)]


def _order(rows: np.ndarray, score: Callable[[np.ndarray], Columns]) -> Check:
    order = np.random.default_rng(0).permutation(len(rows))
    plain, shuffled = score(rows), score(rows[order])
    broken = sorted(name for name in plain if not np.array_equal(plain[name][order], shuffled[name], equal_nan=True))
    return Check("behaviour, another order of the rows", not broken,
                 f"other forecasts in {', '.join(broken) or 'no column'}", "the same forecast of each row", "reject")


def _missing(bundle: Bundle, rows: np.ndarray, score: Callable[[np.ndarray], Columns]) -> Check:
    sensors = sorted({feature.sensor for feature in bundle.plan.features})
    broken = []
    for sensor in sensors:
        without = rows.copy()
        without[:, [feature.sensor == sensor for feature in bundle.plan.features]] = np.nan
        broken += [sensor] if not _is_sound(score(without)) else []
    return Check("behaviour, a sensor is missing", not broken,
                 f"no sound forecast without {', '.join(broken) or 'none of them'}",
                 f"a finite forecast without any one of {len(sensors)} sensors", "reject")


def _unseen(bundle: Bundle, rows: np.ndarray, score: Callable[[np.ndarray], Columns]) -> Check:
    static = [feature.kind == "static" for feature in bundle.plan.features]
    strange = rows.copy()
    strange[:, static] = _UNSEEN
    return Check("behaviour, a machine of a new kind", _is_sound(score(strange)),
                 f"{sum(static)} features of the machine set to what was never seen", "a finite forecast", "reject")


def _direction(bundle: Bundle, rows: np.ndarray, monotone: Mapping[str, int]) -> Iterator[Check]:
    events = [each for each in bundle.fitted.forecasts if isinstance(each, EventForecast)]
    signs = {at: sign for at, name in enumerate(bundle.fitted.features) for pattern, sign in monotone.items()
             if fnmatchcase(name, pattern)}
    if not signs or not events:
        return
    before, broken = columns(events, rows), []
    for at, sign in signs.items():
        raised = rows.copy()
        raised[:, at] += sign * np.nan_to_num(np.nanstd(rows[:, at]), nan=1.0)
        after = columns(events, raised)
        broken += [bundle.fitted.features[at]] if any(
            (after[name] < before[name] - 1e-12).any() for name in before if name.startswith("p_")) else []
    yield Check("behaviour, direction", not broken, f"a safer forecast with more of {', '.join(broken) or 'none'}",
                f"never, of the {len(signs)} features that train.monotone names", "reject")


def _is_sound(forecasts: Columns) -> bool:
    """Finite, and probabilities between 0 and 1."""
    return all(np.isfinite(values).all() for values in forecasts.values()) and all(
        ((values >= 0) & (values <= 1)).all() for name, values in forecasts.items() if name.startswith(("p_", "by_")))

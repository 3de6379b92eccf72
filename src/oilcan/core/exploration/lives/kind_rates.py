"""Do some kinds of machines fail more often than others? Failures per time observed, by model, site or the like."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from oilcan.core.exploration.lives.component_lives import Spells
from oilcan.ground.columns import MACHINE

FEWEST: Final = 5           # failures of a kind that is named, and expected failures of a kind that is tested alone


@dataclass(frozen=True)
class KindRates:
    """How often machines of different kinds fail in one mode.

    Attributes
    ----------
    mode, column
        Failure mode, and the column of `machines` that tells the kinds apart.
    p_value
        Of equal rates: likelihood-ratio test of Poisson counts, kinds with few expected failures taken together.
    kind, ratio, ratio_ci95
        The kind with at least five failures whose rate differs most from that of all others together, by how many
        times, and the exact interval of that.
    """

    mode: str
    column: str
    p_value: float
    kind: str
    ratio: float
    ratio_ci95: tuple[float, float]


def kind_rates(of: Spells, machines: pd.DataFrame, column: str) -> KindRates | None:
    """Rates by the kinds in `column`; None where there are fewer than two kinds or too few failures.

    Examples
    --------
    >>> lives = pd.DataFrame({"machine_id": ["a", "b", "c", "d"] * 10, "start": 0.0,
    ...                       "end": [1.0, 1.0, 9.0, 9.0] * 10, "failed": True, "began": "failure"})
    >>> table = pd.DataFrame({"machine_id": ["a", "b", "c", "d"], "model": ["X", "X", "Y", "Y"]})
    >>> found = kind_rates(Spells("belt", lives, False, np.zeros(0)), table, "model")
    >>> found.kind, round(found.ratio, 1), found.p_value < 0.001
    ('X', 9.0, True)
    """
    kind = of.table[MACHINE].map(machines.set_index(MACHINE)[column].astype(str))
    by = pd.DataFrame({"failed": of.table["failed"].astype(int), "time": of.table["end"] - of.table["start"]}).groupby(
        kind).sum()
    total = by.sum()
    if len(by) < 2 or total["failed"] < 2 * FEWEST or total["time"] <= 0:
        return None
    expected = by["time"] * total["failed"] / total["time"]
    few = expected < FEWEST
    counts = np.append(by["failed"][~few].to_numpy(np.float64), by["failed"][few].sum())
    wanted = np.append(expected[~few].to_numpy(np.float64), expected[few].sum())
    counts, wanted = counts[wanted > 0], wanted[wanted > 0]
    if len(counts) < 2:
        return None
    statistic = 2 * float(np.sum(np.where(counts > 0, counts * np.log(np.maximum(counts, 1) / wanted), 0.0)))
    named = by[by["failed"] >= FEWEST]
    ratios = (named["failed"] / named["time"]) / (
        (total["failed"] - named["failed"]) / (total["time"] - named["time"]).clip(lower=1e-9)).replace(0.0, np.nan)
    ratios = ratios.dropna()
    if ratios.empty:
        return None
    most = str(np.abs(np.log(ratios)).idxmax())
    mine, time = int(by.loc[most, "failed"]), float(by.loc[most, "time"])
    share = stats.binomtest(mine, int(total["failed"])).proportion_ci(0.95, "exact")
    scale = (total["time"] - time) / time
    low, high = (end / max(1 - end, 1e-9) * scale for end in (share.low, share.high))
    return KindRates(of.mode, column, float(stats.chi2.sf(statistic, len(counts) - 1)), most, float(ratios[most]),
                     (float(low), float(high)))

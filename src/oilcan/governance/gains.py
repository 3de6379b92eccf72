"""By how much is one model better than another, in the measure of a line of the policy?"""

import numpy as np

from oilcan.core.judging import bootstrap
from oilcan.governance.gate_findings import Comparison
from oilcan.params.operating.gate_policy import MetricLine


def gain(line: MetricLine, challenger: np.ndarray, champion: np.ndarray, where: str) -> Comparison:
    """The gain of the challenger, positive where it is better, with its 95 % interval.

    Parameters
    ----------
    challenger, champion
        The figure of all machines first, then of each draw; shape (1 + draws,).

    Examples
    --------
    >>> line = MetricLine(metric="cost", better="lower", floor=None, tolerated=0.1, measure="share", by="estimate",
    ...                   reason="an example of a line")
    >>> gain(line, np.array([90.0, 80.0, 95.0]), np.array([100.0, 100.0, 100.0]), "test part").gain
    0.1
    """
    sign = 1.0 if line.better == "higher" else -1.0
    scale = np.abs(champion) if line.measure == "share" else np.ones(len(champion))
    # a champion at zero cannot be divided by: then any loss counts as 100 %, and equality as none
    gains = sign * (challenger - champion) / np.where(scale > 0, scale, np.maximum(np.abs(challenger), 1e-300))
    low, high = bootstrap.interval(gains[1:]) or (gains[0], gains[0])
    return Comparison(line.metric, where, float(champion[0]), float(challenger[0]), float(gains[0]), float(low),
                      float(high))

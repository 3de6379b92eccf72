"""Which random numbers belong to which concern?

One generator per concern, so that a change in one concern never reshuffles another.
"""

import numpy as np

CONCERNS = (
    "machines", "initial", "weather", "load", "life", "errors", "noise", "wander", "late",
    "duplicate", "missing", "gap", "stuck", "spike", "dead", "drift",
    "recording",
)  # fmt: skip
"""Order is part of the data set: append only."""


def stream(seed: int, concern: str, block: int = 0) -> np.random.Generator:
    """Generator of one concern, independent of every other concern and block.

    Parameters
    ----------
    seed
        Seed of the whole fleet, >= 0.
    concern
        One of `CONCERNS`.
    block
        0 for the first machines there from the beginning, 1 for those that join later, 2 and more for further groups
        of the machines there from the beginning.

    Examples
    --------
    >>> a, b = stream(1, "load").random(), stream(1, "load").random()
    >>> a == b, a == stream(1, "life").random()
    (True, False)
    """
    children = np.random.SeedSequence(seed, spawn_key=(block,)).spawn(len(CONCERNS))
    return np.random.default_rng(children[CONCERNS.index(concern)])


def autoregression(shocks: np.ndarray, memory_h: float) -> np.ndarray:
    """Stationary AR(1) series of unit variance driven by unit-variance `shocks`.

    Parameters
    ----------
    shocks
        Shape (n_hours, n), standard normal.
    memory_h
        Hours after which the correlation has fallen to 1/e, > 0.

    Examples
    --------
    >>> autoregression(np.ones((1, 2)), memory_h=10.0)
    array([[1., 1.]])
    """
    keep = np.exp(-1.0 / memory_h)
    series = shocks * np.sqrt(1.0 - keep**2)
    series[0] = shocks[0]
    for hour in range(1, len(series)):
        series[hour] += keep * series[hour - 1]
    return series

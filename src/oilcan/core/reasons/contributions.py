"""How much does each feature push one forecast up or down? Exact Shapley values of tree ensembles.

The game is the path-dependent one of TreeSHAP: a leaf's conditions on known features hold or not; those on
the others hold for the share of training rows that met them. Take a leaf of value v with
conditions on k features. o_j is 1 if the row meets condition j, else 0; z_j is the share of training rows that do. The
leaf gives feature i

    v (o_i - z_i) * integral over t from 0 to 1 of prod over j != i of (o_j t + z_j (1 - t)) dt,

for |S|! (k - |S| - 1)! / k! is the integral of t^|S| (1 - t)^(k - |S| - 1). The integrand is a polynomial of
degree k - 1, so Gauss-Legendre quadrature with ceil(k / 2) nodes has no error but rounding.
See docs/reasons.md for sources.
"""

import functools
from typing import Final

import numpy as np
from scipy import sparse

from oilcan.core.model.fitted import by_batch
from oilcan.core.model.trees import TreeModel
from oilcan.core.reasons.leaf_paths import LeafPaths, leaf_paths

_PATTERN_BITS: Final = 8            # leaves with more features have no table; also what one byte holds
_TABLE_NUMBERS: Final = 1_000_000   # in all tables of an ensemble, 8 MB
_NUMBERS: Final = 700_000           # computed at a time, so that they stay in the processor's cache


class Contributions:
    """Contributions of all features to the output of an ensemble, ready to be computed for any rows.

    Leaves with few features have a table of the contributions for all 2^k patterns of conditions.

    Attributes
    ----------
    base
        Mean output of the ensemble over training rows, on its raw scale (`TreeModel.raw`).

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> forest = RandomForestRegressor(1, bootstrap=False).fit(x, 10 * x[:, 0] + 4 * x[:, 1])
    >>> contributions = Contributions(TreeModel.from_sklearn(forest, x))
    >>> contributions.base, contributions(np.array([[1.0, 0.0]], dtype=np.float32))
    (7.0, array([[ 5., -2.]]))
    """

    def __init__(self, trees: TreeModel) -> None:
        base, leaves = leaf_paths(trees)
        self.base = base + sum(float((paths.value * paths.share.prod(axis=0)).sum()) for paths in leaves)
        self.n_features = trees.n_features
        room = _TABLE_NUMBERS * len(trees.members)
        self._groups = []
        for paths in leaves:
            room -= paths.feature.size << min(paths.k, _PATTERN_BITS)
            self._groups.append(_Group(paths, tabled=paths.k <= _PATTERN_BITS and room >= 0))
        asked = [np.concatenate([getattr(paths, name).ravel() for paths in leaves])
                 for name in ("feature", "low", "high", "missing")]
        bits = np.stack([array.astype(np.float64).view(np.int64) for array in asked])
        _, first, self._condition = np.unique(bits, axis=1, return_index=True, return_inverse=True)
        self._feature, self._low, self._high, self._missing = (array[first][:, None] for array in asked)
        self._by_feature = sparse.csr_array((np.ones(len(asked[0])), (asked[0], np.arange(len(asked[0])))),
                                            shape=(self.n_features, len(asked[0])))

    def __call__(self, matrix: np.ndarray) -> np.ndarray:
        """Shape (n, n_features): `base` plus the sum of a row is the output of the trees for it.

        Parameters
        ----------
        matrix
            Shape (n, n_features), float32; NaN where missing.

        Raises
        ------
        ValueError
            If the number of columns is wrong.
        """
        if matrix.ndim != 2 or matrix.shape[1] != self.n_features:
            raise ValueError(f"matrix: shape is {matrix.shape}, wanted (n, {self.n_features})")
        out = np.empty(matrix.shape)
        for rows in by_batch(len(matrix), max(1, _NUMBERS // max(1, len(self._condition)))):
            columns = np.ascontiguousarray(matrix[rows].T, dtype=np.float64)
            out[rows] = (self._by_feature @ self._pushes(columns)).T
        return out

    def _pushes(self, columns: np.ndarray) -> np.ndarray:
        """Contributions through each condition of each leaf, shape (conditions, n), from (n_features, n)."""
        x = columns[self._feature[:, 0]]
        met = ~(x <= self._low) & (x <= self._high)
        met |= self._missing & np.isnan(x)
        met = met[self._condition]
        pushes, at = np.empty(met.shape), 0
        for group in self._groups:
            part = slice(at, at := at + group.paths.feature.size)
            shape = (*group.paths.feature.shape, columns.shape[1])
            group.fill(pushes[part].reshape(shape), met[part].reshape(shape))
        return pushes


class _Group:
    """Leaves with the same number of features."""

    def __init__(self, paths: LeafPaths, *, tabled: bool) -> None:
        self.paths = paths
        self._table = None
        if tabled:
            met = np.arange(1 << paths.k) >> np.arange(paths.k)[:, None, None] & 1 == 1         # (k, 1, 2^k)
            self._table = _shapley(paths, np.broadcast_to(met, (*paths.feature.shape, 1 << paths.k))).ravel()
            self._starts = np.arange(paths.feature.size).reshape(*paths.feature.shape, 1) << paths.k
            self._bits = np.arange(paths.k, dtype=np.uint8)[:, None, None]

    def fill(self, pushes: np.ndarray, met: np.ndarray) -> None:
        """Contributions from conditions met, both of shape (k, leaves, n)."""
        if self._table is None:
            pushes[:] = _shapley(self.paths, met)
        else:
            pattern = np.bitwise_or.reduce(met.view(np.uint8) << self._bits, axis=0)
            np.take(self._table, self._starts + pattern, out=pushes, mode="clip")              # "raise" would copy


def _shapley(paths: LeafPaths, met: np.ndarray) -> np.ndarray:
    """The formula above for every leaf, feature and pattern: shape (k, leaves, patterns), as `met`."""
    nodes, weights = _quadrature(max(1, -(-paths.k // 2)))
    gap = met - paths.share[..., None]
    total = np.zeros(met.shape)
    for t, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        factor = met * t + (paths.share * (1 - t))[..., None]
        total += weight * factor.prod(axis=0) / factor
    return np.asarray(paths.value[:, None] * gap * total)


@functools.cache
def _quadrature(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss and Legendre's rule."""
    return np.polynomial.legendre.leggauss(n)

"""Leaves of small boosted trees found by masks, with the bits of treelite's own prediction.

A leaf is found without walking down (Lucchese et al. 2015, *QuickScorer: a fast algorithm to rank documents with
additive ensembles of regression trees*, SIGIR): each inner node whose condition fails rules out the leaves on its left
side, and the first leaf that is left over is the one. That is a few vector operations: over all trees at once where
rows are few, over all rows at once, tree by tree, where they are many. Leaves are added in the order of the trees, as
treelite adds them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

_MOST_LEAVES: Final = 16
_AT_MOST: Final = 3                 # treelite's number for x <= threshold
_MANY: Final = 400                  # rows from which on one tree at a time is faster
_ROWS: Final = 2048                 # of many, at a time: their features stay in the processor's cache
_CELLS: Final = 1 << 18             # nodes times rows, of few rows, at a time
_EVERY_LEAF: Final = 0xFFFF
_FIRST: Final = np.array([0, *((at & -at).bit_length() - 1 for at in range(1, 1 << _MOST_LEAVES))], dtype=np.uint8)
"""Position of the lowest bit that is set, for every mask of 16 bits."""


@dataclass(frozen=True)
class _Sum:
    """Trees of one ensemble, and what becomes of the sum of their leaves."""

    trees: slice
    base: float
    alpha: float | None             # of the sigmoid; None where the sum is the forecast

    def forecast(self, leaves: np.ndarray, *, raw: bool) -> np.ndarray:
        total = leaves + self.base
        if raw or self.alpha is None:
            return total
        # numpy's own exp differs from the C library's, which treelite calls, in the last bit
        return 1.0 / (1.0 + np.fromiter(map(math.exp, -self.alpha * total), dtype=np.float64, count=len(total)))


@dataclass(frozen=True)
class LeafMasks:
    """Boosted ensembles of small trees that read the same features.

    Attributes
    ----------
    feature
        Feature that each inner node asks, shape (nodes, trees); `n_features` more where a missing value goes left.
        Trees with fewer nodes are filled up with nodes that rule out no leaf.
    threshold, threshold32
        What it is compared with, same shape; as float32, rounded down, it splits float32 values in the same way.
    possible
        Leaves that remain if x <= threshold fails, same shape, uint16.
    leaves, first
        Values of the leaves of all trees, and where those of each tree begin, shape (trees,).
    sums
        One for each ensemble.
    """

    feature: np.ndarray
    threshold: np.ndarray
    threshold32: np.ndarray
    possible: np.ndarray
    leaves: np.ndarray
    first: np.ndarray
    sums: tuple[_Sum, ...]

    @classmethod
    def of(cls, member: Any) -> "LeafMasks | None":
        """A treelite model, if its trees are small and their sum, or its sigmoid, is the forecast; else None."""
        header = member.get_header_accessor()
        kind, number = str(header.get_field("postprocessor")), int(member.num_tree)
        averaged, classes = header.get_field("average_tree_output")[0], int(header.get_field("num_class")[0])
        if averaged or classes != 1 or kind not in {"identity", "sigmoid"}:
            return None
        trees = []
        for at in range(number):
            tree = _tree(member.get_tree_accessor(at), int(member.num_feature))
            if tree is None:
                return None
            trees.append(tree)
        alpha = float(header.get_field("sigmoid_alpha")[0]) if kind == "sigmoid" else None
        feature, threshold, possible, leaves = zip(*trees, strict=True)
        base = float(header.get_field("base_scores")[0])
        return cls._of_columns(feature, threshold, possible, np.concatenate(leaves), _starts(leaves),
                               (_Sum(slice(0, number), base, alpha),))

    @classmethod
    def joined(cls, ensembles: Sequence["LeafMasks"]) -> "LeafMasks":
        """Several, one or more, whose leaves are found together."""
        feature, threshold, possible = ([column for each in ensembles for column in getattr(each, name).T]
                                        for name in ("feature", "threshold", "possible"))
        leaves, trees = _starts([each.leaves for each in ensembles]), _starts([each.first for each in ensembles])
        return cls._of_columns(
            feature, threshold, possible, np.concatenate([each.leaves for each in ensembles]),
            np.concatenate([each.first + start for each, start in zip(ensembles, leaves, strict=True)]),
            tuple(replace(one, trees=slice(int(one.trees.start + start), int(one.trees.stop + start)))
                  for each, start in zip(ensembles, trees, strict=True) for one in each.sums))

    @classmethod
    def _of_columns(cls, feature: Sequence[np.ndarray], threshold: Sequence[np.ndarray], possible: Sequence[np.ndarray],
                    leaves: np.ndarray, first: np.ndarray, sums: tuple[_Sum, ...]) -> "LeafMasks":
        """From the nodes of each tree."""
        limit = _grid(threshold, np.inf, np.float64)
        return cls(_grid(feature, 0, np.intp), limit, _rounded_down(limit), _grid(possible, _EVERY_LEAF, np.uint16),
                   leaves, first, sums)

    def predict(self, matrix: np.ndarray, *, raw: bool) -> list[np.ndarray]:
        """Of each ensemble one number per row, shape (n,): the sum of the leaves if `raw`, else the forecast.

        Parameters
        ----------
        matrix
            Shape (n, n_features), float32 or float64; NaN where missing.
        """
        are_many = len(matrix) >= _MANY
        rows = _ROWS if are_many else max(1, _CELLS // max(1, self.feature.size))
        sums = np.empty((len(self.sums), len(matrix)))
        for at in range(0, len(matrix), rows):
            part = matrix[at : at + rows]
            both = np.concatenate((part, np.where(np.isnan(part), -np.inf, part)), axis=1)
            sums[:, at : at + rows] = self._tree_by_tree(both) if are_many else self._all_trees(both)
        return [one.forecast(leaves, raw=raw) for one, leaves in zip(self.sums, sums, strict=True)]

    def _all_trees(self, both: np.ndarray) -> np.ndarray:
        """Sums of leaves, shape (ensembles, m), of rows, shape (m, 2 n_features): missing values, then as -inf."""
        holds = both.take(self.feature.ravel(), axis=1) <= self._limit(both).ravel()        # a missing value fails
        keeps = np.negative(holds.view(np.uint8).astype(np.uint16))                         # all bits where it holds
        keeps |= self.possible.ravel()
        left = np.bitwise_and.reduce(keeps.reshape(len(both), *self.feature.shape), axis=1)
        leaves = self.leaves.take(_FIRST.take(left) + self.first)
        return np.array([leaves[:, one.trees].cumsum(axis=1)[:, -1] for one in self.sums])  # `sum` adds in other order

    def _tree_by_tree(self, both: np.ndarray) -> np.ndarray:
        """The same."""
        columns, limit = np.ascontiguousarray(both.T), self._limit(both)
        sums = np.zeros((len(self.sums), len(both)))
        for one, total in zip(self.sums, sums, strict=True):
            for tree in range(one.trees.start, one.trees.stop):
                holds = columns.take(self.feature[:, tree], axis=0) <= limit[:, tree, None]
                keeps = np.negative(holds.view(np.uint8).astype(np.uint16))
                keeps |= self.possible[:, tree, None]
                total += self.leaves.take(_FIRST.take(np.bitwise_and.reduce(keeps, axis=0)) + self.first[tree])
        return sums

    def _limit(self, values: np.ndarray) -> np.ndarray:
        return self.threshold32 if values.dtype == np.float32 else self.threshold


def _grid(columns: Sequence[np.ndarray], fill: float, kind: type) -> np.ndarray:
    """Columns of several lengths side by side, filled up at their ends."""
    grid: np.ndarray = np.full((max(map(len, columns)), len(columns)), fill, dtype=kind)
    for at, column in enumerate(columns):
        grid[: len(column), at] = column
    return grid


def _starts(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Where each part begins in all of them one after the other.

    Examples
    --------
    >>> _starts([np.zeros(3), np.zeros(1), np.zeros(2)]).tolist()
    [0, 3, 4]
    """
    return np.cumsum([0, *map(len, parts[:-1])])


_Tree = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]       # feature, threshold, possible of nodes; leaves


def _tree(accessor: Any, n_features: int) -> _Tree | None:
    """One tree; None if it has too many leaves, or asks anything else than x <= threshold."""
    left, right, feature, threshold, value, missing_left = (accessor.get_field(name) for name in (
        "cleft", "cright", "split_index", "threshold", "leaf_value", "default_left"))
    nodes = np.flatnonzero(left >= 0)
    is_plain = len(value) == len(left) and len(accessor.get_field("category_list")) == 0
    if not is_plain or len(left) - len(nodes) > _MOST_LEAVES or set(accessor.get_field("cmp")[nodes]) - {_AT_MOST}:
        return None
    order: list[int] = []
    on_the_left: dict[int, int] = {}
    _walk(left.tolist(), right.tolist(), 0, order, on_the_left)
    possible = np.array([_EVERY_LEAF & ~on_the_left[node] for node in nodes.tolist()], dtype=np.uint16)
    asked = feature[nodes] + n_features * missing_left[nodes].astype(np.intp)
    return asked, threshold[nodes].astype(np.float64), possible, value[order].astype(np.float64)


def _walk(left: list[int], right: list[int], node: int, order: list[int], on_the_left: dict[int, int]) -> None:
    """Note leaves from left to right, and for each inner node the bits of those on its left side."""
    if left[node] < 0:
        order.append(node)
        return
    before = len(order)
    _walk(left, right, left[node], order, on_the_left)
    on_the_left[node] = (1 << len(order)) - (1 << before)
    _walk(left, right, right[node], order, on_the_left)


def _rounded_down(values: np.ndarray) -> np.ndarray:
    """The greatest float32 that is not above each value.

    Examples
    --------
    >>> float(_rounded_down(np.array([0.1]))[0]) <= 0.1 < float(np.nextafter(_rounded_down(np.array([0.1])), 1)[0])
    True
    """
    with np.errstate(over="ignore"):
        near = values.astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)

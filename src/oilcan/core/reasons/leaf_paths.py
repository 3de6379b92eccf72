"""What must a row satisfy to fall into a leaf? Trees as sets of leaves, each with one condition per feature.

All conditions of a path on one feature are merged into one: low < x <= high, and whether a missing value
passes. Each merged condition has the share of training rows that pass it, among those that reach its splits.
"""

from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from oilcan.core.model.trees import TreeModel

_OPEN: Final = (-1, np.nan, np.inf, True, 1.0)      # no condition yet


@dataclass(frozen=True)
class LeafPaths:
    """Leaves whose paths ask the same number k of different features; all arrays but `value` have shape (k, leaves).

    Attributes
    ----------
    feature
        Column that a condition reads.
    low, high
        The condition is not (x <= low) and x <= high; NaN and infinity where there is no bound.
    missing
        Whether NaN passes.
    share
        Product of the shares of training rows that go on at this feature's splits, in (0, 1].
    value
        What the leaf adds to the ensemble's output, shape (leaves,).
    """

    feature: np.ndarray
    low: np.ndarray
    high: np.ndarray
    missing: np.ndarray
    share: np.ndarray
    value: np.ndarray

    @property
    def k(self) -> int:
        """Features per leaf."""
        return int(self.feature.shape[0])


def leaf_paths(trees: TreeModel) -> tuple[float, list[LeafPaths]]:
    """Base score of an ensemble on its raw scale, and its leaves by ascending k; a bag counts as its mean.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> x = np.arange(8.0)[:, None]
    >>> forest = RandomForestRegressor(1, bootstrap=False, max_depth=1).fit(x, x[:, 0])
    >>> base, (leaves,) = leaf_paths(TreeModel.from_sklearn(forest, x))
    >>> leaves.value, leaves.high[0], leaves.share[0]
    (array([1.5, 5.5]), array([3.5, inf]), array([0.5, 0.5]))
    """
    leaves: list[LeafPaths] = []
    base = 0.0
    for member, (slope, offset) in zip(trees.members, trees.lines, strict=True):
        header = member.get_header_accessor()
        number = int(member.num_tree)
        weight = slope / len(trees.members) / (number if header.get_field("average_tree_output")[0] else 1)
        base += (slope * float(header.get_field("base_scores")[-1]) + offset) / len(trees.members)
        leaves += _walk(_Nodes.of(member, number), weight)
    return base, [_joined([paths for paths in leaves if paths.k == k]) for k in sorted({paths.k for paths in leaves})]


@dataclass(frozen=True)
class _Nodes:
    """The nodes of all trees of one ensemble, one after the other."""

    roots: np.ndarray
    left: np.ndarray            # -1 at a leaf
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    cover: np.ndarray           # training rows that came by, weighted where the trees were

    @classmethod
    def of(cls, member: Any, number: int) -> "_Nodes":
        trees = [member.get_tree_accessor(at) for at in range(number)]
        sizes = np.array([int(tree.get_field("num_nodes")[0]) for tree in trees])
        offsets = np.cumsum(sizes) - sizes

        def field(name: str) -> np.ndarray:
            return np.concatenate([tree.get_field(name) for tree in trees])

        left, right = (np.where(child < 0, -1, child + np.repeat(offsets, sizes))
                       for child in (field("cleft"), field("cright")))
        return cls(offsets, left, right, field("split_index"), field("threshold"), field("default_left").astype(bool),
                   np.concatenate([_leaf_values(tree) for tree in trees]),
                   np.concatenate([_covers(tree) for tree in trees]))


def _leaf_values(tree: Any) -> np.ndarray:
    """Of a classifying forest, the share of the last class."""
    vector, end = tree.get_field("leaf_vector"), tree.get_field("leaf_vector_end").astype(np.int64)
    if len(vector) == 0:
        return np.asarray(tree.get_field("leaf_value"))
    return np.asarray(vector[np.maximum(end - 1, 0)])


def _covers(tree: Any) -> np.ndarray:
    name = "sum_hess" if len(tree.get_field("sum_hess")) else "data_count"
    return np.asarray(tree.get_field(name), dtype=np.float64)


def _walk(nodes: _Nodes, weight: float) -> list[LeafPaths]:
    """From all roots down, one level of all trees at a time; leaves are set apart as they are met."""
    at, leaves = nodes.roots, []
    count = np.zeros(len(at), dtype=np.int64)                                   # conditions so far
    slots = tuple(np.zeros((len(at), 0), dtype=kind) for kind in (np.int64, np.float64, np.float64, bool, np.float64))
    while len(at):
        is_leaf = nodes.left[at] < 0
        for k in np.unique(count[is_leaf]):
            these = is_leaf & (count == k)
            feature, low, high, missing, share = (slot[these, :k].T for slot in slots)
            leaves.append(LeafPaths(feature, low, high, missing, share, nodes.value[at[these]] * weight))
        at, count, slots = _descend(nodes, at[~is_leaf], count[~is_leaf], tuple(slot[~is_leaf] for slot in slots))
    return leaves


def _descend(nodes: _Nodes, at: np.ndarray, count: np.ndarray,
             slots: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...]]:
    """The left children of inner nodes, then the right ones, and what they ask."""
    slots = tuple(np.pad(slot, ((0, 0), (0, 1)), constant_values=fill) for slot, fill in zip(slots, _OPEN, strict=True))
    asked = slots[0] == nodes.feature[at][:, None]
    place = np.where(asked.any(axis=1), asked.argmax(axis=1), count)
    count = count + ~asked.any(axis=1)
    sides = [_narrowed(nodes, at, place, slots, left=left) for left in (True, False)]
    children = np.concatenate([nodes.left[at], nodes.right[at]])
    both = (np.concatenate(arrays)[:, :count.max(initial=0)] for arrays in zip(*sides, strict=True))
    return children, np.tile(count, 2), tuple(both)


def _narrowed(nodes: _Nodes, at: np.ndarray, place: np.ndarray, slots: tuple[np.ndarray, ...], *,
              left: bool) -> tuple[np.ndarray, ...]:
    """Conditions of one child of each node."""
    feature, low, high, missing, share = (slot.copy() for slot in slots)
    here = np.arange(len(at)), place
    feature[here] = nodes.feature[at]
    if left:
        high[here] = np.minimum(high[here], nodes.threshold[at])
    else:
        low[here] = np.fmax(low[here], nodes.threshold[at])
    missing[here] &= nodes.missing_left[at] == left
    share[here] *= nodes.cover[(nodes.left if left else nodes.right)[at]] / nodes.cover[at]
    return feature, low, high, missing, share


def _joined(parts: list[LeafPaths]) -> LeafPaths:
    names = [field.name for field in fields(LeafPaths)]
    return LeafPaths(*(np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in names))

"""Tree ensembles as treelite's own bytes: what is trained, versioned, packaged and served.

One form from train to service has three uses: nothing ever unpickles an estimator, the bytes do not
depend on thread counts (scikit-learn's pickles do), and batch and service give the same last bit.
"""

import ctypes
import functools
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import treelite
import treelite.sklearn
from treelite.core import _LIB, _check_call
from treelite.gtil.gtil import GTILConfig

from oilcan.core.model.leaf_masks import LeafMasks
from oilcan.ground.errors import IntegrityError

_AT_ONCE: Final = 1 << 16       # rows that are converted for treelite at a time, to bound memory
_ALL_THREADS: Final = -1        # all that OpenMP may have; asking treelite for more is an error
_AS_IT_IS: Final = (1.0, 0.0)
_TANGENT: Final = (4.0, -2.0)   # of the log-odds at a probability of one half
_PREDICT: Final = _LIB["TreeliteGTILPredict"]   # a function object of our own, so that its types can be declared
_PREDICT.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64, ctypes.c_void_p,
                     ctypes.c_void_p)
_TOLERANCE: Final = 1e-12       # boosting adds in another order than scikit-learn; forests agree to the bit


class TreeModel:
    """Trees that map a row of features to one number: P(class 1), or the value of a regression.

    The output of a bag of several ensembles is their mean. Missing values (NaN) follow the branch that training chose
    for them. The same row gives the same bits alone, in a batch of any size, and with any number of threads.

    Attributes
    ----------
    checkpoints
        The members of the bag, one or more, as treelite serialises them.
    members
        The same, loaded.
    lines
        Slope and offset that bring each member's sum of leaves to the scale of `raw`.
    """

    def __init__(self, *checkpoints: bytes) -> None:
        self.checkpoints = checkpoints
        try:
            self.members = [treelite.Model.deserialize_bytes(checkpoint) for checkpoint in checkpoints]
        except treelite.TreeliteError as err:
            raise IntegrityError(f"not a treelite model ({err}). Run `dvc repro train package`.") from err
        if any((member.input_type, member.output_type) != ("float64", "float64") for member in self.members):
            raise IntegrityError("trees are not of float64 numbers. Run `dvc repro train package`.")
        widths = sorted({int(member.num_feature) for member in self.members})
        if len(widths) != 1:
            raise IntegrityError(f"bag of trees: members read {widths or 'no'} features (found), wanted at least one "
                                 f"member and one width. Run `dvc repro train package`.")
        self.n_features = widths[0]
        self.lines = _common_scale(self.members)
        self._classes = [int(member.get_header_accessor().get_field("num_class")[0]) for member in self.members]

    @classmethod
    def bag(cls, members: Sequence["TreeModel"]) -> "TreeModel":
        """The mean of several models, in their order."""
        return cls(*(checkpoint for member in members for checkpoint in member.checkpoints))

    @classmethod
    def from_sklearn(cls, estimator: Any, sample: np.ndarray) -> "TreeModel":
        """Trees of a fitted scikit-learn ensemble, proven on `sample` to give the same forecasts.

        Raises
        ------
        IntegrityError
            If they differ by more than 1e-12: this treelite does not read this scikit-learn correctly.
        """
        trees = cls(treelite.sklearn.import_model(estimator).serialize_bytes())
        wanted = (
            estimator.predict_proba(sample)[:, 1] if hasattr(estimator, "predict_proba") else estimator.predict(sample)
        )
        scale = max(1.0, float(np.abs(wanted).max(initial=0.0)))
        worst = float(np.abs(trees.predict(sample) - wanted).max(initial=0.0))
        if not worst <= _TOLERANCE * scale:
            raise IntegrityError(
                f"treelite {treelite.__version__}: predictions differ from scikit-learn by {worst:.2g} "
                f"(wanted at most {_TOLERANCE * scale:.0e}). Install the pinned versions of requirements/."
            )
        return trees

    def predict(self, matrix: np.ndarray, jobs: int = 1) -> np.ndarray:
        """One number per row.

        Parameters
        ----------
        matrix
            Shape (n, n_features), float32; NaN where missing.
        jobs
            1, or more for as many threads as OpenMP may have; the numbers do not depend on it.

        Returns
        -------
        Shape (n,), float64.

        Raises
        ------
        ValueError
            If the number of columns is another: treelite itself would read past the row.
        """
        return predict_together((self,), matrix, jobs)[0]

    def raw(self, matrix: np.ndarray) -> np.ndarray:
        """Sum of the leaves, shape (n,): log-odds of boosted classifiers, else the same as `predict`.

        A forest in one bag with boosted classifiers counts with 4 p - 2, the tangent of its log-odds at p = 1/2. So the
        total stays a sum over leaves, which contributions of features need.
        """
        return _means((self,), matrix, "raw", 1)[0]

    @functools.cached_property
    def masks(self) -> list[LeafMasks | None]:
        """Of each member, where its trees are small."""
        return [LeafMasks.of(member) for member in self.members]

    def by_treelite(self, at: int, matrix: np.ndarray, kind: str, jobs: int) -> np.ndarray:
        """Output of one member, some rows at a time."""
        config = _config(1 if jobs == 1 else _ALL_THREADS, kind)
        return np.concatenate([
            _predict_rows(self.members[at], np.ascontiguousarray(matrix[start : start + _AT_ONCE], dtype=np.float64),
                          self._classes[at], config)
            for start in range(0, len(matrix), _AT_ONCE)
        ])  # fmt: skip

    def __reduce__(self) -> tuple[type["TreeModel"], tuple[bytes, ...]]:
        return TreeModel, self.checkpoints

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeModel) and self.checkpoints == other.checkpoints

    def __hash__(self) -> int:
        return hash(self.checkpoints)


def predict_together(models: Sequence[TreeModel], matrix: np.ndarray, jobs: int = 1) -> list[np.ndarray]:
    """`TreeModel.predict` of several models for the same rows, each of shape (n,); cheaper than one after the other."""
    return _means(tuple(models), matrix, "default", jobs)


def _means(models: tuple[TreeModel, ...], matrix: np.ndarray, kind: str, jobs: int) -> list[np.ndarray]:
    """Of each model the mean of its members."""
    for model in models:
        if matrix.ndim != 2 or matrix.shape[1] != model.n_features:
            raise ValueError(f"matrix: shape is {matrix.shape}, wanted (n, {model.n_features})")
    if len(matrix) == 0:
        return [np.zeros(0) for _ in models]
    masks = _joined(models)
    known = matrix if matrix.dtype == np.float32 else matrix.astype(np.float64, copy=False)
    by_masks = iter(masks.predict(known, raw=kind == "raw") if masks else ())
    means = []
    for model in models:
        total = np.zeros(len(matrix))
        for at, (small, line) in enumerate(zip(model.masks, model.lines, strict=True)):
            output = next(by_masks) if small else model.by_treelite(at, matrix, kind, jobs)
            slope, offset = line if kind == "raw" else _AS_IT_IS
            total += output if (slope, offset) == _AS_IT_IS else slope * output + offset
        means.append(total / len(model.members))
    return means


@functools.lru_cache(maxsize=8)
def _joined(models: tuple[TreeModel, ...]) -> LeafMasks | None:
    """Masks of all members that have small trees, in order; None without any."""
    small = [masks for model in models for masks in model.masks if masks]
    return LeafMasks.joined(small) if small else None


def _common_scale(members: Sequence[Any]) -> list[tuple[float, float]]:
    """Slope and offset of each member; see `TreeModel.raw`."""
    log_odds = [member.get_header_accessor().get_field("postprocessor") == "sigmoid" for member in members]
    return [_AS_IT_IS if is_boosted or not any(log_odds) else _TANGENT for is_boosted in log_odds]


@functools.cache
def _config(threads: int, kind: str) -> Any:
    return GTILConfig(nthread=threads, predict_type=kind)


def _predict_rows(member: Any, rows: np.ndarray, classes: int, config: Any) -> np.ndarray:
    """As `treelite.gtil.predict`, without its setup, which takes twice as long for one row as 150 trees."""
    out = np.zeros((len(rows), classes))
    _check_call(_PREDICT(member.handle, rows.ctypes.data, b"float64", len(rows), out.ctypes.data, config.handle))
    return out[:, -1]

"""A tree ensemble as treelite's own bytes: what is trained, versioned, packaged and served.

One form from train to service has three uses: no door ever unpickles an estimator, the bytes do not
depend on thread counts (scikit-learn's pickles do), and batch and service give the same last bit.
"""

from typing import Any, Final

import numpy as np
import treelite
import treelite.sklearn

from oilcan.errors import IntegrityError

_ALL_THREADS: Final = -1        # all that OpenMP may have; asking treelite for more is an error
_TOLERANCE: Final = 1e-12       # boosting adds in another order than scikit-learn; forests agree to the bit


class TreeModel:
    """Trees that map a row of features to one number: P(class 1), or the value of a regression.

    Missing values (NaN) go where training sent them. The same row gives the same bits alone, in a
    batch of any size, and with any number of threads.

    Attributes
    ----------
    checkpoint
        The model as treelite serialises it.
    """

    def __init__(self, checkpoint: bytes) -> None:
        self.checkpoint = checkpoint
        try:
            self._model = treelite.Model.deserialize_bytes(checkpoint)
        except treelite.TreeliteError as err:
            raise IntegrityError(f"not a treelite model ({err}). Run `dvc repro train package`.") from err

    @classmethod
    def from_sklearn(cls, estimator: Any, sample: np.ndarray) -> "TreeModel":
        """Trees of a fitted scikit-learn ensemble, proven on `sample` to say the same.

        Raises
        ------
        IntegrityError
            If they differ by more than 1e-12: treelite does not read this scikit-learn rightly.
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

    @property
    def n_features(self) -> int:
        """Number of features a row has."""
        return int(self._model.num_feature)

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
        if matrix.ndim != 2 or matrix.shape[1] != self.n_features:
            raise ValueError(f"matrix: shape is {matrix.shape}, wanted (n, {self.n_features})")
        if len(matrix) == 0:
            return np.zeros(0)
        rows = np.ascontiguousarray(matrix, dtype=np.float32)
        threads = 1 if jobs == 1 else _ALL_THREADS
        raw = treelite.gtil.predict(self._model, rows, nthread=threads)      # (n, 1, classes or 1)
        return np.ascontiguousarray(raw[:, 0, -1], dtype=np.float64)

    def __reduce__(self) -> tuple[type["TreeModel"], tuple[bytes]]:
        return TreeModel, (self.checkpoint,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeModel) and self.checkpoint == other.checkpoint

    def __hash__(self) -> int:
        return hash(self.checkpoint)

"""Scorers: where the scores of a trained head come from, linear arrays or a fitted estimator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Labels
from featx.errors import BadArtifact, BadOption
from featx.storage.arrays import read_arrays, write_arrays
from featx.storage.border import error_line

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["EstimatorScorer", "LinearArrays", "Scorer", "to_arrays"]

_NAMES = ("classes", "mean", "scale", "coef", "intercept")
# Rows on which arrays and estimator are compared, one alone and many together.
_PROBE_SIZES = (1, 33)


class Scorer(Protocol):
    """Gives scores to rows."""

    @property
    def dim(self) -> int:
        """The number of columns of the rows that it takes."""

    @property
    def n_outputs(self) -> int:
        """The number of columns of its scores."""

    @property
    def scaling(self) -> tuple[FloatArray, FloatArray] | None:
        """The mean and scale of the columns of the training rows, float32, or None where they are not kept."""

    def scores(self, rows: FloatArray) -> Doubles:
        """Return scores, float64 of shape (n, n_outputs), of rows of shape (n, dim)."""


@dataclass(frozen=True, slots=True, eq=False)
class LinearArrays:
    """A scaler and a linear model: scores are ``((rows - mean) / scale) @ coef.T + intercept``.

    The model gives a score a class, label or number; where there are two classes, one that stands for both.

    They answer without scikit-learn, whose import takes most of a second.

    Attributes
    ----------
    classes : ndarray of shape (n_outputs,), str
        What the scores stand for: classes, labels, or the names of numbers.
    mean, scale : ndarray of shape (dim,), float32
    coef : ndarray of shape (n_scores, dim), float32 or float64
        One score stands for two classes: that of the first is 0.
    intercept : ndarray of shape (n_scores,)
    """

    classes: Labels
    mean: FloatArray
    scale: FloatArray
    coef: npt.NDArray[Any]
    intercept: npt.NDArray[Any]

    @property
    def dim(self) -> int:
        """The number of columns of the rows that it takes."""
        return len(self.mean)

    @property
    def n_outputs(self) -> int:
        """The number of columns of its scores: one a class, label or number."""
        return len(self.classes)

    @property
    def scaling(self) -> tuple[FloatArray, FloatArray]:
        """The mean and scale of the columns of the training rows, float32."""
        return self.mean, self.scale

    def scores(self, rows: FloatArray) -> Doubles:
        """Return what ``featx.heads.scores`` gives for the estimator, to the bit."""
        scaled = rows - self.mean
        scaled /= self.scale
        values = np.asarray(scaled @ self.coef.T + self.intercept, np.float64)
        if values.shape[1] == len(self.classes):
            return values
        return np.concatenate([np.zeros_like(values), values], axis=1)

    def to_bytes(self) -> bytes:
        """Return the arrays as an ``.npz``; equal arrays give equal bytes."""
        return write_arrays({name: getattr(self, name) for name in _NAMES})

    @classmethod
    def from_bytes(cls, data: bytes) -> LinearArrays:
        """Return the arrays that ``to_bytes`` wrote; nothing in them can be code.

        Raises
        ------
        BadArtifact
            The bytes are something else, or the arrays do not fit each other.
        """
        arrays = cls(**read_arrays(data, "a head", _NAMES))
        try:
            arrays.check()
        except ValueError as error:
            raise BadArtifact(
                f"not the arrays of a head: {error_line(error)}; train it again"
            ) from error
        return arrays

    def check(self) -> None:
        """Raise ValueError where the arrays do not fit each other, or hold what training cannot leave."""
        shapes = [np.shape(getattr(self, name)) for name in _NAMES]
        n, dim = shapes[3] if len(shapes[3]) == 2 else (0, 0)
        # One score is that of two classes, or of a single label or number.
        n_classes = 2 if n == 1 and shapes[0] == (2,) else n
        if shapes != [(n_classes,), (dim,), (dim,), (n, dim), (n,)] or not n or not dim:
            raise ValueError(f"shapes {shapes} do not fit each other")
        for name in _NAMES[1:]:
            array = getattr(self, name)
            if array.dtype not in (np.float32, np.float64) or not np.isfinite(array).all():
                raise ValueError(f"{name} is not of finite numbers")
        if self.mean.dtype != np.float32 or self.scale.dtype != np.float32:
            raise ValueError("mean and scale are not float32")
        if not (self.scale > 0).all():
            raise ValueError("scale is not positive")
        if self.classes.dtype.kind != "U" or len(set(self.classes.tolist())) != n_classes:
            raise ValueError(f"classes are not {n_classes} texts that differ")


@dataclass(frozen=True, slots=True, eq=False)
class EstimatorScorer:
    """The scores of a fitted estimator, as ``featx.heads.scores`` gives them, or what it answers by itself.

    Attributes
    ----------
    estimator : scikit-learn estimator
    own : bool, default=False
        Whether its own probabilities and labels are taken as they are; see ``featx.heads.own_answers``.
    """

    estimator: BaseEstimator
    own: bool = False

    @property
    def dim(self) -> int:
        """The number of columns of the rows that the estimator was trained on."""
        columns = getattr(self.estimator, "n_features_in_", None)
        if columns is None:
            name = type(self.estimator).__name__
            raise BadOption(
                f"head {name}: has no n_features_in_ after fit; expected the number of columns, as "
                "sklearn.utils.validation.validate_data sets it; call that in its fit"
            )
        return int(columns)

    @property
    def n_outputs(self) -> int:
        """The number of columns of its scores: one a class."""
        estimator = self.estimator
        if not hasattr(estimator, "classes_"):
            probe = np.zeros((1, self.dim), np.float32)
            return int(self.scores(probe).shape[1])
        return len(estimator.classes_)

    @property
    def scaling(self) -> tuple[FloatArray, FloatArray] | None:
        """The mean and scale that a StandardScaler at the estimator's beginning has learned, or None."""
        from sklearn.preprocessing import StandardScaler

        from featx.heads.registry import steps_of

        scaler = steps_of(self.estimator)[0]
        if not isinstance(scaler, StandardScaler) or scaler.mean_ is None or scaler.scale_ is None:
            return None
        return np.asarray(scaler.mean_, np.float32), np.asarray(scaler.scale_, np.float32)

    def scores(self, rows: FloatArray) -> Doubles:
        """Return the estimator's scores, float64 of shape (n, n_outputs)."""
        if self.own:
            from featx.heads.own_answers import own_scores

            return own_scores(self.estimator, rows)
        from featx.heads.registry import scores

        return scores(self.estimator, rows)


def to_arrays(
    estimator: BaseEstimator, classes: Sequence[str] | None = None
) -> LinearArrays | None:
    """Return a fitted StandardScaler and linear model as arrays.

    None where the estimator is another, or where the arrays would not give its scores to the bit.

    Parameters
    ----------
    classes : sequence of str, default=None
        What the scores stand for; None: the estimator's own ``classes_``.
    """
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from featx.heads.registry import ESTIMATORS, scores

    if type(estimator) is not Pipeline or len(estimator) != 2:
        return None
    scaler, last = estimator[0], estimator[-1]
    forms = ESTIMATORS.get(type(last))
    if type(scaler) is not StandardScaler or scaler.mean_ is None or scaler.scale_ is None:
        return None
    if forms is None or forms.linear is None:
        return None
    linear = forms.linear(last)
    if linear is None:
        return None
    coef, intercept = linear
    # Where shapes differ the estimator is broken, which loading it will say.
    if coef.shape[1] != len(scaler.mean_):
        return None
    mean, scale = scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32)
    names = np.array([str(name) for name in (last.classes_ if classes is None else classes)])
    arrays = LinearArrays(names, mean, scale, coef, intercept)
    try:
        arrays.check()
    except ValueError:
        # Numbers that float32 cannot hold, for one.
        return None
    rng = np.random.default_rng(0)
    for n in _PROBE_SIZES:
        probe = rng.normal(mean, scale, (n, len(mean))).astype(np.float32)
        if not np.array_equal(arrays.scores(probe), scores(estimator, probe)):
            return None
    return arrays

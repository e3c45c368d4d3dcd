"""A linear head as arrays: a fitted estimator's answers without the library that fitted it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray
from featx.errors import BadArtifact
from featx.heads.trained import argmax_labels, calibrated_probabilities, scores

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["LinearArrays", "StoredHead", "to_arrays"]

_NAMES = ("classes", "mean", "scale", "coef", "intercept")
_PROBES = (1, 33)  # rows on which arrays and estimator are compared, alone and together


@dataclass(frozen=True, slots=True, eq=False)
class LinearArrays:
    """A scaler and a linear model: ``scores`` of rows are ``((rows - mean) / scale) @ coef.T + intercept``.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,), str
    mean, scale : ndarray of shape (dim,), float32
    coef : ndarray of shape (n_scores, dim), float32 or float64
        One score stands for two classes: that of the first is 0.
    intercept : ndarray of shape (n_scores,)
    """

    classes: npt.NDArray[np.str_]
    mean: FloatArray
    scale: FloatArray
    coef: npt.NDArray[Any]
    intercept: npt.NDArray[Any]

    @property
    def dim(self) -> int:
        """Columns of the rows that it takes."""
        return len(self.mean)

    def scores(self, rows: FloatArray) -> Doubles:
        """What ``featx.heads.scores`` says of the estimator, to the bit; (n, n_classes), float64."""
        scaled = rows - self.mean
        scaled /= self.scale
        values = np.asarray(scaled @ self.coef.T + self.intercept, np.float64)
        if values.shape[1] > 1:
            return values
        return np.concatenate([np.zeros_like(values), values], axis=1)

    def to_bytes(self) -> bytes:
        """The arrays as an ``.npz``; equal arrays give equal bytes."""
        stream = io.BytesIO()
        np.savez(stream, **{name: getattr(self, name) for name in _NAMES})
        return stream.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> LinearArrays:
        """The arrays that ``to_bytes`` wrote; nothing in them can be code.

        Raises
        ------
        BadArtifact
            The bytes are something else, or the arrays do not fit each other.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as stored:
                made = cls(*(stored[name] for name in _NAMES))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise BadArtifact(f"not the arrays of a head: {error}") from error
        shapes = [np.shape(getattr(made, name)) for name in _NAMES]
        n, dim = shapes[3] if len(shapes[3]) == 2 else (0, 0)
        n_classes = n if n > 1 else 2
        if shapes != [(n_classes,), (dim,), (dim,), (n, dim), (n,)] or not n:
            raise BadArtifact(f"not the arrays of a head: shapes {shapes} do not fit each other")
        return made


def to_arrays(estimator: BaseEstimator) -> LinearArrays | None:
    """A fitted StandardScaler and LogisticRegression, RidgeClassifier or NearestCentroid as arrays.

    None where the estimator is another, or where the arrays would not give its scores to the bit.
    """
    from sklearn.linear_model import LogisticRegression, RidgeClassifier
    from sklearn.neighbors import NearestCentroid
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    if type(estimator) is not Pipeline or len(estimator) != 2:
        return None
    scaler, last = estimator[0], estimator[-1]
    if type(scaler) is not StandardScaler or scaler.mean_ is None or scaler.scale_ is None:
        return None
    if type(last) in (LogisticRegression, RidgeClassifier):
        coef, intercept = np.atleast_2d(last.coef_), np.atleast_1d(last.intercept_)
    elif type(last) is NearestCentroid:
        coef = np.asarray(last.centroids_, np.float64)
        intercept = -(coef**2).sum(axis=1) / 2
    else:
        return None
    if coef.shape[1] != len(scaler.mean_):  # the estimator is broken, which loading it will say
        return None
    mean, scale = scaler.mean_.astype(np.float32), scaler.scale_.astype(np.float32)
    classes = np.array([str(name) for name in last.classes_])
    made = LinearArrays(classes, mean, scale, coef, np.broadcast_to(intercept, len(coef)).copy())
    rng = np.random.default_rng(0)
    for n in _PROBES:
        probe = rng.normal(mean, scale, (n, len(mean))).astype(np.float32)
        if not np.array_equal(made.scores(probe), scores(estimator, probe)):
            return None
    return made


class StoredHead:
    """A trained head that answers from arrays; its estimator is built when someone asks for it.

    The same face as ``FittedHead``, and the same answers to the bit.

    Parameters
    ----------
    name : str
    temperature : float
    arrays : LinearArrays
    build : callable
        Gives the fitted estimator; may raise BadArtifact.
    """

    def __init__(
        self,
        name: str,
        temperature: float,
        arrays: LinearArrays,
        build: Callable[[], BaseEstimator],
    ) -> None:
        self.name = name
        self.classes = tuple(map(str, arrays.classes))
        self.temperature = temperature
        self.arrays = arrays
        self._build = build

    @cached_property
    def estimator(self) -> BaseEstimator:
        """The fitted scikit-learn classifier; raises BadArtifact where it says other things than the arrays."""
        estimator, probe = self._build(), np.ones((1, self.dim), np.float32)
        fits = estimator.n_features_in_ == self.dim
        if not fits or not np.allclose(self.arrays.scores(probe), scores(estimator, probe)):
            raise BadArtifact(f"head {self.name}: its arrays and its estimator do not agree")
        return estimator

    @property
    def dim(self) -> int:
        """Columns of the rows that it was trained on."""
        return self.arrays.dim

    def predict_proba(self, rows: FloatArray) -> FloatArray:
        """Calibrated probabilities, as ``FittedHead.predict_proba`` gives them."""
        return calibrated_probabilities(
            self.arrays.scores, rows, self.dim, len(self.classes), self.temperature
        )

    def predict(self, rows: FloatArray) -> npt.NDArray[np.str_]:
        """The most probable label for each row; shape (n,)."""
        return argmax_labels(self.classes, self.predict_proba(rows))

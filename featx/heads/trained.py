"""A trained head: scores, and the temperature that makes them calibrated probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray
from featx.errors import BadOption
from featx.heads.support_vectors import margins

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = [
    "FLOOR",
    "SHARPNESS",
    "FittedHead",
    "argmax_labels",
    "calibrated_probabilities",
    "find_temperature",
    "floored_log",
    "robust_log_loss",
    "scores",
    "softmax",
]

_OUTLIER_SHARE = 0.01  # share of samples that may be anything, when a temperature is sought
FLOOR = 0.03  # added to probabilities before their logarithm: a vote of zero is not a proof
SHARPNESS = 3.0  # of the soft minimum: at 1 all duels count, far above only the worst one


def scores(estimator: BaseEstimator, rows: FloatArray) -> Doubles:
    """What a fitted estimator says for each class, on a scale where softmax makes sense.

    The decision function where there is one (two classes: 0 and its value), else the logarithm of the
    probabilities after adding 0.03. For one-against-one support vectors it is the margin of a class's
    worst duel, softly: as often right as counted votes, and far better calibrated. For nearest centroids
    it is minus half the squared distance.

    Returns
    -------
    ndarray of shape (n, n_classes), float64
        Columns in the order of ``estimator.classes_``.
    """
    from sklearn.neighbors import NearestCentroid  # not above: saved linear heads do without
    from sklearn.pipeline import Pipeline
    from sklearn.svm import SVC

    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if isinstance(last, NearestCentroid):
        inner = estimator[:-1].transform(rows) if isinstance(estimator, Pipeline) else rows
        centers = np.asarray(last.centroids_, np.float64)
        near: Doubles = (
            inner @ centers.T - (centers**2).sum(axis=1) / 2
        )  # + |x|²/2, the same for all
        return near
    if hasattr(estimator, "decision_function"):
        if type(last) is SVC and getattr(last, "decision_function_shape", "") == "ovo":
            inner = estimator[:-1].transform(rows) if isinstance(estimator, Pipeline) else rows
            values = margins(last, inner)
        else:
            values = np.asarray(estimator.decision_function(rows), np.float64)
        if values.ndim == 2 and getattr(last, "decision_function_shape", "") == "ovo":
            values = _worst_margins(values, len(last.classes_))
        return values if values.ndim == 2 else np.stack([np.zeros_like(values), values], axis=1)
    return floored_log(np.asarray(estimator.predict_proba(rows), np.float64))


def floored_log(shares: Doubles) -> Doubles:
    """The logarithm of shares after adding 0.03: scores where there are only probabilities or votes."""
    return np.asarray(np.log(shares + FLOOR))


def _worst_margins(margins: Doubles, n_classes: int) -> Doubles:
    """For each class the soft minimum of its margins over the others; (n, pairs) to (n, n_classes)."""
    first, second = np.triu_indices(n_classes, 1)
    worst = np.empty((len(margins), n_classes))
    for place in range(n_classes):
        own = np.hstack([margins[:, first == place], -margins[:, second == place]])
        low = own.min(axis=1)
        spread = np.exp(-SHARPNESS * (own - low[:, None])).sum(axis=1)
        worst[:, place] = low - np.log(spread) / SHARPNESS
    return worst


def softmax(values: Doubles) -> Doubles:
    """Positive rows that add up to one; the largest value keeps the largest share.

    >>> softmax(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """
    shares = np.exp(values - values.max(axis=1, keepdims=True))
    normal: Doubles = shares / shares.sum(axis=1, keepdims=True)
    return normal


def robust_log_loss(values: Doubles, y: npt.NDArray[np.intp]) -> Doubles:
    """Minus the logarithm of the share of the true class, where one sample in a hundred may be anything.

    Parameters
    ----------
    values : ndarray of shape (n, n_classes), float64
        Scores, divided by their temperature.
    y : ndarray of shape (n,), integers

    Returns
    -------
    ndarray of shape (n,), float64
        At most log(100 n_classes), however far a row strays.
    """
    return np.asarray(-np.log(_mixed_with_uniform(softmax(values), y)))


def _mixed_with_uniform(shares: Doubles, y: npt.NDArray[np.intp]) -> Doubles:
    own = shares[np.arange(len(y)), y]
    return np.asarray((1 - _OUTLIER_SHARE) * own + _OUTLIER_SHARE / shares.shape[1])


def find_temperature(
    values: Doubles, y: npt.NDArray[np.intp], weights: Doubles | None = None
) -> float:
    """The temperature that makes softmax(values / temperature) most likely, by temperature scaling.

    One more sample, of which nothing is known, is counted in: without it a head that made no mistake on
    twenty samples would be sure for ever.

    Parameters
    ----------
    values : ndarray of shape (n, n_classes), float64
        Scores of samples that the estimator was not trained on.
    y : ndarray of shape (n,), integers
        The column of each sample's class.
    weights : ndarray of shape (n,), default=None
        Of samples, one each by default.

    Notes
    -----
    Guo et al., "On Calibration of Modern Neural Networks", 2017, with a likelihood in which one sample in a
    hundred may be anything: else a single stray row, of scores beyond all measure, decides. Its maximum in
    the inverse temperature is found by halving the interval of its logarithm from ±10.
    """
    weights = np.ones(len(y)) if weights is None else weights * (len(y) / weights.sum())
    truth = values[np.arange(len(y)), y]
    unknown = values.mean(axis=1)
    low, high = -10.0, 10.0
    for _ in range(25):
        middle = (low + high) / 2
        shares = softmax(values * np.exp(middle))
        expected = (shares * values).sum(axis=1)
        usual = weights * (1 - _OUTLIER_SHARE / shares.shape[1] / _mixed_with_uniform(shares, y))
        slope = (usual * (expected - truth + (expected - unknown) / len(y))).sum()
        low, high = (low, middle) if slope > 0 else (middle, high)
    return float(np.exp(-(low + high) / 2))


@dataclass(frozen=True, slots=True, eq=False)
class FittedHead:
    """A trained estimator with what turns its scores into calibrated probabilities.

    Attributes
    ----------
    name : str
        The head's, or the class of a user's own estimator.
    estimator : fitted scikit-learn classifier
        Uncalibrated: its own ``predict_proba`` does not know the temperature.
    temperature : float
        Scores are divided by it before softmax (Guo et al., "On Calibration of Modern Neural Networks",
        2017): above 1 the estimator was too sure of itself, below 1 not sure enough.
    """

    name: str
    estimator: BaseEstimator
    temperature: float

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels, in the order of probability columns."""
        return tuple(map(str, self.estimator.classes_))

    @property
    def dim(self) -> int:
        """Columns of the rows that it was trained on."""
        return int(self.estimator.n_features_in_)

    def predict_proba(self, rows: FloatArray) -> FloatArray:
        """Calibrated probabilities.

        Parameters
        ----------
        rows : ndarray of shape (n, dim), float32

        Returns
        -------
        ndarray of shape (n, n_classes), float32, C-ordered
            Each row adds up to 1.

        Raises
        ------
        BadOption
            Rows have another number of columns.
        """
        return calibrated_probabilities(
            lambda rows: scores(self.estimator, rows),
            rows,
            self.dim,
            len(self.classes),
            self.temperature,
        )

    def predict(self, rows: FloatArray) -> npt.NDArray[np.str_]:
        """The most probable label for each row; shape (n,)."""
        return argmax_labels(self.classes, self.predict_proba(rows))


def calibrated_probabilities(
    score: Callable[[FloatArray], Doubles],
    rows: FloatArray,
    dim: int,
    n_classes: int,
    temperature: float,
) -> FloatArray:
    """Calibrated probabilities, (n, n_classes) float32, of the scores that ``score`` gives to rows.

    Raises
    ------
    BadOption
        Rows have another number of columns than ``dim``, or a number that is not finite.
    """
    rows = np.asarray(rows, np.float32)
    if rows.ndim != 2 or rows.shape[1] != dim:
        raise BadOption(f"rows of shape {rows.shape}: expected (n, {dim})")
    if not np.isfinite(rows).all():
        raise BadOption("rows hold NaN or infinity: expected finite numbers")
    if not len(rows):
        return np.empty((0, n_classes), np.float32)
    return np.ascontiguousarray(softmax(score(rows) / temperature), np.float32)


def argmax_labels(classes: Sequence[str], probabilities: FloatArray) -> npt.NDArray[np.str_]:
    """The label of the largest share in each row."""
    names = np.asarray(classes, dtype=np.str_)
    return np.asarray(names[probabilities.argmax(axis=1)], dtype=np.str_)

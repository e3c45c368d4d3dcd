"""Calibrators turn the scores of an estimator into probabilities that can be believed.

Another method is a class like ``TemperatureScaling`` and a row in ``CALIBRATORS``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np

from featx._typing import Doubles, Integers
from featx.errors import BadArtifact
from featx.heads.label_calibration import LabelCalibration
from featx.heads.number_scaling import NumberScaling

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder

__all__ = [
    "CALIBRATORS",
    "Calibrator",
    "ClassCalibrator",
    "TemperatureScaling",
    "read_calibrator",
    "robust_log_loss",
    "softmax",
]

# The share of samples that may be anything, when a calibrator is fitted or its loss is computed.
_OUTLIER_SHARE = 0.01
# The logarithm of the inverse temperature lies between these, and is found so exactly.
_LARGEST_LOGARITHM, _LOGARITHM_ERROR = 10.0, 1e-6
# Scores (samples x classes) from which on a temperature is found in float32, in a third of the time.
_MANY_SCORES = 1_000_000
# Less below the largest score of a row than float32 can hold would be infinite there.
_LEAST_SCORE = -1e30


class Calibrator(Protocol):
    """A map from scores to probabilities or numbers, fitted on samples that did not train the estimator."""

    method: ClassVar[str]

    def n_columns(self, n_outputs: int) -> int:
        """Return the number of columns that ``apply`` makes of so many scores."""

    def apply(self, scores: Doubles) -> Doubles:
        """Return what the scores stand for, such as probabilities of the same shape that add up to 1."""

    def scale_of(self, outputs: Doubles) -> Doubles:
        """Return by what a difference of each of its outputs is measured; of the same shape."""

    def to_dict(self) -> dict[str, Any]:
        """Return the calibrator as JSON values; ``method`` is its name in ``CALIBRATORS``."""

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the calibrator that ``to_dict`` described; raise BadArtifact where it did not."""

    def add_nodes(self, graph: GraphBuilder, scores: str) -> str:
        """Add ``apply`` to an ONNX graph and return the name of what it gives, float64."""


class ClassCalibrator(Calibrator, Protocol):
    """A map from scores of classes to their probabilities, which add up to 1."""

    @classmethod
    def fit(cls, scores: Doubles, y: Integers, weights: Doubles | None = None) -> Self:
        """Return the calibrator that suits these scores best.

        Parameters
        ----------
        scores : ndarray of shape (n, n_classes), float64
        y : ndarray of shape (n,), integers
            The column of each sample's class.
        weights : ndarray of shape (n,), default=None
            How much each sample counts; None counts each once.
        """


@dataclass(frozen=True, slots=True)
class TemperatureScaling:
    """Divide scores by one number before softmax, which never changes the class that is first.

    Attributes
    ----------
    temperature : float, default=1.0
        The number by which scores are divided: above 1 the estimator was too sure of itself, below 1 not
        sure enough.

    Notes
    -----
    Guo et al., "On Calibration of Modern Neural Networks", 2017.
    """

    temperature: float = 1.0

    method: ClassVar[str] = "temperature"

    @classmethod
    def fit(cls, scores: Doubles, y: Integers, weights: Doubles | None = None) -> Self:
        """Return the temperature that makes ``y`` most likely.

        One more sample, of which nothing is known, is counted in: without it an estimator that made no
        mistake on twenty samples would be certain of everything. And the likelihood allows one sample in
        a hundred to be anything: otherwise a single row with enormous scores would decide. The maximum in
        the logarithm of the inverse temperature is found between ±10 with Brent's method.
        """
        # Only training calibrates; a saved head answers without SciPy.
        from scipy.optimize import brentq

        weights = np.ones(len(y)) if weights is None else weights * (len(y) / weights.sum())
        indices, n_classes = np.arange(len(y)), scores.shape[1]
        below = scores - scores.max(axis=1, keepdims=True)
        true_score, mean_score = below[indices, y], below.mean(axis=1)
        if below.size > _MANY_SCORES:
            below = np.maximum(below, _LEAST_SCORE).astype(np.float32)
        shares = np.empty_like(below)

        def slope(logarithm: float) -> float:
            np.multiply(below, math.exp(logarithm), out=shares)
            np.exp(shares, out=shares)
            total = shares.sum(axis=1)
            expected = np.einsum("ij,ij->i", shares, below) / total
            robust = _mix_with_uniform(shares[indices, y] / total, n_classes)
            inlier = weights * (1 - _OUTLIER_SHARE / n_classes / robust)
            gain = expected - true_score + (expected - mean_score) / len(y)
            return float((inlier * gain).sum())

        # The likelihood may have a second maximum far away, which a few rows decide: the nearest is meant.
        sign, near = (-1.0, 0.0) if slope(0.0) > 0 else (1.0, 0.0)
        for distance in (1.0, 3.0, _LARGEST_LOGARITHM):
            far = sign * distance
            if (slope(far) > 0) == (sign > 0):
                return cls(float(np.exp(-brentq(slope, near, far, xtol=_LOGARITHM_ERROR))))
            near = far
        return cls(float(np.exp(-near)))

    def n_columns(self, n_outputs: int) -> int:
        """Return one column a class."""
        return n_outputs

    def apply(self, scores: Doubles) -> Doubles:
        """Return softmax(scores / temperature), float64."""
        return softmax(scores / self.temperature)

    def scale_of(self, outputs: Doubles) -> Doubles:
        """Return 1 for each probability."""
        return np.ones_like(outputs)

    def to_dict(self) -> dict[str, Any]:
        """Return the method and the temperature.

        >>> TemperatureScaling(1.5).to_dict()
        {'method': 'temperature', 'temperature': 1.5}
        """
        return {"method": self.method, "temperature": self.temperature}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what ``to_dict`` described; raise BadArtifact unless it is a positive number."""
        temperature = values.get("temperature")
        number = isinstance(temperature, (int, float)) and not isinstance(temperature, bool)
        value = float(temperature) if temperature is not None and number else math.nan
        if not (value > 0 and math.isfinite(value)):
            raise BadArtifact(
                f"temperature = {temperature!r:.40}: expected a positive number; save the head again"
            )
        return cls(value)

    def add_nodes(self, graph: GraphBuilder, scores: str) -> str:
        """Add the division and the softmax to an ONNX graph."""
        divided = graph.add("Div", scores, graph.constant(self.temperature))
        return graph.add("Softmax", divided, axis=1)


CALIBRATORS: Mapping[str, type[Calibrator]] = MappingProxyType(
    {kind.method: kind for kind in (TemperatureScaling, NumberScaling, LabelCalibration)}
)


def read_calibrator(values: Mapping[str, Any]) -> Calibrator:
    """Return the calibrator that some calibrator's ``to_dict`` described.

    Raises
    ------
    BadArtifact
        The method is not in ``CALIBRATORS``, or its values are not what it writes.

    Examples
    --------
    >>> read_calibrator({"method": "temperature", "temperature": 2})
    TemperatureScaling(temperature=2.0)
    """
    method = values.get("method")
    if not isinstance(method, str) or method not in CALIBRATORS:
        known = ", ".join(CALIBRATORS)
        raise BadArtifact(f"calibration {method!r:.40}: expected one of {known}; upgrade featx")
    return CALIBRATORS[method].from_dict(values)


def softmax(values: Doubles) -> Doubles:
    """Return positive rows that add up to 1; the largest value keeps the largest share.

    It is written here because SciPy's would cost a saved linear head the import of SciPy.

    >>> softmax(np.array([[0.0, 0.0]]))
    array([[0.5, 0.5]])
    """
    shares = np.exp(values - values.max(axis=1, keepdims=True))
    normalized: Doubles = shares / shares.sum(axis=1, keepdims=True)
    return normalized


def robust_log_loss(probabilities: Doubles, y: Integers) -> Doubles:
    """Return minus the logarithm of the true class's probability, bounded for outliers.

    One sample in a hundred may be anything, so that a single sample never decides: the loss is at most
    log(100 n_classes). ``sklearn.metrics.log_loss`` has no such bound.

    Parameters
    ----------
    probabilities : ndarray of shape (n, n_classes), float64
    y : ndarray of shape (n,), integers
        The column of each sample's class.

    Returns
    -------
    ndarray of shape (n,), float64
    """
    true = probabilities[np.arange(len(y)), y]
    return np.asarray(-np.log(_mix_with_uniform(true, probabilities.shape[1])))


def _mix_with_uniform(true: Doubles, n_classes: int) -> Doubles:
    """Return the probability of each true class where a share of samples is uniformly anything."""
    return np.asarray((1 - _OUTLIER_SHARE) * true + _OUTLIER_SHARE / n_classes)

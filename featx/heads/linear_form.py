"""Heads as weighted sums of the columns of a row: what is linear in it, up to one scale a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles
from featx.errors import NoExactSum
from featx.heads.scorers import EstimatorScorer, LinearArrays
from featx.heads.trained import TrainedHead

__all__ = ["LinearForm", "linear_form"]


class RowStep(Protocol):
    """A step before the linear model."""

    def apply(self, row: Doubles) -> Doubles:
        """Return what the step makes of a row of shape (d,)."""

    def pull(self, weights: Doubles, row: Doubles) -> tuple[Doubles, float]:
        """Return the weights of what the step takes, and the constant, for weights of what it gives."""


@dataclass(frozen=True, slots=True, eq=False)
class ColumnScaling:
    """Each column less its centre, over its scale, and something added."""

    center: Doubles
    scale: Doubles
    offset: float | Doubles = 0.0

    def apply(self, row: Doubles) -> Doubles:
        return (row - self.center) / self.scale + self.offset

    def pull(self, weights: Doubles, row: Doubles) -> tuple[Doubles, float]:
        own = weights / self.scale
        return own, float((weights * self.offset).sum() - own @ self.center)


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """The row less a centre, times a matrix of shape (d, columns)."""

    center: Doubles
    matrix: Doubles

    def apply(self, row: Doubles) -> Doubles:
        return np.asarray((row - self.center) @ self.matrix)

    def pull(self, weights: Doubles, row: Doubles) -> tuple[Doubles, float]:
        own = self.matrix @ weights
        return own, -float(own @ self.center)


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Some columns of the row."""

    index: npt.NDArray[np.intp]

    def apply(self, row: Doubles) -> Doubles:
        return row[self.index]

    def pull(self, weights: Doubles, row: Doubles) -> tuple[Doubles, float]:
        own = np.zeros_like(row)
        own[self.index] = weights
        return own, 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Length:
    """The row over its norm, which is one number a row."""

    norm: str

    def _of(self, row: Doubles) -> float:
        order = {"l1": 1, "l2": 2, "max": np.inf}[self.norm]
        return float(np.linalg.norm(row, order)) or 1.0

    def apply(self, row: Doubles) -> Doubles:
        return row / self._of(row)

    def pull(self, weights: Doubles, row: Doubles) -> tuple[Doubles, float]:
        return weights / self._of(row), 0.0


@dataclass(frozen=True, slots=True, eq=False)
class LinearForm:
    """The scores of a head as weighted sums of the columns of a row.

    Attributes
    ----------
    steps : tuple of RowStep
        What is done with a row before the model; at most one scale a row is not the same for all rows.
    coef : ndarray of shape (n_outputs, columns), float64
    intercept : ndarray of shape (n_outputs,), float64
    center : ndarray of shape (d,), or None
        The mean row of the training samples, where the head knows it.

    Examples
    --------
    >>> form = LinearForm((Length("l2"),), np.array([[1.0, 0.0]]), np.zeros(1), None)
    >>> weights, constant = form.pull(np.array([1.0]), np.array([3.0, 4.0]))
    >>> weights.tolist(), constant
    ([0.2, 0.0], 0.0)
    """

    steps: tuple[RowStep, ...]
    coef: Doubles
    intercept: Doubles
    center: Doubles | None

    def pull(self, weights: Doubles, row: Doubles) -> tuple[Doubles, float]:
        """Return the weights of the columns of a row, and the constant, for weights of the scores.

        Parameters
        ----------
        weights : ndarray of shape (n_outputs,)
        row : ndarray of shape (d,)
        """
        taken = [np.asarray(row, np.float64)]
        for step in self.steps:
            taken.append(step.apply(taken[-1]))
        own, constant = weights @ self.coef, float(weights @ self.intercept)
        for step, given in zip(reversed(self.steps), reversed(taken[:-1]), strict=True):
            own, more = step.pull(own, given)
            constant += more
        return own, constant


def linear_form(head: TrainedHead) -> LinearForm:
    """Return the scores of a head as weighted sums of the columns of a row.

    Raises
    ------
    NoExactSum
        A step of the head is not linear; the message says which.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from featx.heads.number_scaling import NumberScaling
    >>> model = Ridge(alpha=1e-9).fit([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 2.0, 3.0])
    >>> scaling = NumberScaling((0.0,), (1.0,), (0.0,))
    >>> form = linear_form(TrainedHead.from_estimator("ridge", model, scaling, ["value"]))
    >>> form.coef.round(3).tolist()
    [[2.0, 1.0]]
    """
    scorer = head.scorer
    if isinstance(scorer, LinearArrays):
        scaled = ColumnScaling(
            np.asarray(scorer.mean, np.float64), np.asarray(scorer.scale, np.float64)
        )
        coef, intercept = _every_output(scorer.coef, scorer.intercept, scorer.n_outputs)
        return LinearForm((scaled,), coef, intercept, scaled.center)
    if not isinstance(scorer, EstimatorScorer):
        raise NoExactSum(f"head {head.name}: its scorer is not known")
    if scorer.own:
        raise NoExactSum(
            f"head {head.name}: its own probabilities are taken as they are, which are no sums"
        )
    return _of_estimator(head, scorer.estimator)


def _of_estimator(head: TrainedHead, estimator: Any) -> LinearForm:
    from sklearn.pipeline import Pipeline

    from featx.heads.registry import steps_of

    if isinstance(estimator, Pipeline) and type(estimator) is not Pipeline:
        raise NoExactSum(f"head {head.name}: {type(estimator).__name__} is not known step by step")
    *before, last = steps_of(estimator)
    steps = tuple(map(_step_of, before))
    coef, intercept = _coefficients(last, head.name)
    coef, intercept = _every_output(coef, intercept, len(head.classes))
    # The mean is known to a scaler that does not take it off as well.
    center = np.asarray(before[0].mean_, np.float64) if before and _knows_mean(before) else None
    return LinearForm(steps, coef, intercept, center)


def _knows_mean(before: list[Any]) -> bool:
    return type(before[0]).__name__ == "StandardScaler" and before[0].mean_ is not None


def _every_output(coef: Any, intercept: Any, n: int) -> tuple[Doubles, Doubles]:
    """Return coefficients of a score an output: of two classes the first has 0."""
    coef, intercept = np.atleast_2d(np.asarray(coef, np.float64)), np.atleast_1d(intercept)
    if len(coef) == n:
        return coef, np.asarray(intercept, np.float64)
    if (len(coef), n) != (1, 2):
        raise NoExactSum(f"its coefficients are of {len(coef)} scores, and not of {n}")
    return np.concatenate([0 * coef, coef]), np.concatenate([[0.0], intercept])


def _coefficients(last: Any, name: str) -> tuple[Any, Any]:
    """Return the coefficients and intercepts of the scores of the last step."""
    from featx.heads.registry import ESTIMATORS

    kind = type(last).__name__
    if kind in ("SVC", "SVR", "NuSVR") and last.kernel == "linear":
        if kind == "SVC" and len(last.classes_) > 2:
            raise NoExactSum(
                f"head {name}: of more than two classes, its score is the least of margins between pairs"
            )
        return np.asarray(last.coef_), last.intercept_
    forms = ESTIMATORS.get(type(last))
    linear = forms.linear(last) if forms is not None and forms.linear is not None else None
    if linear is None:
        raise NoExactSum(f"head {name}: {kind} is {_what_it_is(kind)}")
    return linear


def _what_it_is(kind: str) -> str:
    """Return in words why the scores of an estimator are no weighted sums of columns."""
    words = {
        "SV": "a kernel, which compares whole rows",
        "Neighbors": "a vote of whole rows",
        "Forest": "made of trees",
        "Trees": "made of trees",
        "Boosting": "made of trees",
        "MLP": "a network with layers of its own",
        "Calibrated": "a mean of several calibrated classifiers",
    }
    return next((text for part, text in words.items() if part in kind), "not linear in the row")


def _step_of(step: Any) -> RowStep:
    """Return a fitted transformer as a step."""
    kind = type(step).__name__
    if type(step).__module__.partition(".")[0] == "sklearn" and kind in _STEPS:
        return _STEPS[kind](step)
    if hasattr(step, "get_support"):
        return Selection(np.asarray(step.get_support(indices=True), np.intp))
    raise NoExactSum(f"head: step {kind} is not known as a weighted sum of columns")


def _doubles(value: Any, like: int, default: float) -> Doubles:
    return np.full(like, default) if value is None else np.asarray(value, np.float64)


def _standard(step: Any) -> RowStep:
    n = int(step.n_features_in_)
    center = step.mean_ if step.with_mean else None
    return ColumnScaling(_doubles(center, n, 0.0), _doubles(step.scale_, n, 1.0))


def _robust(step: Any) -> RowStep:
    n = int(step.n_features_in_)
    center = step.center_ if step.with_centering else None
    scale = step.scale_ if step.with_scaling else None
    return ColumnScaling(_doubles(center, n, 0.0), _doubles(scale, n, 1.0))


def _range(step: Any) -> RowStep:
    if step.clip:
        raise NoExactSum("head: step MinMaxScaler clips")
    scale = np.asarray(step.scale_, np.float64)
    return ColumnScaling(np.zeros_like(scale), 1 / scale, np.asarray(step.min_, np.float64))


def _largest(step: Any) -> RowStep:
    if getattr(step, "clip", False):
        raise NoExactSum("head: step MaxAbsScaler clips")
    scale = np.asarray(step.scale_, np.float64)
    return ColumnScaling(np.zeros_like(scale), scale)


def _components(step: Any) -> RowStep:
    matrix = np.asarray(step.components_, np.float64).T
    if getattr(step, "whiten", False):
        matrix = matrix / np.sqrt(np.maximum(step.explained_variance_, np.finfo(np.float64).tiny))
    center = getattr(step, "mean_", None)
    return Projection(_doubles(center, len(matrix), 0.0), matrix)


_STEPS: Mapping[str, Callable[[Any], RowStep]] = {
    "StandardScaler": _standard,
    "RobustScaler": _robust,
    "MinMaxScaler": _range,
    "MaxAbsScaler": _largest,
    "Normalizer": lambda step: Length(step.norm),
    "PCA": _components,
    "TruncatedSVD": _components,
}

"""A trained head: a scorer, and a calibrator that turns its scores into probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray, Labels
from featx.errors import BadArtifact, BadOption
from featx.heads.calibrators import Calibrator, TemperatureScaling
from featx.heads.label_types import TEXT, typed_labels
from featx.heads.scorers import EstimatorScorer, LinearArrays, Scorer
from featx.storage.border import library_border

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["TrainedHead", "argmax_labels"]


@dataclass(frozen=True, eq=False)
class TrainedHead:
    """A head that was trained on the rows of a backbone.

    Make one with ``from_estimator``, or with ``from_arrays`` where a saved linear head shall answer without
    the import of scikit-learn.

    Attributes
    ----------
    name : str
        The name in ``featx.heads.HEADS``, or the class of a user's own estimator.
    classes : tuple of str
        What the scores stand for, in their order: classes, labels, or the names of numbers.
    scorer : Scorer
    calibrator : Calibrator
    build : callable, default=None
        Gives the fitted estimator of a head that answers from arrays.
    label_type : {"str", "int", "bool", "float"}, default="str"
        What the labels of a classification were before they became texts.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> rows = np.array([[0.0], [1.0], [8.0], [9.0]], np.float32)
    >>> estimator = LogisticRegression().fit(rows, ["near", "near", "far", "far"])
    >>> head = TrainedHead.from_estimator("logistic", estimator, TemperatureScaling(2.0))
    >>> [str(label) for label in head.predict(rows[1:3])]
    ['near', 'far']
    """

    name: str
    classes: tuple[str, ...]
    scorer: Scorer
    calibrator: Calibrator
    build: Callable[[], BaseEstimator] | None = field(default=None, repr=False)
    label_type: str = TEXT

    @classmethod
    def from_estimator(
        cls,
        name: str,
        estimator: BaseEstimator,
        calibrator: Calibrator,
        classes: Sequence[str] | None = None,
        *,
        own_answers: bool = False,
    ) -> TrainedHead:
        """Return a head that answers with a fitted estimator.

        Parameters
        ----------
        classes : sequence of str, default=None
            The labels of an estimator that was trained on their numbers, 0 to n_classes - 1, and the names of
            labels or numbers where it gives several; one that was trained on labels knows them itself.
        own_answers : bool, default=False
            Whether its own probabilities and labels are taken as they are.
        """
        return cls(
            name, _names(estimator, classes), EstimatorScorer(estimator, own_answers), calibrator
        )

    @classmethod
    def from_arrays(
        cls,
        name: str,
        arrays: LinearArrays,
        calibrator: Calibrator,
        build: Callable[[], BaseEstimator],
    ) -> TrainedHead:
        """Return a head that answers from arrays, to the bit as its estimator would.

        Parameters
        ----------
        build : callable
            Gives the fitted estimator when someone asks for it; may raise BadArtifact.
        """
        return cls(name, tuple(map(str, arrays.classes)), arrays, calibrator, build)

    @cached_property
    def labels(self) -> npt.NDArray[Any]:
        """The classes in the type that labels had; shape (n_classes,), in the order of ``classes``."""
        return typed_labels(self.classes, self.label_type)

    @property
    def own_answers(self) -> bool:
        """Tell whether the estimator's own probabilities and labels are taken as they are."""
        return isinstance(self.scorer, EstimatorScorer) and self.scorer.own

    @property
    def dim(self) -> int:
        """The number of columns of the rows that it takes."""
        return self.scorer.dim

    @property
    def temperature(self) -> float:
        """The temperature of a head that is calibrated by one."""
        if not isinstance(self.calibrator, TemperatureScaling):
            raise BadOption(f"head {self.name}: is calibrated by {self.calibrator.method}")
        return self.calibrator.temperature

    @cached_property
    def estimator(self) -> BaseEstimator:
        """The fitted scikit-learn classifier, uncalibrated.

        Raises
        ------
        BadArtifact
            It cannot be read, or gives other scores than the arrays that were saved with it.
        """
        if isinstance(self.scorer, EstimatorScorer):
            return self.scorer.estimator
        if self.build is None:
            raise BadArtifact(f"head {self.name}: has arrays and no estimator; train it again")
        estimator = self.build()
        built, probe = EstimatorScorer(estimator), np.ones((1, self.dim), np.float32)
        with library_border(f"head {self.name}: its estimator cannot answer"):
            fits = built.dim == self.dim and _names(estimator, self.classes) == self.classes
            ours, theirs = self.scorer.scores(probe), built.scores(probe) if fits else None
            if theirs is None or ours.shape != theirs.shape or not np.allclose(ours, theirs):
                raise BadArtifact(f"head {self.name}: its arrays and its estimator do not agree")
        return estimator

    def predict_outputs(self, rows: FloatArray) -> FloatArray:
        """Return calibrated outputs: of a classification the probabilities.

        Parameters
        ----------
        rows : ndarray of shape (n, dim), float32

        Returns
        -------
        ndarray of shape (n, n_columns), float32, C-ordered
            In a classification one probability a class, which add up to 1; with several labels their
            probabilities, then 1 for each that is given and 0 for the others; of numbers the numbers, then
            the lower ends of their intervals, then the upper.

        Raises
        ------
        BadOption
            Rows have another number of columns, or hold a number that is not finite.
        BadArtifact
            The estimator fails on these rows, or its scores are not finite.
        """
        rows = np.asarray(rows, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.dim:
            raise BadOption(f"rows of shape {rows.shape}: expected (n, {self.dim})")
        if not np.isfinite(rows).all():
            raise BadOption("rows hold NaN or infinity: expected finite numbers")
        n_columns = self.calibrator.n_columns(len(self.classes))
        if not len(rows):
            return np.empty((0, n_columns), np.float32)
        with library_border(f"head {self.name}: its estimator cannot answer"):
            with np.errstate(all="ignore"):
                outputs = self.calibrator.apply(self.scorer.scores(rows))
            fitting = outputs.shape == (len(rows), n_columns)
        if not fitting:
            raise BadArtifact(
                f"head {self.name}: gives {outputs.shape[1:]} outputs, expected {n_columns} of "
                f"{len(self.classes)} classes, labels or numbers"
            )
        if not np.isfinite(outputs).all():
            raise BadArtifact(f"head {self.name}: its scores are not finite; train it again")
        return np.ascontiguousarray(outputs, np.float32)

    def predict_proba(self, rows: FloatArray) -> FloatArray:
        """Return the outputs of a classification, which are probabilities; see ``predict_outputs``."""
        return self.predict_outputs(rows)

    def predict(self, rows: FloatArray) -> Labels:
        """Return the most probable label of each row, of a classification; shape (n,)."""
        return argmax_labels(self.classes, self.predict_outputs(rows))


def _names(estimator: Any, classes: Sequence[str] | None) -> tuple[str, ...]:
    """Return what the scores of an estimator stand for."""
    labels: Any = getattr(estimator, "classes_", classes)
    if classes is not None and (isinstance(labels, list) or _are_numbers(labels, len(classes))):
        labels = classes
    return tuple(map(str, labels))


def _are_numbers(classes: Any, n: int) -> bool:
    """Return whether an estimator's classes are the whole numbers from 0 to ``n`` - 1."""
    codes = np.asarray(classes)
    return codes.dtype.kind in "iu" and np.array_equal(codes, np.arange(n))


def argmax_labels(classes: Sequence[str], probabilities: FloatArray) -> Labels:
    """Return the label of the largest probability in each row; shape (n,)."""
    names = np.asarray(classes, dtype=np.str_)
    return np.asarray(names[probabilities.argmax(axis=1)], dtype=np.str_)

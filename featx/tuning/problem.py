"""The protocol by which tuning asks a task: an object that holds the targets and can split and judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Integers
from featx.metrics.report import Report
from featx.tuning.design import SampleDesign
from featx.tuning.solvers.lbfgs import MapFn

if TYPE_CHECKING:
    from featx.heads import Calibrator, HeadSpec

__all__ = ["Evaluation", "TuningProblem"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The evaluation of scores of samples left out.

    Attributes
    ----------
    score : float
        What is maximised, such as the accuracy.
    standard_error : float
        The standard error of the score; candidates that are much nearer to each other are compared by ``loss``.
    loss : float
        What is minimised among them, such as the log-loss after calibration.
    calibrator : Calibrator
        The one that suits these scores.
    """

    score: float
    standard_error: float
    loss: float
    calibrator: Calibrator


class TuningProblem(Protocol):
    """The targets of a task's samples, one a row, and all that tuning does with them.

    Rows are given beside it, in the same order; ``indices`` are of both.
    """

    @property
    def targets(self) -> npt.NDArray[Any]:
        """The targets on which estimators are fitted; shape (n,)."""

    @property
    def codes(self) -> npt.NDArray[Any]:
        """The targets as featx's own solvers take them: the column of a sample's class, or 0 and 1 a label."""

    @property
    def design(self) -> SampleDesign:
        """How the samples belong together, and how much each counts."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """What each column of scores stands for: a class, a label, or the name of a number."""

    @property
    def n_outputs(self) -> int:
        """The number of columns of scores."""

    @property
    def n_columns(self) -> int:
        """The number of columns of calibrated outputs, which say more than scores where there are intervals."""

    @property
    def score_name(self) -> str:
        """The name of the score by which trained heads are compared, such as "accuracy"; more is better."""

    @property
    def max_folds(self) -> int:
        """The largest number of folds in which each has something to leave out."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def subset(self, indices: npt.NDArray[Any]) -> Self:
        """Return the problem of some samples, by their indices or by a mask."""

    def without_groups(self) -> Self:
        """Return the problem as if every sample were a group of its own."""

    def make_folds(self, n_folds: int, rng: np.random.Generator) -> Integers:
        """Return the fold of each sample, or -1 for one that stays in every training part."""

    def choose_heads(self, head: Any, *, random_state: int) -> Sequence[HeadSpec]:
        """Return the heads that a user's choice stands for, with these targets; None is the task's first."""

    @property
    def can_leave_out_each(self) -> bool:
        """Whether ``leave_out_each`` does what this design of the samples asks for."""

    def leave_out_each(self, head: HeadSpec, rows: FloatArray) -> list[Doubles]:
        """Return the scores of every sample, left out in turn in closed form, by each candidate of a head.

        With groups, all of a group are left out together.
        """

    def neighbor_targets(self, indices: Integers) -> Doubles:
        """Return the targets of some samples as numbers whose average says something; (n, n_outputs)."""

    def scores_of_averages(self, averages: Doubles) -> Doubles:
        """Return the scores that averages of ``neighbor_targets`` over neighbours stand for."""

    def default_calibrator(self) -> Calibrator:
        """Return the calibrator of a head of which no scores are known."""

    def predict_baseline(
        self, rows: FloatArray, known: Integers, test: Integers, map_fn: MapFn
    ) -> tuple[str, FloatArray]:
        """Return the name of a head in closed form, and its predictions of some samples.

        Parameters
        ----------
        rows : ndarray of shape (n, d), float32
        known, test : ndarray of integers
            The samples that it may learn from, and those that it predicts.
        map_fn : callable
            ``map``, or that of a pool of threads.
        """

    def evaluate(self, scores: Doubles, indices: Integers) -> Evaluation:
        """Return how good the scores of some samples are; they were not trained on."""

    def measure(self, predictions: FloatArray, indices: Integers) -> Callable[[Doubles], Doubles]:
        """Return the function that gives this score of predictions of some samples.

        It takes what each sample counts, shape (draws, n), and returns shape (draws,); NaN where there is
        none.
        """

    def report(self, predictions: FloatArray, indices: Integers, *, random_state: int) -> Report:
        """Return the task's report on calibrated predictions of samples that were never seen."""

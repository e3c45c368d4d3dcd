"""The numbers of samples as what a head is tuned for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Integers
from featx.heads.names import NUMBER_HEAD_NAMES
from featx.heads.number_scaling import COVERAGE, NumberScaling
from featx.tasks.ridge import leave_out_by_ridge, predict_by_ridge
from featx.tuning.design import SampleDesign

if TYPE_CHECKING:
    from featx.heads import HeadSpec
    from featx.metrics.regression import RegressionReport
    from featx.tuning.problem import Evaluation
    from featx.tuning.solvers.lbfgs import MapFn
    from featx.tuning.solvers.streamed_sums import RowTargets


__all__ = ["RegressionProblem", "report_numbers"]

# Penalties of the ridge that is the head of the baseline.
_ALPHAS = tuple(float(f"{10**e:.2g}") for e in np.arange(6, -0.5, -1))


@dataclass(frozen=True, eq=False)
class RegressionProblem:
    """Numbers of samples; see ``TuningProblem`` for what tuning does with them.

    Attributes
    ----------
    names : tuple of k str
    numbers : ndarray of shape (n, k), float64
    log : bool, default=False
        Whether their logarithms are trained on.
    design : SampleDesign
    scaling : (center, scale), default=None
        By what numbers are standardised, each of shape (k,); None: by their own mean and standard deviation.
    """

    names: tuple[str, ...]
    numbers: Doubles
    log: bool = False
    design: SampleDesign = field(default_factory=SampleDesign)
    scaling: tuple[Doubles, Doubles] | None = None

    @cached_property
    def _plain(self) -> Doubles:
        return np.log(self.numbers) if self.log else self.numbers

    @cached_property
    def _weights(self) -> Doubles:
        return self.design.counts(len(self))

    @cached_property
    def _scaling(self) -> tuple[Doubles, Doubles]:
        if self.scaling is not None:
            return self.scaling
        center = np.average(self._plain, axis=0, weights=self._weights)
        spread = np.sqrt(np.average((self._plain - center) ** 2, axis=0, weights=self._weights))
        return center, np.where(spread > 0, spread, 1.0)

    @cached_property
    def standardized(self) -> Doubles:
        """The numbers, or their logarithms, of mean 0 and standard deviation 1; shape (n, k)."""
        center, scale = self._scaling
        return np.asarray((self._plain - center) / scale)

    @property
    def targets(self) -> npt.NDArray[Any]:
        """The standardised numbers; shape (n,) where there is one a sample, else (n, k)."""
        return self.standardized[:, 0] if self.n_outputs == 1 else self.standardized

    @property
    def codes(self) -> npt.NDArray[Any]:
        """The standardised numbers; shape (n, k)."""
        return self.standardized

    @property
    def output_names(self) -> tuple[str, ...]:
        """The names of the numbers."""
        return self.names

    @property
    def n_outputs(self) -> int:
        """Columns of scores: one a number."""
        return len(self.names)

    @property
    def n_columns(self) -> int:
        """Columns of outputs: a number, and the ends of its interval."""
        return 3 * self.n_outputs

    @property
    def score_name(self) -> str:
        """R², of several numbers their mean."""
        return "r2"

    @property
    def max_folds(self) -> int:
        """The number of samples, or of groups."""
        groups = self.design.groups
        return len(self) if groups is None else len(np.unique(groups))

    def __len__(self) -> int:
        return len(self.numbers)

    def subset(self, indices: npt.NDArray[Any]) -> RegressionProblem:
        """Return the problem of some samples, standardised by themselves."""
        return replace(self, numbers=self.numbers[indices], design=self.design.subset(indices))

    def part(self, known: Integers, indices: Integers) -> RegressionProblem:
        """Return the problem of some samples, standardised by those that are ``known`` in training."""
        return replace(self.subset(indices), scaling=self.subset(known)._scaling)

    def row_targets(self) -> RowTargets:
        """Return the targets as sums over rows take them."""
        from featx.tuning.solvers.streamed_sums import RowTargets

        own = self.design.counts(len(self))
        return RowTargets(own, np.ones(len(self)), None, self.standardized, self.n_outputs)

    def without_groups(self) -> RegressionProblem:
        """Return the problem as if every sample were a group of its own."""
        return replace(self, design=self.design.without_groups())

    def make_folds(self, n_folds: int, rng: np.random.Generator) -> Integers:
        """Return the fold of each sample, with small and large numbers spread evenly."""
        from featx.tuning.folds import quantile_folds

        return quantile_folds(self.standardized.mean(axis=1), n_folds, rng, self.design.groups)

    def choose_heads(self, head: Any, *, random_state: int) -> tuple[HeadSpec, ...]:
        """Return the heads that a user's choice stands for."""
        from featx.heads import choose_heads
        from featx.heads.number_heads import number_heads

        return choose_heads(
            NUMBER_HEAD_NAMES[0] if head is None else head,
            largest=len(self),
            random_state=random_state,
            table={one.name: one for one in number_heads(self.n_outputs)},
            kind="regressor" if self.n_outputs == 1 else "regressors",
        )

    @property
    def can_leave_out_each(self) -> bool:
        """Tell whether the design of the samples allows it."""
        return self.design.allows_leaving_out_each

    def leave_out_each(self, head: HeadSpec, rows: FloatArray) -> list[Doubles]:
        """Return the numbers of every sample by ridge with each penalty, its group left out in turn."""
        return leave_out_by_ridge(head, rows, self.standardized, self.design)

    def neighbor_targets(self, indices: Integers) -> Doubles:
        """Return the standardised numbers."""
        return self.standardized[indices]

    def scores_of_averages(self, averages: Doubles) -> Doubles:
        """Return the averages, which are the scores."""
        return averages

    def default_calibrator(self) -> NumberScaling:
        """Return the scaling of these numbers, with an interval of two standard deviations."""
        return self._calibrator(np.full(self.n_outputs, 2.0))

    def _calibrator(self, radius: Doubles) -> NumberScaling:
        center, scale = self._scaling
        means, deviations, radii = (tuple(map(float, part)) for part in (center, scale, radius))
        return NumberScaling(means, deviations, radii, self.log)

    def predict_baseline(
        self, rows: FloatArray, known: Integers, test: Integers, map_fn: MapFn
    ) -> tuple[str, FloatArray]:
        """Return the numbers of a ridge, whose penalty ``known`` decides in closed form."""
        outputs = predict_by_ridge(
            self,
            lambda some: some.standardized,
            rows,
            (known, test),
            _ALPHAS,
            lambda one: -one.loss,
        )
        return "ridge", outputs

    def evaluate(self, scores: Doubles, indices: Integers) -> Evaluation:
        """Return minus the root mean squared error of scores, with the interval that suits them."""
        from featx.heads.conformal import conformal_quantile
        from featx.tuning.problem import Evaluation

        residuals = np.abs(scores - self.standardized[indices])
        design, weights = self.design.subset(indices), self._weights[indices]
        squares = (residuals**2).mean(axis=1)
        loss = float(np.average(squares, weights=weights))
        spread = float(np.sqrt(np.average((squares - loss) ** 2, weights=weights)))
        radius = [
            conformal_quantile(column, COVERAGE, design.groups, design.weights)
            for column in residuals.T
        ]
        root = np.sqrt(loss)
        return Evaluation(
            score=-float(root),
            standard_error=spread / max(2 * root * np.sqrt(len(indices)), 1e-12),
            loss=loss,
            calibrator=self._calibrator(np.asarray(radius)),
        )

    def measure(self, predictions: FloatArray, indices: Integers) -> Callable[[Doubles], Doubles]:
        """Return the function that gives R² of numbers."""
        from featx.metrics.number_scores import NUMBER_SCORES, measure_numbers

        values = predictions[:, : self.n_outputs].astype(np.float64)
        pairs = [np.stack(pair) for pair in zip(self.numbers[indices].T, values.T, strict=True)]
        column = NUMBER_SCORES.index("r2")
        return lambda weights: np.mean(
            [measure_numbers(pair, weights)[:, column] for pair in pairs], axis=0
        )

    def report(
        self, predictions: FloatArray, indices: Integers, *, random_state: int
    ) -> RegressionReport:
        """Return the report on numbers and intervals of some samples."""
        design = self.design.subset(indices)
        return report_numbers(
            self.numbers[indices], predictions, self.names, random_state, None, design
        )


def report_numbers(
    numbers: Doubles,
    outputs: FloatArray,
    names: Sequence[str],
    random_state: int,
    ids: Sequence[str] | None,
    design: SampleDesign,
) -> RegressionReport:
    """Return the report on numbers and intervals of shape (n, 3 k)."""
    # A prediction need not wait for what measures.
    from featx.metrics.regression import evaluate_numbers

    values, low, high = np.split(outputs.astype(np.float64), 3, axis=1)
    return evaluate_numbers(
        numbers,
        values,
        names=names,
        low=low,
        high=high,
        groups=design.groups,
        sample_weight=design.weights,
        ids=ids,
        random_state=random_state,
    )

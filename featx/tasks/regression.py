"""Regression: one number a sample, or several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Integers, Labels
from featx.errors import BadLabels, BadOption
from featx.heads.number_scaling import COVERAGE, NumberScaling
from featx.sources.numbers import read_numbers
from featx.tuning.design import SampleDesign

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder
    from featx.heads import HeadSpec
    from featx.metrics.regression import RegressionReport
    from featx.metrics.report import Report
    from featx.tasks.task import OutputTensor
    from featx.tuning import HeadConfig
    from featx.tuning.problem import Evaluation
    from featx.tuning.solvers.lbfgs import MapFn

__all__ = ["NumberPrediction", "Regression", "RegressionProblem", "Targets"]

HEAD_NAMES = ("ridge", "linear-svm", "rbf-svm", "knn", "boosting", "auto")
# Samples without which nothing can be said of an interval of 90 %.
_LEAST = 10
# Penalties of the ridge that is the head of the baseline.
_ALPHAS = tuple(float(f"{10**e:.2g}") for e in np.arange(6, -0.5, -1))


@dataclass(frozen=True, slots=True)
class NumberPrediction:
    """What a regression says of one sample.

    Attributes
    ----------
    id : str
    numbers : mapping of str to (value, low, high)
        Each number with the ends of its interval, which covers nine in ten new samples where nothing else is
        said.

    Examples
    --------
    >>> prediction = NumberPrediction("a.jpg", {"value": (3.0, 2.5, 3.5)})
    >>> prediction.value, prediction.to_dict()
    (3.0, {'value': 3.0, 'low': 2.5, 'high': 3.5})
    """

    id: str
    numbers: Mapping[str, tuple[float, float, float]]

    @property
    def labels(self) -> tuple[str, ...]:
        """None: a number is no label."""
        return ()

    @property
    def value(self) -> float:
        """The only number, or the first of several."""
        return next(iter(self.numbers.values()))[0]

    def to_dict(self, digits: int | None = None) -> dict[str, Any]:
        """Return value, low and high as JSON values, or those of several numbers by name."""
        tables = {
            name: {
                key: _rounded(number, digits)
                for key, number in zip(("value", "low", "high"), triple, strict=True)
            }
            for name, triple in self.numbers.items()
        }
        return next(iter(tables.values())) if len(tables) == 1 else {"values": tables}

    def to_cells(self) -> dict[str, str | float]:
        """Return id, value, low and high, of several numbers with their names; six significant digits."""
        cells: dict[str, str | float] = {"id": self.id}
        for name, triple in self.numbers.items():
            for key, number in zip(("value", "low", "high"), triple, strict=True):
                cells[_column(key, name, len(self.numbers))] = _rounded(number, 6)
        return cells


def _rounded(number: float, digits: int | None) -> float:
    """Return a number with so many significant digits: targets may be millions or millionths."""
    return number if digits is None else float(f"{number:.{digits}g}")


def _column(key: str, name: str, n: int) -> str:
    return key if n == 1 else f"{key}_{name}"


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Numbers of samples.

    Attributes
    ----------
    names : tuple of k str
    numbers : ndarray of shape (n, k), float64
    """

    names: tuple[str, ...]
    numbers: Doubles

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True, slots=True)
class Regression:
    """The task of predicting numbers; see ``featx.tasks.Task``."""

    name: str = "regression"
    predictor: str = "featx.predictor:Regressor"
    head_names: tuple[str, ...] = HEAD_NAMES
    least_outputs: int = 1
    output_noun: tuple[str, str] = ("number", "numbers")

    def columns(self, classes: Sequence[str]) -> dict[str, type]:
        """Return id, value, low and high, the last three for each number."""
        names = [
            _column(key, name, len(classes)) for name in classes for key in ("value", "low", "high")
        ]
        return {"id": str} | dict.fromkeys(names, float)

    def check_config(self, config: HeadConfig) -> None:
        """Refuse what is for labels."""
        if config.class_weight is not None:
            raise BadOption(
                f"class_weight={config.class_weight!r}: a regression has no classes; leave it out, or weigh "
                "samples with sample_weight="
            )
        if config.threshold is not None:
            raise BadOption(f"threshold={config.threshold:g}: a regression has no thresholds")

    def drop_rare(
        self, targets: Sequence[str | None], least: int | None
    ) -> tuple[list[str | None], str]:
        """Leave nothing out."""
        if least is not None:
            raise BadOption(f"min_samples={least}: a regression has no classes; leave it out")
        return list(targets), ""

    def classes_of(self, targets: Sequence[str | None]) -> list[str | None]:
        """Return None for each: there are no classes."""
        return [None] * len(targets)

    def encode_targets(
        self, targets: Sequence[Any] | Labels, ids: Sequence[str] | None = None
    ) -> Targets:
        """Return the numbers of targets; at least 10 samples that differ are needed."""
        names, numbers = read_numbers(targets, ids)
        if len(numbers) < _LEAST:
            raise BadLabels(
                f"targets: {len(numbers)} samples; expected at least {_LEAST} to train a regression"
            )
        for name, column in zip(names, numbers.T, strict=True):
            if np.ptp(column) == 0:
                raise BadLabels(f"targets: {name} is {column[0]:g} in all {len(numbers)} samples")
        return Targets(names, numbers)

    def match_targets(
        self,
        targets: Sequence[Any],
        classes: Sequence[str],
        ids: Sequence[str],
        ignore_case: bool = False,
    ) -> list[str]:
        """Return the texts of targets, once all are the numbers that the predictor gives."""
        read_numbers(targets, ids, classes)
        return list(targets)

    def tuning_problem(
        self, targets: Targets, config: HeadConfig, design: SampleDesign | None = None
    ) -> RegressionProblem:
        """Return the numbers as what a head is tuned for; raise BadLabels where they have no logarithm."""
        least = targets.numbers.min()
        if config.log_target and least <= 0:
            raise BadLabels(f"log_target=True: expected numbers above 0, found {least:g}")
        return RegressionProblem(
            targets.names, targets.numbers, config.log_target, design or SampleDesign()
        )

    def summarize_targets(self, targets: Targets) -> dict[str, Any]:
        """Return mean, standard deviation, least and greatest of each number."""
        return {
            name: {
                "mean": float(column.mean()),
                "std": float(column.std()),
                "min": float(column.min()),
                "max": float(column.max()),
            }
            for name, column in zip(targets.names, targets.numbers.T, strict=True)
        }

    def describe_summary(self, summary: Mapping[str, Any]) -> str:
        """Return the range of each number in words."""
        ranges = [f"{name} from {one['min']:g} to {one['max']:g}" for name, one in summary.items()]
        return f"with {', '.join(ranges)}"

    def is_known(self, targets: Sequence[str], classes: Sequence[str]) -> bool:
        """Return whether every target holds these numbers."""
        try:
            read_numbers(targets, None, classes)
        except BadLabels:
            return False
        return True

    def evaluate(
        self,
        targets: Sequence[Any] | Labels,
        outputs: FloatArray,
        classes: Sequence[str],
        random_state: int,
        *,
        ids: Sequence[str] | None = None,
        design: SampleDesign | None = None,
    ) -> RegressionReport:
        """Return the report on numbers and intervals of shape (n, 3 k)."""
        _, numbers = read_numbers(targets, ids, classes)
        return _report(numbers, outputs, classes, random_state, ids, design)

    def report_from_dict(self, table: Mapping[str, Any]) -> RegressionReport:
        """Return the report whose ``to_dict`` gave ``table``."""
        from featx.metrics.regression import RegressionReport

        return RegressionReport.from_dict(table)

    def trivial_baseline(self, report: Report) -> tuple[str, dict[str, float]]:
        """Return the scores of always predicting the mean of what is measured."""
        report = cast("RegressionReport", report)
        return "always the mean", {"r2": 0.0, "rmse": report.baseline_rmse}

    def main_scores(self, report: Report) -> dict[str, float]:
        """Return R², where it has one, and RMSE; of several numbers their means."""
        report = cast("RegressionReport", report)
        scores = {} if report.r2 is None else {"r2": report.r2}
        return scores | {"rmse": report.rmse}

    def hints(self, report: Report, class_weight: str | None) -> list[str]:
        """Return none: the report says what there is to say."""
        return []

    def predictions(
        self, ids: Sequence[str], outputs: FloatArray, classes: Sequence[str], top_k: int
    ) -> Iterator[NumberPrediction]:
        """Give the numbers of each row with their intervals."""
        triples = outputs.reshape(len(outputs), 3, len(classes)).transpose(0, 2, 1)
        for id, row in zip(ids, triples.tolist(), strict=True):
            numbers = {
                name: (v, low, high) for name, (v, low, high) in zip(classes, row, strict=True)
            }
            yield NumberPrediction(id, numbers)

    def add_graph_outputs(
        self, graph: GraphBuilder, outputs: str, classes: Sequence[str]
    ) -> tuple[OutputTensor, ...]:
        """Add the nodes that give values and the ends of their intervals, float32 of shape (n, k)."""
        k = len(classes)
        floats = graph.to_float32(outputs)
        for index, name in enumerate(("value", "low", "high")):
            start, stop = graph.int_const(index * k), graph.int_const((index + 1) * k)
            graph.named(name, "Slice", floats, start, stop, graph.int_const(1))
        return self.output_tensors(classes)

    def compare_answers(
        self,
        given: Mapping[str, Any],
        expected: FloatArray,
        classes: Sequence[str],
        scale: FloatArray,
    ) -> tuple[float, bool]:
        """Return the largest difference of a number in standard deviations of the targets."""
        answer = np.concatenate([given[name] for name in ("value", "low", "high")])
        return float((np.abs(answer - expected) / scale).max()), False

    def output_tensors(self, classes: Sequence[str]) -> tuple[OutputTensor, ...]:
        """Return value, low and high, each with a column a number."""
        from featx.tasks.task import OutputTensor

        return tuple(OutputTensor(name, "FP32", len(classes)) for name in ("value", "low", "high"))

    def tensor_values(
        self, predictions: Sequence[NumberPrediction], classes: Sequence[str]
    ) -> dict[str, list[Any]]:
        """Return the values of the tensors, flattened sample by sample."""
        return {
            key: [one.numbers[name][index] for one in predictions for name in classes]
            for index, key in enumerate(("value", "low", "high"))
        }


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
    """

    names: tuple[str, ...]
    numbers: Doubles
    log: bool = False
    design: SampleDesign = field(default_factory=SampleDesign)

    @cached_property
    def _plain(self) -> Doubles:
        return np.log(self.numbers) if self.log else self.numbers

    @cached_property
    def _weights(self) -> Doubles:
        return np.ones(len(self)) if self.design.weights is None else self.design.weights

    @cached_property
    def _scaling(self) -> tuple[Doubles, Doubles]:
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
    def max_folds(self) -> int:
        """The number of samples, or of groups."""
        groups = self.design.groups
        return len(self) if groups is None else len(np.unique(groups))

    def __len__(self) -> int:
        return len(self.numbers)

    def subset(self, indices: npt.NDArray[Any]) -> RegressionProblem:
        """Return the problem of some samples, standardised by themselves."""
        return replace(self, numbers=self.numbers[indices], design=self.design.subset(indices))

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
            HEAD_NAMES[0] if head is None else head,
            largest=len(self),
            random_state=random_state,
            table={one.name: one for one in number_heads(self.n_outputs)},
        )

    @property
    def can_leave_out_each(self) -> bool:
        """Whether no part of the samples is to choose by, and none is later than another."""
        return self.design.validation is None and self.design.times is None

    def leave_out_each(self, head: HeadSpec, rows: FloatArray) -> list[Doubles]:
        """Return the numbers of every sample by ridge with each penalty, its group left out in turn."""
        from featx.tuning.solvers.ridge import leave_one_out_numbers

        alphas = [value for params in head.grid for value in params.values()]
        return list(
            leave_one_out_numbers(
                rows,
                self.standardized,
                alphas,
                groups=self.design.groups,
                sample_weight=self.design.weights,
            )
        )

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
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        from featx.tuning.solvers.ridge import leave_one_out_numbers

        some = self.subset(known)
        tried = leave_one_out_numbers(
            rows[known], some.standardized, _ALPHAS, groups=some.design.groups
        )
        every = np.arange(len(some))
        scored = [some.evaluate(scores, every) for scores in tried]
        best = int(np.argmin([one.loss for one in scored]))
        ridge = make_pipeline(StandardScaler(), Ridge(_ALPHAS[best]))
        scores = ridge.fit(rows[known], some.standardized).predict(rows[test])
        outputs = scored[best].calibrator.apply(
            np.asarray(scores, np.float64).reshape(len(test), -1)
        )
        return "ridge", outputs.astype(np.float32)

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
            conformal_quantile(column, COVERAGE, groups=design.groups) for column in residuals.T
        ]
        root = np.sqrt(loss)
        return Evaluation(
            score=-float(root),
            standard_error=spread / max(2 * root * np.sqrt(len(indices)), 1e-12),
            loss=loss,
            calibrator=self._calibrator(np.asarray(radius)),
        )

    def report(
        self, predictions: FloatArray, indices: Integers, *, random_state: int
    ) -> RegressionReport:
        """Return the report on numbers and intervals of some samples."""
        design = self.design.subset(indices)
        return _report(self.numbers[indices], predictions, self.names, random_state, None, design)


def _report(
    numbers: Doubles,
    outputs: FloatArray,
    names: Sequence[str],
    random_state: int,
    ids: Sequence[str] | None,
    design: SampleDesign | None,
) -> RegressionReport:
    # A prediction need not wait for what measures.
    from featx.metrics.regression import evaluate_numbers

    values, low, high = np.split(outputs.astype(np.float64), 3, axis=1)
    return evaluate_numbers(
        numbers,
        values,
        names=names,
        low=low,
        high=high,
        groups=None if design is None else design.groups,
        sample_weight=None if design is None else design.weights,
        ids=ids,
        random_state=random_state,
    )

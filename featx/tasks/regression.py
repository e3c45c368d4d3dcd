"""Regression: one number a sample, or several."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from featx._typing import Doubles, FloatArray, Labels
from featx.errors import BadLabels, BadOption, FeatxWarning
from featx.heads.conformal import describe_coverage
from featx.heads.names import NUMBER_HEAD_NAMES
from featx.heads.number_scaling import COVERAGE
from featx.sources.labels import MISSING_REMEDY
from featx.sources.numbers import read_numbers
from featx.tasks.number_intervals import NumberIntervals
from featx.tasks.regression_problem import RegressionProblem, report_numbers
from featx.tuning.design import SampleDesign

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder
    from featx.metrics.regression import RegressionReport
    from featx.metrics.report import Report
    from featx.tasks.certainty import Certainty
    from featx.tasks.output_tensor import OutputTensor
    from featx.tuning import HeadConfig

__all__ = ["NumberPrediction", "Regression", "Targets"]

# Samples without which nothing can be said of an interval of 90 %.
_LEAST = 10


@dataclass(frozen=True, slots=True)
class NumberPrediction:
    """What a regression says of one sample.

    Attributes
    ----------
    id : str
    numbers : mapping of str to (value, low, high)
        Each number with the ends of its interval, which covers nine in ten new samples where nothing else is
        said.
    certainty : Certainty or None
        What was asked beside: whether the sample is new.

    Examples
    --------
    >>> prediction = NumberPrediction("a.jpg", {"value": (3.0, 2.5, 3.5)})
    >>> prediction.value, prediction.to_dict()
    (3.0, {'value': 3.0, 'low': 2.5, 'high': 3.5})
    """

    id: str
    numbers: Mapping[str, tuple[float, float, float]]
    certainty: Certainty | None = None

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
        shown: dict[str, Any] = (
            next(iter(tables.values())) if len(tables) == 1 else {"values": tables}
        )
        return shown | (self.certainty.to_dict(digits) if self.certainty else {})

    def to_cells(self) -> dict[str, str | float | bool]:
        """Return id, value, low and high, of several numbers with their names; six significant digits."""
        cells: dict[str, str | float | bool] = {"id": self.id}
        for name, triple in self.numbers.items():
            for key, number in zip(("value", "low", "high"), triple, strict=True):
                cells[_column(key, name, len(self.numbers))] = _rounded(number, 6)
        return cells | (self.certainty.to_cells() if self.certainty else {})


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
    head_names: tuple[str, ...] = NUMBER_HEAD_NAMES
    least_outputs: int = 1
    output_noun: tuple[str, str] = ("number", "numbers")
    missing_remedy: str = MISSING_REMEDY

    @property
    def answer_sets(self) -> NumberIntervals:
        """Return how intervals of another coverage are made."""
        return NumberIntervals()

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
        if config.target_error is not None:
            raise BadOption(
                f"target_error={config.target_error!r:.40}: a number is not right or wrong; its interval says "
                "how far off it may be"
            )

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
        problem = RegressionProblem(
            targets.names, targets.numbers, config.log_target, design or SampleDesign()
        )
        what = "samples" if problem.design.groups is None else "groups"
        if text := describe_coverage(problem.max_folds, what, COVERAGE):
            warnings.warn(text, FeatxWarning, stacklevel=3)
        return problem

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
        return report_numbers(
            numbers, outputs, classes, random_state, ids, design or SampleDesign()
        )

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
        from featx.tasks.output_tensor import OutputTensor

        return tuple(OutputTensor(name, "FP32", len(classes)) for name in ("value", "low", "high"))

    def tensor_values(
        self, predictions: Sequence[NumberPrediction], classes: Sequence[str]
    ) -> dict[str, list[Any]]:
        """Return the values of the tensors, flattened sample by sample."""
        return {
            key: [one.numbers[name][index] for one in predictions for name in classes]
            for index, key in enumerate(("value", "low", "high"))
        }

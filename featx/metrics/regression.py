"""How good predicted numbers are, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._display import TextTable
from featx._extras import require
from featx._typing import Doubles
from featx.errors import BadLabels
from featx.metrics.answers import AnswerReport
from featx.metrics.intervals import wilson
from featx.metrics.number_scores import NUMBER_SCORES, measure_numbers, tenths
from featx.metrics.report import (
    MeasuredReport,
    answers_entry,
    check_fields,
    read_answers,
    reading_report,
)
from featx.metrics.resampling import Resampling, bootstrap, check_weights

__all__ = ["LargeResidual", "OutputScore", "RegressionReport", "Tenth", "evaluate_numbers"]

# Samples that a report names, those with the largest residuals.
_NAMED = 100
# Numbers beyond it have no differences in float64.
_LARGEST = 1e300
_TITLES = {
    "rmse": "RMSE",
    "mae": "MAE",
    "median_absolute_error": "median error",
    "r2": "R²",
    "spearman": "Spearman",
    "coverage": "coverage",
}


@dataclass(frozen=True, slots=True)
class Tenth:
    """The residuals of about a tenth of the samples, those between two quantiles of the targets.

    Attributes
    ----------
    low, high : float
        The smallest and the largest target among them.
    count : int
        Samples; equal targets are never parted, so that a tenth may hold more or be missing.
    mean_prediction : float
    mean_residual : float
        Mean of prediction minus target: above 0 predictions are too high.
    rmse : float

    Examples
    --------
    >>> report = evaluate_numbers([1.0, 2.0], [1.5, 2.0], names=["price"])
    >>> report.outputs[0].tenths[0]
    Tenth(low=1.0, high=1.0, count=1, mean_prediction=1.5, mean_residual=0.5, rmse=0.5)
    """

    low: float
    high: float
    count: int
    mean_prediction: float
    mean_residual: float
    rmse: float


@dataclass(frozen=True, slots=True)
class OutputScore:
    """The scores of one predicted number.

    Attributes
    ----------
    name : str
    rmse, mae, median_absolute_error : float
        Root of the mean square, mean and median of the absolute residuals, in the target's unit.
    baseline_rmse : float
        RMSE of always predicting the mean of these targets, which is their standard deviation.
    r2 : float or None
        Share of the targets' variance that is predicted; None where targets are all the same.
    spearman : float or None
        Correlation of ranks; None where targets or predictions are all the same.
    intervals : mapping of str to (float, float)
        The 95 % interval of each score that is not None, but for the baseline and the width.
    coverage : float or None
        Share of targets within their predicted interval; None where no intervals were predicted.
    mean_width : float or None
        Mean of the predicted intervals' width.
    tenths : tuple of Tenth
        Residuals by tenths of the targets, the lowest first.

    Examples
    --------
    >>> report = evaluate_numbers([1.0, 2.0, 4.0], [1.0, 3.0, 4.0], names=["price"])
    >>> report.outputs[0].spearman, report.outputs[0].median_absolute_error
    (1.0, 0.0)
    """

    name: str
    rmse: float
    mae: float
    median_absolute_error: float
    baseline_rmse: float
    r2: float | None
    spearman: float | None
    intervals: Mapping[str, tuple[float, float]]
    coverage: float | None = None
    mean_width: float | None = None
    tenths: tuple[Tenth, ...] = ()


@dataclass(frozen=True, slots=True)
class LargeResidual:
    """A sample whose prediction is far from its target.

    Attributes
    ----------
    id : str
    output : str
    target, prediction : float

    Examples
    --------
    >>> report = evaluate_numbers([1.0, 2.0], [1.0, 2.5], names=["price"], ids=["x", "y"])
    >>> report.largest[0]
    LargeResidual(id='y', output='price', target=2.0, prediction=2.5)
    """

    id: str
    output: str
    target: float
    prediction: float


@dataclass(frozen=True, slots=True, repr=False)
class RegressionReport(MeasuredReport):
    """The scores measured on ``n`` samples whose numbers are known.

    Attributes
    ----------
    n : int
        Samples, without those of weight 0.
    rmse, mae, median_absolute_error, baseline_rmse : float
        Those of the output, in the target's unit; of several outputs their mean.
    r2, spearman : float or None
        The same; None where that of an output is.
    intervals : mapping of str to (float, float)
        The 95 % interval of each of them that is not None, but for the baseline.
    outputs : tuple of OutputScore
        One a predicted number, in the order of the predictor.
    largest : tuple of LargeResidual
        The hundred samples with the largest residuals, measured in standard deviations of the output's
        targets, the largest first; empty where ids were not given, and not part of ``to_dict``.
    answers : AnswerReport or None
        What was measured of sets and answers; see ``Predictor.with_abstention``. Not part of ``to_dict`` where
        nothing was asked.

    Examples
    --------
    >>> report = evaluate_numbers([1.0, 2.0, 3.0], [1.0, 2.5, 3.0], names=["price"])
    >>> round(report.r2, 3), round(report.mae, 3)
    (0.875, 0.167)
    >>> RegressionReport.from_dict(report.to_dict()) == report
    True
    """

    n: int
    rmse: float
    mae: float
    median_absolute_error: float
    baseline_rmse: float
    r2: float | None
    spearman: float | None
    intervals: Mapping[str, tuple[float, float]]
    outputs: tuple[OutputScore, ...]
    largest: tuple[LargeResidual, ...] = field(default=(), compare=False)
    answers: AnswerReport | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; ``from_dict`` reads them back."""
        own = [one.name for one in fields(self) if one.name != "largest"]
        table: dict[str, Any] = {name: getattr(self, name) for name in own}
        table["intervals"] = {key: list(pair) for key, pair in self.intervals.items()}
        table["outputs"] = [_output_table(one) for one in self.outputs]
        table |= answers_entry(table.pop("answers"))
        return table

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> RegressionReport:
        """Return the report that ``to_dict`` gave.

        Raises
        ------
        BadLabels
            The table is no such report.
        """
        with reading_report("regression"):
            values = dict(table)
            values["intervals"] = _pairs(table["intervals"])
            values["outputs"] = tuple(map(_read_output, table["outputs"]))
            values["answers"] = read_answers(table)
            report = cls(**values)
            tenths = [row for one in report.outputs for row in one.tenths]
            for record in (report, *report.outputs, *tenths):
                check_fields(record)
            if not report.outputs or min(report.n, *(row.count for row in tenths), 0) < 0:
                raise TypeError("expected an output or more, and counts")
            return report

    def list_errors(self) -> tuple[dict[str, type], list[dict[str, Any]], str]:
        """Return the columns of a table of the largest errors, its records, and how many there are in words.

        >>> report = evaluate_numbers([1.0, 2.0], [1.0, 2.5], names=["price"], ids=["x", "y"])
        >>> report.list_errors()[1:]
        ([{'id': 'y', 'output': 'price', 'target': 2.0, 'prediction': 2.5}], 'the 1 largest ...')
        """
        columns = {"id": str, "output": str, "target": float, "prediction": float}
        records = [asdict(one) for one in self.largest]
        return columns, records, f"the {len(records)} largest errors of {self.n} samples"

    def to_frame(self) -> Any:
        """Return the scores of the outputs as a pandas DataFrame, a row an output.

        Raises
        ------
        MissingExtra
            pandas is not installed.
        """
        pandas = require("pandas")
        left_out = ("tenths", "intervals")
        columns = [one.name for one in fields(OutputScore) if one.name not in left_out]
        rows = [{name: getattr(score, name) for name in columns} for score in self.outputs]
        return pandas.DataFrame(rows, columns=columns).set_index("name")

    def _own_lines(self) -> list[str]:
        if len(self.outputs) > 1:
            return [_score_line("mean R²", self.r2, self.intervals.get("r2"))]
        [own] = self.outputs
        lines = [
            _score_line(_TITLES[key], getattr(own, key), own.intervals.get(key))
            for key in NUMBER_SCORES
        ]
        if own.coverage is not None:
            line = _score_line(_TITLES["coverage"], own.coverage, own.intervals.get("coverage"))
            lines.append(f"{line}   mean width {own.mean_width:.4g}")
        lines.append(f"{'RMSE of the mean':<18} {own.baseline_rmse:.4g}")
        return lines

    def _tables(self) -> list[TextTable]:
        """Return the table of outputs where there are several, and the residuals of each."""
        if len(self.outputs) == 1:
            return [_residual_table("target", self.outputs[0])]
        return [self._output_table(), *(_residual_table(one.name, one) for one in self.outputs)]

    def _output_table(self) -> TextTable:
        covered = any(one.coverage is not None for one in self.outputs)
        keys = [*NUMBER_SCORES, *(["coverage"] if covered else [])]
        rows = [
            (
                one.name,
                *(_number(getattr(one, key)) for key in keys),
                "{:.4g} to {:.4g}".format(*one.intervals["rmse"]),
                _number(one.baseline_rmse),
            )
            for one in self.outputs
        ]
        titles = [_TITLES[key] for key in keys]
        return TextTable(("output", *titles, "95 % of RMSE", "RMSE of the mean"), rows)


def _output_table(score: OutputScore) -> dict[str, Any]:
    table = asdict(score)
    table["intervals"] = {key: list(pair) for key, pair in score.intervals.items()}
    table["tenths"] = [asdict(row) for row in score.tenths]
    return table


def _read_output(table: Mapping[str, Any]) -> OutputScore:
    values = dict(table)
    values["intervals"] = _pairs(table["intervals"])
    values["tenths"] = tuple(Tenth(**row) for row in table.get("tenths", ()))
    return OutputScore(**values)


def _pairs(table: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return intervals as pairs of numbers; raise TypeError or ValueError where they are none."""
    return {key: (float(low), float(high)) for key, (low, high) in table.items()}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _score_line(title: str, value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None or interval is None:
        return f"{title:<18} not defined: all are the same"
    return f"{title:<18} {value:<9.4g} 95 % interval {interval[0]:.4g} to {interval[1]:.4g}"


def _residual_table(title: str, score: OutputScore) -> TextTable:
    rows = [
        (
            f"{row.low:.4g} to {row.high:.4g}",
            str(row.count),
            _number(row.mean_prediction),
            f"{row.mean_residual:+.4g}",
            _number(row.rmse),
        )
        for row in score.tenths
    ]
    return TextTable((title, "samples", "mean prediction", "mean residual", "RMSE"), rows)


def evaluate_numbers(
    targets: npt.ArrayLike,
    predictions: npt.ArrayLike,
    *,
    names: Sequence[str],
    low: npt.ArrayLike | None = None,
    high: npt.ArrayLike | None = None,
    groups: Sequence[Any] | npt.NDArray[Any] | None = None,
    sample_weight: Sequence[float] | Doubles | None = None,
    ids: Sequence[str] | None = None,
    random_state: int = 0,
) -> RegressionReport:
    """Measure predicted numbers and, where given, predicted intervals.

    Parameters
    ----------
    targets, predictions : array-like of shape (n, n_outputs), or (n,) for one output
    names : sequence of str
        One an output.
    low, high : array-like of the same shape, default=None
        Bounds of a predicted interval, for its coverage and its width.
    groups : sequence of length n, default=None
        The group of each sample; whole groups are then drawn for intervals.
    sample_weight : sequence of float of length n, default=None
        What each sample counts; None counts each once. A sample of weight 0 is not measured.
    ids : sequence of str, default=None
        One a sample; for ``largest``.
    random_state : int, default=0
        Seed of the bootstrap.

    Raises
    ------
    BadLabels
        There are fewer than two samples, shapes differ, or a value is not finite.

    Notes
    -----
    Intervals: Efron's bootstrap (1979), see ``featx.metrics.resampling``; Wilson's for a coverage of 0 or
    1. RMSE, MAE and R² are those of scikit-learn, Spearman's correlation that of SciPy; weights count a
    sample so many times.

    Examples
    --------
    >>> report = evaluate_numbers([1.0, 2.0, 3.0], [1.5, 2.5, 3.5], names=["price"])
    >>> report.rmse, report.spearman, report.intervals["mae"]
    (0.5, 1.0, (0.5, 0.5))
    """
    truth = _matrix("targets", targets, len(names))
    arrays = [truth]
    given = {"predictions": predictions, "low": low, "high": high}
    for name, values in given.items():
        if values is not None:
            arrays.append(_matrix(name, values, len(names), len(truth)))
    if (low is None) != (high is None):
        raise BadLabels("low=, high=: expected both bounds of the intervals, or none; found one")
    weights = check_weights(sample_weight, len(truth))
    kept = np.arange(len(truth)) if weights is None else np.flatnonzero(weights)
    if len(kept) < 2:
        raise BadLabels(f"targets: expected two samples or more to measure; found {len(kept)}")
    resampling = Resampling.of(
        len(kept),
        None if groups is None else _rows("groups", groups, len(truth))[kept],
        None if weights is None else weights[kept],
    )
    outputs = [np.stack([array[kept, column] for array in arrays]) for column in range(len(names))]
    labels = None if ids is None else _rows("ids", ids, len(truth))[kept].tolist()
    return _report(list(names), outputs, resampling, labels, random_state)


def _rows(name: str, values: Sequence[Any] | npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    if len(values) != n:
        raise BadLabels(f"{name}=: expected {n}, one a sample; found {len(values)}")
    return np.asarray(values, dtype=str)


def _matrix(name: str, values: npt.ArrayLike, k: int, n: int | None = None) -> Doubles:
    """Return numbers of shape (n, k), float64, all of them finite."""
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise BadLabels(f"{name}: expected numbers; {error}") from None
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or array.shape[1] != k or n not in (None, len(array)):
        expected = f"({'n' if n is None else n}, {k})"
        raise BadLabels(f"{name}: expected shape {expected}; found {array.shape}")
    wrong = np.argwhere(~(np.abs(array) < _LARGEST))
    if len(wrong):
        value = array[tuple(wrong[0])]
        raise BadLabels(
            f"{name}: expected finite numbers below {_LARGEST:g}; found {value:g} for sample "
            f"{wrong[0][0] + 1}"
        )
    return array


def _report(
    names: list[str],
    outputs: list[Doubles],
    resampling: Resampling,
    ids: list[str] | None,
    random_state: int,
) -> RegressionReport:
    """Return the report on arrays of shape (2 or 4, n): targets, predictions, low and high."""
    # Squares of very large or very small numbers leave float64; a power of two rounds nothing.
    scales = [2.0 ** math.frexp(float(np.abs(output).max()))[1] for output in outputs]
    scaled = [output / scale for output, scale in zip(outputs, scales, strict=True)]
    unit = np.stack([_in_unit(np.ones(8), scale) for scale in scales])

    def measure(weights: Doubles) -> Doubles:
        values = np.stack([measure_numbers(output, weights) for output in scaled], axis=1) * unit
        everything = np.concatenate([values, values.mean(axis=1, keepdims=True)], axis=1)
        return everything.reshape(len(weights), -1)

    flat, bounds = bootstrap(measure, resampling, random_state)
    scores, intervals = flat.reshape(-1, 8), bounds.reshape(-1, 8, 2)
    for i in np.flatnonzero(np.isin(scores[:, 6], [0.0, 1.0])):
        # A bootstrap has no variance here.
        intervals[i, 6] = wilson(int(scores[i, 6]) * resampling.n_units, resampling.n_units)
    weight = resampling.whole()[0]
    own = tuple(
        OutputScore(
            name,
            **_values(scores[i], (*NUMBER_SCORES, "baseline_rmse", "coverage", "mean_width")),
            intervals=_intervals(intervals[i], (*NUMBER_SCORES, "", "coverage")),
            tenths=tuple(Tenth(**row) for row in tenths(outputs[i], weight)),
        )
        for i, name in enumerate(names)
    )
    return RegressionReport(
        resampling.n,
        **_values(scores[-1], (*NUMBER_SCORES, "baseline_rmse")),
        intervals=_intervals(intervals[-1], NUMBER_SCORES),
        outputs=own,
        largest=() if ids is None else _largest(names, outputs, ids),
    )


def _in_unit(values: Doubles, scale: float) -> Doubles:
    """Return scores of scaled numbers in the unit of the targets; correlations and shares have none."""
    return np.where([True, True, True, False, False, True, False, True], values * scale, values)


def _values(scores: Doubles, keys: Sequence[str]) -> dict[str, Any]:
    return {
        key: None if np.isnan(value) else float(value)
        for key, value in zip(keys, scores, strict=False)
    }


def _intervals(bounds: Doubles, keys: Sequence[str]) -> dict[str, tuple[float, float]]:
    return {
        key: (float(low), float(high))
        for key, (low, high) in zip(keys, bounds, strict=False)
        if key and not np.isnan(low)
    }


def _largest(names: list[str], outputs: list[Doubles], ids: list[str]) -> tuple[LargeResidual, ...]:
    """Return the samples with the largest residuals, in standard deviations of the targets."""
    sizes = np.stack([_standardized_residuals(output) for output in outputs])
    order = np.argsort(-sizes, axis=None, kind="stable")[:_NAMED]
    return tuple(
        LargeResidual(ids[j], names[i], float(outputs[i][0, j]), float(outputs[i][1, j]))
        for i, j in zip(*np.unravel_index(order, sizes.shape), strict=True)
        if sizes[i, j]
    )


def _standardized_residuals(output: Doubles) -> Doubles:
    scaled = output[:2] / 2.0 ** math.frexp(float(np.abs(output[:2]).max()))[1]
    return np.asarray(np.abs(scaled[1] - scaled[0]) / (scaled[0].std() or 1.0))

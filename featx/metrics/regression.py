"""How good predicted numbers and their intervals are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any

import numpy as np

from featx._display import TextTable, html_page
from featx._extras import require
from featx._typing import Doubles, Integers, Labels
from featx.errors import BadLabels
from featx.metrics.bootstrap import bootstrap_intervals
from featx.metrics.report import check_fields

__all__ = ["NumberScores", "RegressionReport", "ResidualRow", "evaluate_numbers"]

_SCORES = ("rmse", "mae", "median_error", "r2", "spearman")
_NAMES = {"rmse": "RMSE", "mae": "MAE", "median_error": "median error", "r2": "R²"}
_TENTHS = 10


@dataclass(frozen=True, slots=True)
class ResidualRow:
    """The residuals of samples whose target is in one tenth of all.

    Attributes
    ----------
    low, high : float
        The least and the greatest target of the tenth.
    n : int
    mean_error : float
        Mean of prediction less target.
    rmse : float

    Examples
    --------
    >>> report = evaluate_numbers([[1.0], [2.0]], [[1.5], [2.0]])
    >>> report.outputs[0].residuals[0]
    ResidualRow(low=1.0, high=1.0, n=1, mean_error=0.5, rmse=0.5)
    """

    low: float
    high: float
    n: int
    mean_error: float
    rmse: float


@dataclass(frozen=True, slots=True)
class NumberScores:
    """The scores of one number.

    Attributes
    ----------
    name : str
    rmse, mae, median_error : float
        Root mean squared, mean absolute and median absolute error, in units of the target.
    r2 : float
        Share of the variance that is explained; 0 for a number that is always the mean, and nan where all
        targets are the same.
    spearman : float
        Rank correlation; nan where targets or predictions are all the same.
    mean_baseline_rmse : float
        RMSE of always predicting the mean of these targets.
    intervals : mapping of str to (float, float)
        The 95 % interval of each of the five.
    coverage : float or None
        Share of targets within their interval; None where there were no intervals.
    mean_width : float or None
        Mean width of the intervals.
    residuals : tuple of ResidualRow
        By tenths of the target.

    Examples
    --------
    >>> report = evaluate_numbers([[1.0], [3.0]], [[1.5], [3.0]], low=[[0], [2]], high=[[2], [4]])
    >>> report.outputs[0].mae, report.outputs[0].coverage
    (0.25, 1.0)
    """

    name: str
    rmse: float
    mae: float
    median_error: float
    r2: float
    spearman: float
    mean_baseline_rmse: float
    intervals: Mapping[str, tuple[float, float]]
    coverage: float | None
    mean_width: float | None
    residuals: tuple[ResidualRow, ...]


@dataclass(frozen=True, slots=True, repr=False)
class RegressionReport:
    """The scores of predicted numbers, measured on ``n`` samples.

    Attributes
    ----------
    n : int
    outputs : tuple of NumberScores
        One a number.

    Examples
    --------
    >>> report = evaluate_numbers([[1.0], [2.0], [4.0]], [[1.0], [2.5], [3.5]])
    >>> round(report.rmse, 3), round(report.r2, 3)
    (0.408, 0.893)
    >>> RegressionReport.from_dict(report.to_dict()) == report
    True
    """

    n: int
    outputs: tuple[NumberScores, ...]

    @property
    def rmse(self) -> float:
        """The root mean squared error, of several numbers that of the first."""
        return self.outputs[0].rmse

    @property
    def r2(self) -> float:
        """The share of the variance that is explained, of several numbers that of the first."""
        return self.outputs[0].r2

    @property
    def intervals(self) -> Mapping[str, tuple[float, float]]:
        """The 95 % interval of each score, of several numbers those of the first."""
        return self.outputs[0].intervals

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values; ``from_dict`` reads them back."""
        table = asdict(self)
        for one in table["outputs"]:
            one["intervals"] = {key: list(pair) for key, pair in one["intervals"].items()}
            one["residuals"] = list(one["residuals"])
        table["outputs"] = list(table["outputs"])
        return {key: _without_nan(value) for key, value in table.items()}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> RegressionReport:
        """Return the report that ``to_dict`` gave.

        Raises
        ------
        BadLabels
            The table is no such report.
        """
        try:
            outputs = tuple(map(_read_scores, table["outputs"]))
            report = cls(table["n"], outputs)
            rows = [row for one in outputs for row in one.residuals]
            for record in (report, *outputs, *rows):
                check_fields(record)
            if not outputs:
                raise ValueError("no numbers")
            return report
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            raise BadLabels(f"not the JSON of a regression report: {error}") from error

    def to_frame(self) -> Any:
        """Return the scores as a pandas DataFrame, a row a number.

        Raises
        ------
        MissingExtra
            pandas is not installed.
        """
        pandas = require("pandas")
        columns = ["name", *_SCORES, "coverage", "mean_width"]
        rows = [[getattr(one, name) for name in columns] for one in self.outputs]
        return pandas.DataFrame(rows, columns=columns).set_index("name")

    def format_table(self) -> str:
        """Return the report as lines of text."""
        parts = [part if isinstance(part, str) else part.to_text() for part in self.sections()]
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return self.format_table()

    def sections(self) -> list[str | TextTable]:
        """Return the report as paragraphs and tables, for a notebook or a page."""
        parts: list[str | TextTable] = []
        for one in self.outputs:
            if len(self.outputs) > 1:
                parts.append(f"{one.name}:")
            parts += [_score_table(one), *_coverage(one), _residual_table(one)]
        return parts

    def _repr_html_(self) -> str:
        return html_page(self.sections())


def evaluate_numbers(
    targets: Any,
    predictions: Any,
    *,
    names: Sequence[str] | None = None,
    low: Any = None,
    high: Any = None,
    groups: Labels | None = None,
    sample_weight: Doubles | None = None,
    ids: Sequence[str] | None = None,
    random_state: int = 0,
) -> RegressionReport:
    """Measure predicted numbers and, where given, their intervals.

    Parameters
    ----------
    targets, predictions : array-like of shape (n, k)
    names : sequence of k str, default=None
        None is "value", or their columns.
    low, high : array-like of shape (n, k), default=None
        The ends of intervals.
    groups : ndarray of shape (n,), default=None
        Intervals of scores draw whole groups.
    sample_weight : ndarray of shape (n,), default=None
        How often each sample counts.
    ids : sequence of n str, default=None
        For messages.
    random_state : int, default=0
        Seed of the bootstrap.

    Raises
    ------
    BadLabels
        There is no sample, or the shapes differ.

    Examples
    --------
    >>> evaluate_numbers([[1.0], [2.0]], [[1.0], [2.0]]).outputs[0].r2
    1.0
    """
    truth, values = np.asarray(targets, np.float64), np.asarray(predictions, np.float64)
    if truth.ndim != 2 or truth.shape != values.shape or not len(truth):
        raise BadLabels(
            f"targets: expected one or more, and as many predictions; found {truth.shape} and {values.shape}"
        )
    k = truth.shape[1]
    titles = (
        list(names) if names is not None else (["value"] if k == 1 else list(map(str, range(k))))
    )
    weights = np.ones(len(truth)) if sample_weight is None else np.asarray(sample_weight)
    bounds = None
    if low is not None and high is not None:
        bounds = np.asarray(low, np.float64), np.asarray(high, np.float64)
    outputs = []
    for column, name in enumerate(titles):
        inside = None if bounds is None else (bounds[0][:, column], bounds[1][:, column])
        measured = _Measured(truth[:, column], values[:, column], weights)
        rng = np.random.default_rng(random_state)
        intervals = bootstrap_intervals(measured.scores, len(truth), rng, groups)
        outputs.append(measured.report(name, intervals, inside))
    return RegressionReport(len(truth), tuple(outputs))


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """Targets and predictions of one number, and how often each counts."""

    truth: Doubles
    values: Doubles
    weights: Doubles

    def scores(self, indices: Integers | slice) -> dict[str, float]:
        """Return the five scores of some samples."""
        truth, values, weights = self.truth[indices], self.values[indices], self.weights[indices]
        total = weights.sum()
        if not total > 0:
            return dict.fromkeys(_SCORES, float("nan"))
        mean = partial(np.average, weights=weights)
        errors = np.abs(values - truth)
        spread = float(mean((truth - mean(truth)) ** 2))
        squared = float(mean(errors**2))
        return {
            "rmse": float(np.sqrt(squared)),
            "mae": float(mean(errors)),
            "median_error": _median(errors, weights),
            "r2": 1 - squared / spread if spread > 0 else float("nan"),
            "spearman": _correlation(_ranks(truth), _ranks(values), weights),
        }

    def report(
        self,
        name: str,
        intervals: Mapping[str, tuple[float, float]],
        bounds: tuple[Doubles, Doubles] | None,
    ) -> NumberScores:
        mean = partial(np.average, weights=self.weights)
        coverage = width = None
        if bounds is not None:
            low, high = bounds
            coverage = float(mean((low <= self.truth) & (self.truth <= high)))
            width = float(mean(high - low))
        return NumberScores(
            name=name,
            **self.scores(slice(None)),
            mean_baseline_rmse=float(np.sqrt(mean((self.truth - mean(self.truth)) ** 2))),
            intervals=intervals,
            coverage=coverage,
            mean_width=width,
            residuals=self._residuals(),
        )

    def _residuals(self) -> tuple[ResidualRow, ...]:
        order = np.argsort(self.truth, kind="stable")
        rows = []
        for part in np.array_split(order, min(_TENTHS, len(order))):
            truth, errors = self.truth[part], self.values[part] - self.truth[part]
            rows.append(
                ResidualRow(
                    low=float(truth.min()),
                    high=float(truth.max()),
                    n=len(part),
                    mean_error=float(errors.mean()),
                    rmse=float(np.sqrt((errors**2).mean())),
                )
            )
        return tuple(rows)


def _median(values: Doubles, weights: Doubles) -> float:
    if (weights == weights[0]).all():
        return float(np.median(values))
    order = np.argsort(values)
    shares = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(shares, 0.5)])


def _ranks(values: Doubles) -> Doubles:
    """Return ranks from 0 on, the mean of them where values are equal, as Spearman asks for."""
    distinct, index, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray(((ends - counts) + (ends - 1))[index] / 2, np.float64)


def _correlation(x: Doubles, y: Doubles, weights: Doubles) -> float:
    mean = partial(np.average, weights=weights)
    x, y = x - mean(x), y - mean(y)
    scale = np.sqrt(mean(x * x) * mean(y * y))
    return float(mean(x * y) / scale) if scale > 0 else float("nan")


def _read_scores(table: Mapping[str, Any]) -> NumberScores:
    values = dict(table)
    for name in (*_SCORES, "mean_baseline_rmse"):
        values[name] = float("nan") if values[name] is None else values[name]
    values["intervals"] = {
        key: tuple(float("nan") if end is None else float(end) for end in pair)
        for key, pair in table["intervals"].items()
    }
    if any(len(pair) != 2 for pair in values["intervals"].values()):
        raise ValueError("an interval has two ends")
    values["residuals"] = tuple(ResidualRow(**row) for row in table["residuals"])
    known = {one.name for one in fields(NumberScores)}
    if set(values) != known or not set(_SCORES) <= set(values["intervals"]):
        raise KeyError("other scores")
    return NumberScores(**values)


def _without_nan(value: Any) -> Any:
    """Return JSON values with None for what is no number: JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and value != value else value


def _score_table(one: NumberScores) -> TextTable:
    rows = []
    for name in _SCORES:
        low, high = one.intervals[name]
        title = _NAMES.get(name, name)
        rows.append((title, _short(getattr(one, name)), f"{_short(low)} to {_short(high)}"))
    return TextTable(("score", "value", "95 % interval"), rows)


def _coverage(one: NumberScores) -> list[str | TextTable]:
    if one.coverage is None or one.mean_width is None:
        return []
    return [
        f"{one.coverage:.1%} of the targets lie in their interval, which is {_short(one.mean_width)} wide on "
        "average."
    ]


def _residual_table(one: NumberScores) -> TextTable:
    rows = [
        (
            f"{_short(row.low)} to {_short(row.high)}",
            str(row.n),
            _short(row.mean_error),
            _short(row.rmse),
        )
        for row in one.residuals
    ]
    return TextTable(("target", "samples", "mean error", "RMSE"), rows)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"

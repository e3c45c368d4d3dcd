"""The typed result of a learning curve: what was measured, and what is to be expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from featx._display import TextTable
from featx._extras import require
from featx._typing import Doubles
from featx.metrics.report import ShownReport, check_fields, reading_report
from featx.selection.power_law import PowerLaw

__all__ = [
    "CurvePoint",
    "LearningCurve",
    "ScoreCurve",
    "ScoreForecast",
    "forecast_gain",
    "forecast_labels",
]

# Factors beyond which a forecast of labels says nothing.
_MOST_TIMES = 100.0
# Points of a fitted curve that are kept for plots.
_GRID = 25


@dataclass(frozen=True, slots=True)
class ScoreForecast:
    """A forecast with the range in which it lies 19 times out of 20, if the law of the curve goes on.

    Attributes
    ----------
    value, low, high : float
        Scores, or numbers of labels; labels that no number reaches are infinity.

    Examples
    --------
    >>> ScoreForecast(0.91, 0.9, 0.92).high
    0.92
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Doubles) -> ScoreForecast:
        """Return the median of values that are all as probable, and where 95 % of them lie."""
        # Not between two values: one of them may be infinity.
        low, value, high = np.quantile(values, (0.025, 0.5, 0.975), method="nearest").tolist()
        return cls(value, low, high)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The scores of heads that were trained on one number of labels.

    Attributes
    ----------
    labels : int
        On average, where groups are drawn whole.
    scores : tuple of float
        One a draw.

    Examples
    --------
    >>> point = CurvePoint(40, (0.7, 0.8, 0.9))
    >>> round(point.mean, 6), point.band
    (0.8, (0.705, 0.895))
    """

    labels: int
    scores: tuple[float, ...]

    @property
    def mean(self) -> float:
        """The mean score of the draws."""
        return float(np.mean(self.scores))

    @property
    def band(self) -> tuple[float, float]:
        """The scores between which 95 % of single draws lie."""
        low, high = np.quantile(self.scores, (0.025, 0.975)).tolist()
        return round(low, 12), round(high, 12)


@dataclass(frozen=True, slots=True)
class ScoreCurve:
    """The scores of one kind of rows by the number of labels, and the law that was fitted to them.

    Attributes
    ----------
    name : str
        The backbone, or what the baseline is.
    points : tuple of CurvePoint
        From few labels to many.
    fitted : tuple of (int, ScoreForecast)
        Numbers of labels, up to twice those that there are, and the scores that the law gives them; empty where
        there were too few sizes for one.

    Examples
    --------
    >>> ScoreCurve("nano", (CurvePoint(10, (0.5, 0.75)), CurvePoint(20, (0.75, 1.0)))).means
    (0.625, 0.875)
    """

    name: str
    points: tuple[CurvePoint, ...]
    fitted: tuple[tuple[int, ScoreForecast], ...] = ()

    @classmethod
    def of(
        cls, name: str, points: tuple[CurvePoint, ...], law: PowerLaw | None, n: int
    ) -> ScoreCurve:
        """Return a curve with what a law says up to twice ``n`` labels."""
        if law is None:
            return cls(name, points)
        grid = np.geomspace(points[0].labels, 2 * n, _GRID).round().astype(int)
        sizes = np.unique([*grid.tolist(), *(point.labels for point in points), n])
        values = law.scores(sizes)
        fitted = tuple(
            (int(size), ScoreForecast.of(column))
            for size, column in zip(sizes, values.T, strict=True)
        )
        return cls(name, points, fitted)

    @property
    def labels(self) -> tuple[int, ...]:
        """The numbers of labels."""
        return tuple(point.labels for point in self.points)

    @property
    def means(self) -> tuple[float, ...]:
        """The mean score at each number of labels."""
        return tuple(point.mean for point in self.points)


def forecast_gain(law: PowerLaw, n: int) -> tuple[ScoreForecast, ScoreForecast]:
    """Return the score of ``n`` labels, and by how much that of twice as many is higher."""
    now, twice = law.scores([n, 2 * n]).T
    return ScoreForecast.of(now), ScoreForecast.of(twice - now)


def forecast_labels(law: PowerLaw, other: PowerLaw, n: int, *, least: int) -> ScoreForecast:
    """Return how many labels, ``least`` or more, the other needs for the score of the first with ``n``."""
    return ScoreForecast.of(np.maximum(other.labels_for(law.scores([n])[:, 0]), least))


@dataclass(frozen=True, slots=True, repr=False)
class LearningCurve(ShownReport):
    """The score of a head by the number of labels, for a backbone and for the baseline without one.

    Attributes
    ----------
    task : str
    score : str
        What is measured: "accuracy", "micro_f1" or "r2"; 1 is perfect.
    head : str
    n : int
        Labelled samples that there are.
    draws : int
        Training sets of each size.
    curves : tuple of ScoreCurve
        That of the backbone first, then that of the baseline where it was measured.
    now, gain : ScoreForecast or None
        The score with all ``n`` labels, and by how much it is higher with twice as many; None where there were
        too few sizes to tell.
    baseline_labels : ScoreForecast or None
        Labels with which the baseline has the score that the backbone has with ``n``.
    groups : bool
        Whether whole groups were drawn: twice the labels are then twice the groups.
    notes : tuple of str

    Examples
    --------
    >>> points = tuple(CurvePoint(n, (1 - n**-0.5,) * 2) for n in (16, 25, 64))
    >>> curve = LearningCurve("classification", "accuracy", "logistic", 80, 2, (ScoreCurve("nano", points),))
    >>> print(curve)
    Accuracy by the number of labels, head logistic, 2 draws of each number out of 80.
    <BLANKLINE>
    labels   nano  95 % of draws
    16      0.750   0.750..0.750
    25      0.800   0.800..0.800
    64      0.875   0.875..0.875
    """

    task: str
    score: str
    head: str
    n: int
    draws: int
    curves: tuple[ScoreCurve, ...]
    now: ScoreForecast | None = None
    gain: ScoreForecast | None = None
    baseline_labels: ScoreForecast | None = None
    groups: bool = False
    notes: tuple[str, ...] = ()

    @property
    def forecast(self) -> str:
        """Say what more labels would bring, in one sentence."""
        if self.gain is None or self.now is None:
            return "There are too few sizes to tell what more labels would bring."
        gain, name = self.gain, self.score.replace("_", " ")
        what = "twice the labels, of twice the groups," if self.groups else "twice the labels"
        return (
            f"With all {self.n} labels {name} is about {self.now.value:.3f}; {what} would bring about "
            f"{_points(gain.value)} points ({_points(gain.low)} to {_points(gain.high)})."
        )

    @property
    def comparison(self) -> str:
        """Say how many labels the baseline would need for the same score, in one sentence; '' without one."""
        found = self.baseline_labels
        if found is None:
            return ""
        name, times = self.curves[1].name, found.value / self.n
        if times > _MOST_TIMES:
            least = found.low / self.n
            more = (
                f"more than {min(least, _MOST_TIMES):.3g} times as many labels, if any number does"
            )
            return f"For the same score {name} would need {more}."
        low, high = (_times(value / self.n) for value in (found.low, found.high))
        if times < 1:
            first = (
                f"{name[0].upper()}{name[1:]} have this score with {found.value:.0f} labels already"
            )
            wide = f"({found.low:.0f} to {_labels(found.high)})"
            if found.high < self.n:
                return f"{first} {wide}: this backbone does not help here."
            return f"{first} {wide}: this backbone hardly helps here."
        return (
            f"For the same score {name} would need about {_times(times)} times as many labels "
            f"({low} to {high})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as JSON values; numbers of labels that no number reaches are None."""
        table = asdict(self)
        for one in (table["baseline_labels"],) if table["baseline_labels"] else ():
            one.update({k: None if np.isinf(v) else v for k, v in one.items()})
        return table

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> LearningCurve:
        """Return the curve whose ``to_dict`` gave ``table``.

        Raises
        ------
        BadLabels
            It is no such table.
        """
        with reading_report("learning curve"):
            values = dict(table)
            values["curves"] = tuple(map(_read_curve, values["curves"]))
            for key in ("now", "gain", "baseline_labels"):
                values[key] = _read_forecast(values.get(key))
            values["notes"] = tuple(map(str, values.get("notes", ())))
            curve = cls(**values)
            check_fields(curve)
            # Whatever in it cannot be shown is found here.
            curve.format_table()
            return curve

    def to_frame(self) -> Any:
        """Return the scores as a pandas DataFrame, a row a draw, with name, labels, draw and score.

        Raises
        ------
        MissingExtra
            pandas is not installed.
        """
        pandas = require("pandas")
        rows = [
            (curve.name, point.labels, k, score)
            for curve in self.curves
            for point in curve.points
            for k, score in enumerate(point.scores)
        ]
        return pandas.DataFrame(rows, columns=["name", "labels", "draw", "score"])

    def plot(self, ax: Any = None) -> Any:
        """Draw the curves with their bands and forecasts, and return the matplotlib Axes.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None: a new figure.

        Raises
        ------
        MissingExtra
            matplotlib is not installed.
        """
        from featx.selection.plots import plot_curve

        return plot_curve(self, ax)

    def _score_lines(self) -> list[str]:
        name = self.score.replace("_", " ")
        title = name[0].upper() + name[1:]
        return [
            f"{title} by the number of labels, head {self.head}, {self.draws} draws of each number out of "
            f"{self.n}."
        ]

    def _tables(self) -> list[TextTable]:
        header = ["labels"]
        cells: dict[int, list[str]] = {n: [] for curve in self.curves for n in curve.labels}
        for curve in self.curves:
            header += [curve.name, "95 % of draws"]
            known = {point.labels: point for point in curve.points}
            for n, row in sorted(cells.items()):
                point = known.get(n)
                row += ["", ""] if point is None else [f"{point.mean:.3f}", _range(point.band)]
        return [TextTable(header, [[str(n), *row] for n, row in sorted(cells.items())])]

    def _notes(self) -> list[str]:
        sentences = [] if self.gain is None and len(self.curves[0].points) > 2 else [self.forecast]
        texts = [*sentences, self.comparison, *(f"Hint: {note}" for note in self.notes)]
        return [line for text in texts if text for line in ("", text)]


def _points(value: float) -> str:
    """Return a difference of scores in hundredths."""
    return f"{100 * value:.1f}"


def _times(value: float) -> str:
    if value > _MOST_TIMES:
        return f"over {_MOST_TIMES:.0f}"
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _labels(value: float) -> str:
    return "any number" if np.isinf(value) else f"{value:.0f}"


def _range(band: tuple[float, float]) -> str:
    return f"{band[0]:.3f}..{band[1]:.3f}"


def _read_curve(table: Mapping[str, Any]) -> ScoreCurve:
    points = tuple(
        CurvePoint(int(one["labels"]), tuple(map(float, one["scores"]))) for one in table["points"]
    )
    if not points or not all(point.scores for point in points):
        raise ValueError("a curve or a number of labels has no scores")
    fitted = []
    for size, values in table["fitted"]:
        forecast = _read_forecast(values)
        assert forecast is not None
        fitted.append((int(size), forecast))
    return ScoreCurve(str(table["name"]), points, tuple(fitted))


def _read_forecast(table: Mapping[str, Any] | None) -> ScoreForecast | None:
    if table is None:
        return None
    values = {
        key: np.inf if table[key] is None else float(table[key]) for key in ("value", "low", "high")
    }
    return ScoreForecast(**values)

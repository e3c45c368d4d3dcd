"""The typed account of a comparison of backbones, their layers and heads on the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any

from featx._display import TextTable
from featx._extras import require
from featx.errors import BadOption
from featx.metrics.paired import Difference
from featx.metrics.report import ShownReport, check_fields, reading_report

__all__ = ["AS_NAMED", "Comparison", "Contender", "LeftOutBackbone"]

AS_NAMED = "all inputs as named"
"""The contender of several inputs with which other backbones, and one input less, are compared."""

# How scores are written in a head of a table.
_TITLES = {"accuracy": "accuracy", "micro_f1": "micro F1", "r2": "R²"}


@dataclass(frozen=True, slots=True)
class Contender:
    """A backbone with a head, or a baseline, and what was measured of it.

    Attributes
    ----------
    name : str
        The backbone, ``NAME@TAP:POOLING`` where those are not the card's; or the baseline.
    head : str
        The name of the head; '' of a baseline that has none.
    is_baseline : bool
    quick : mapping of str to float
        The scores of the quick pass by the methods of ``featx.selection.quick.QuickScores``; empty of a
        baseline.
    score : float or None
        The score as ``fit`` measures it; None where the quick pass left it behind.
    interval : (float, float) or None
        Its 95 % interval; None of a baseline that needs no features.
    difference : Difference or None
        By how much the best backbone is above it on the same samples; None of the best itself, and where it
        was not measured.
    milliseconds : float or None
        The time that one sample took on this machine, reading included, the median of some.
    bytes : int or None
        The size of its files; None where the card does not say it.
    dim : int or None
        Columns of a row.
    license : str

    Examples
    --------
    >>> Contender("featx-image-nano", "logistic", quick={"ridge": 0.9}).score is None
    True
    """

    name: str
    head: str
    is_baseline: bool = False
    quick: Mapping[str, float] = field(default_factory=dict)
    score: float | None = None
    interval: tuple[float, float] | None = None
    difference: Difference | None = None
    milliseconds: float | None = None
    bytes: int | None = None
    dim: int | None = None
    license: str = ""


@dataclass(frozen=True, slots=True)
class LeftOutBackbone:
    """A backbone that was not compared, and why.

    Examples
    --------
    >>> LeftOutBackbone("vgg16-12", "its bytes are not here").name
    'vgg16-12'
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(ShownReport):
    """The account of a comparison: all that was ranked, and the best of it measured as ``fit`` measures.

    Attributes
    ----------
    task : str
    score : str
        The name of the score, of which more is better: "accuracy", "micro_f1" or "r2".
    n, n_quick, n_measured : int
        Samples there were, that the quick pass looked at, and on which scores were measured.
    method : str
        "nested cross-validation", "hold-out", or '' where time allowed none of it.
    contenders : tuple of Contender
        Backbones, the best first: those that were measured by their score, then the others by the quick
        pass; then the baselines.
    left_out : tuple of LeftOutBackbone
    notes : tuple of str
        What follows from it, in sentences.
    timings : mapping of str to float
        Seconds of each part.

    Examples
    --------
    >>> one = Contender("featx-image-nano", "logistic", score=0.9, interval=(0.8, 1.0))
    >>> found = Comparison("classification", "accuracy", 50, 50, 50, "hold-out", (one,))
    >>> found.best.name
    'featx-image-nano'
    >>> Comparison.from_dict(found.to_dict()) == found
    True
    """

    task: str
    score: str
    n: int
    n_quick: int
    n_measured: int
    method: str
    contenders: tuple[Contender, ...]
    left_out: tuple[LeftOutBackbone, ...] = ()
    notes: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)

    @property
    def best(self) -> Contender:
        """The backbone with the best score; with the best of the quick pass where none was measured."""
        return self.contenders[0]

    @property
    def backbones(self) -> tuple[Contender, ...]:
        """The backbones, the best first."""
        return tuple(one for one in self.contenders if not one.is_baseline)

    @property
    def baselines(self) -> tuple[Contender, ...]:
        """The baselines."""
        return tuple(one for one in self.contenders if one.is_baseline)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values; ``from_dict`` reads them back."""
        table = asdict(self)
        for row in table["contenders"]:
            row["interval"] = row["interval"] and list(row["interval"])
        return {**table, "contenders": list(table["contenders"]), "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Comparison:
        """Return the comparison that ``to_dict`` gave.

        Raises
        ------
        BadLabels
            The table is no comparison.
        """
        with reading_report("comparison"):
            values = dict(table)
            values["contenders"] = tuple(map(_read_contender, table["contenders"]))
            values["left_out"] = tuple(LeftOutBackbone(**row) for row in table["left_out"])
            values["notes"] = tuple(map(str, table["notes"]))
            values["timings"] = {key: float(value) for key, value in table["timings"].items()}
            comparison = cls(**values)
            for record in (comparison, *comparison.contenders, *comparison.left_out):
                check_fields(record)
            if not comparison.backbones or comparison.best.is_baseline:
                raise ValueError("it has no backbone")
            # Whatever in it cannot be shown is found here.
            comparison.format_table()
            return comparison

    def to_frame(self) -> Any:
        """Return the table as a pandas DataFrame, a row a contender.

        Raises
        ------
        MissingExtra
            pandas is not installed.
        """
        pandas = require("pandas")
        rows = []
        for one in self.contenders:
            low, high = one.interval or (None, None)
            quick = {f"quick_{key}": value for key, value in one.quick.items()}
            row = {"name": one.name, "head": one.head, "baseline": one.is_baseline}
            row |= {self.score: one.score, "low": low, "high": high, **quick}
            row |= {"milliseconds": one.milliseconds, "bytes": one.bytes, "dim": one.dim}
            rows.append({**row, "license": one.license})
        return pandas.DataFrame(rows).set_index("name")

    def plot(self, ax: Any = None) -> Any:
        """Draw the scores that were measured with their intervals, the best on top, and return the Axes.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None: a new figure of pyplot.

        Raises
        ------
        MissingExtra
            matplotlib is not installed.
        BadOption
            No time was left to measure any.
        """
        measured = [
            (f"{one.name}, {one.head}", one.score, *one.interval)
            for one in self.backbones
            if one.score is not None and one.interval is not None
        ]
        if not measured:
            raise BadOption("plot: expected a score that was measured, found none; allow more time")
        baselines = {one.name: one.score for one in self.baselines if one.score is not None}
        # A layer above this one draws.
        draw = import_module("featx.selection.plots").plot_ranking
        return draw(measured, score=self.score, baselines=baselines, ax=ax)

    def _score_lines(self) -> list[str]:
        measured = sum(one.score is not None for one in self.backbones)
        names = [one.name for one in self.backbones] + [one.name for one in self.left_out]
        if AS_NAMED in names:
            return [self._describe_choices(measured)]
        count = len({one.name for one in self.backbones})
        ranked = (
            f"{count} {'backbone' if count == 1 else 'backbones'} ranked by a quick pass over "
            f"{self.n_quick} of {self.n} samples"
        )
        if not self.method:
            return [f"{ranked}; none measured as fit measures."]
        return [
            f"{ranked}; {measured} measured as fit measures, on {self.n_measured} samples by {self.method}."
        ]

    def _describe_choices(self, measured: int) -> str:
        """Return how many choices of several inputs were measured, and what their time is."""
        count = measured if self.method else len(self.backbones)
        said = f"{count} {'choice' if count == 1 else 'choices'} of inputs and backbones"
        if self.method:
            said += f" measured as fit measures, on {self.n_measured} samples by {self.method}"
        else:
            said += (
                f" ranked by a quick pass over {self.n_quick} of {self.n} samples; none measured as fit "
                "measures"
            )
        return f"{said}; ms and size are of all inputs of a choice together."

    def _tables(self) -> list[TextTable]:
        title = _TITLES.get(self.score, self.score)
        header = ("", "head", title, "95 % interval", "quick", "ms", "size", "columns", "licence")
        return [TextTable(header, [_cells(one) for one in self.contenders])]

    def _notes(self) -> list[str]:
        by_reason: dict[str, list[str]] = {}
        for one in self.left_out:
            by_reason.setdefault(one.reason, []).append(one.name)
        left = [f"Left out: {', '.join(names)}: {reason}." for reason, names in by_reason.items()]
        return ["", *self.notes, *left] if self.notes or left else []


def _cells(one: Contender) -> tuple[str, ...]:
    """Return a contender as cells of a table; '' is what is not known of it."""
    interval = "" if one.interval is None else f"{one.interval[0]:.3f} to {one.interval[1]:.3f}"
    ridge = one.quick.get("ridge")
    return (
        one.name,
        one.head,
        "" if one.score is None else f"{one.score:.3f}",
        interval,
        "" if ridge is None else f"{ridge:.3f}",
        "" if one.milliseconds is None else f"{one.milliseconds:.1f}",
        "" if one.bytes is None else f"{one.bytes / 1e6:.1f} MB",
        "" if one.dim is None else str(one.dim),
        one.license,
    )


def _read_contender(row: Mapping[str, Any]) -> Contender:
    """Return the contender of a table of JSON values."""
    values = dict(row)
    if values["interval"] is not None:
        low, high = values["interval"]
        values["interval"] = (float(low), float(high))
    if values["difference"] is not None:
        values["difference"] = Difference(**values["difference"])
        check_fields(values["difference"])
    values["quick"] = {str(key): float(value) for key, value in values["quick"].items()}
    for name in ("bytes", "dim"):
        if not isinstance(values[name], int | None):
            raise TypeError(f"{name} = {values[name]!r:.40}: expected int")
    if not isinstance(values["is_baseline"], bool):
        raise TypeError(f"is_baseline = {values['is_baseline']!r:.40}: expected bool")
    return Contender(**values)

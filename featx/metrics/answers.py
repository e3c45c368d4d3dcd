"""How often sets hold the truth, how large they are, how much is answered, and how well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, Integers, Mask
from featx.metrics.intervals import wilson
from featx.metrics.resampling import Resampling, bootstrap

__all__ = ["AnswerReport", "measure_answers"]

# Classes below the coverage that are named.
_MOST_NAMED = 5

# What is counted of each sample, and of how many.
_Share = tuple[npt.NDArray[Any], npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """The measures of sets and of answers; None stands for what was not asked.

    Each sample counts by its weight, as in the other scores.

    Attributes
    ----------
    n : int
        Samples, without those of weight 0.
    coverage : float or None
        The coverage that was asked for.
    covered : float or None
        The share of sets that hold the truth; of several labels of the sets of all labels.
    mean_size, single, empty : float or None
        The mean number of labels in a set, and the share of sets with one label and with none.
    answered : float or None
        The share of samples that are answered.
    error : float or None
        The share of those that are answered wrongly; None also where none is.
    novel : float or None
        The share of samples that are new.
    intervals : mapping of str to (float, float)
        The 95 % interval of each of the shares: Wilson's, or by drawing samples anew where they have weights or
        several labels, and groups where they have groups.
    by_class : mapping of str to float
        ``covered`` of the samples of each class, or of each label's sets.

    Examples
    --------
    >>> truth = np.array([True, True, False])
    >>> measured = measure_answers(3, coverage=0.9, covered=truth, sizes=np.array([1, 2, 1]))
    >>> round(measured.covered, 3), round(measured.mean_size, 3), round(measured.single, 3)
    (0.667, 1.333, 0.667)
    """

    n: int
    coverage: float | None = None
    covered: float | None = None
    mean_size: float | None = None
    single: float | None = None
    empty: float | None = None
    answered: float | None = None
    error: float | None = None
    novel: float | None = None
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    by_class: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return what was measured as JSON values."""
        table = asdict(self)
        table["intervals"] = {key: list(pair) for key, pair in self.intervals.items()}
        return table

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> AnswerReport:
        """Return what ``to_dict`` gave; raise TypeError, KeyError or ValueError where it did not."""
        values = dict(table)
        values["intervals"] = {
            str(key): (float(low), float(high)) for key, (low, high) in table["intervals"].items()
        }
        values["by_class"] = {str(key): float(value) for key, value in table["by_class"].items()}
        return cls(**values)

    def lines(self) -> list[str]:
        """Return a line for each thing that was measured."""
        lines = []
        if self.covered is not None:
            lines.append(self._line(f"in sets of {self.coverage:g}", "covered"))
            lines.append(
                f"{'labels in a set':<18} {self.mean_size:.2f}    one in {self.single:.1%}, none in "
                f"{self.empty:.1%}"
            )
            lines += self._lowest()
        if self.answered is not None:
            lines.append(self._line("answered", "answered"))
        if self.error is not None:
            lines.append(self._line("of these wrong", "error"))
        if self.novel is not None:
            lines.append(self._line("new samples", "novel"))
        return lines

    def _line(self, title: str, name: str) -> str:
        low, high = self.intervals[name]
        return f"{title:<18} {getattr(self, name):.3f}   95 % interval {low:.3f} to {high:.3f}"

    def _lowest(self) -> list[str]:
        """Return the classes that are covered least, where they are less than was asked."""
        below = sorted(
            (share, name) for name, share in self.by_class.items() if share < (self.coverage or 0)
        )
        if not below:
            return []
        shown = ", ".join(f"{name} {share:.3f}" for share, name in below[:_MOST_NAMED])
        more = ", …" if len(below) > _MOST_NAMED else ""
        return [f"{'less covered':<18} {len(below)} of {len(self.by_class)}: {shown}{more}"]


def measure_answers(
    n: int,
    *,
    coverage: float | None = None,
    covered: Mask | None = None,
    sizes: Integers | None = None,
    by_class: Mapping[str, float] | None = None,
    answered: Mask | None = None,
    wrong: Mask | None = None,
    novel: Mask | None = None,
    resampling: Resampling | None = None,
) -> AnswerReport:
    """Measure sets and answers.

    Parameters
    ----------
    n : int
        Samples.
    coverage : float, default=None
    covered : ndarray of shape (n,) or (n, n_labels), bool, default=None
        Whether each set holds the truth.
    sizes : ndarray of shape (n,), default=None
        Labels in each set.
    by_class : mapping of str to float, default=None
    answered, wrong, novel : ndarray of shape (n,), bool, default=None
        Whether each sample is answered, would be so wrongly, and is new.
    resampling : Resampling, default=None
        What each sample counts, and which belong together; None: each counts the same, by itself.

    Examples
    --------
    >>> right, weights = np.array([True, True, False]), np.array([1.0, 1.0, 2.0])
    >>> measure_answers(3, answered=right, resampling=Resampling(3, weights=weights)).answered
    0.5
    """
    drawn = resampling or Resampling(n)
    values: dict[str, Any] = {}
    shares: dict[str, _Share] = {}
    if covered is not None and sizes is not None:
        by_label = covered.reshape(n, -1)
        shares["covered"] = by_label.sum(axis=1), np.full(n, by_label.shape[1])
        sized: Doubles = np.asarray(sizes, np.float64)
        counts = drawn.whole()[0]
        for name, numbers in (("mean_size", sized), ("single", sized == 1), ("empty", sized == 0)):
            values[name] = float(counts @ numbers / counts.sum())
    if answered is not None:
        shares["answered"] = answered, np.ones(n)
        if wrong is not None and (drawn.whole()[0] @ answered) > 0:
            shares["error"] = wrong & answered, answered
    if novel is not None:
        shares["novel"] = novel, np.ones(n)
    measured, intervals = _measure_shares(shares, drawn)
    return AnswerReport(
        n, coverage, intervals=intervals, by_class=dict(by_class or {}), **measured, **values
    )


def _measure_shares(
    shares: Mapping[str, _Share], drawn: Resampling
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Return the value and the interval of each share."""
    if not shares:
        return {}, {}
    parts, wholes = (
        np.stack([pair[k].astype(np.float64) for pair in shares.values()], axis=1) for k in (0, 1)
    )
    # The labels of one sample are no samples of their own.
    alone = drawn.weights is None and drawn.codes is None and wholes.max() <= 1
    if alone or drawn.n_units < 2:
        counts = drawn.whole()[0]
        sums = zip((counts @ parts).tolist(), (counts @ wholes).tolist(), strict=True)
        found = dict(zip(shares, sums, strict=True))
        values = {name: part / whole for name, (part, whole) in found.items()}
        # One sample counts as one, whatever its weight.
        scale = 1.0 if alone else drawn.n / counts.sum()
        return values, {
            name: wilson(round(part * scale), max(1, round(whole * scale)))
            for name, (part, whole) in found.items()
        }

    def measure(counts: Doubles) -> Doubles:
        with np.errstate(invalid="ignore", divide="ignore"):
            result: Doubles = (counts @ parts) / (counts @ wholes)
        return result

    scores, intervals = bootstrap(measure, drawn)
    values = dict(zip(shares, scores.tolist(), strict=True))
    bounds = ((low, high) for low, high in intervals.tolist())
    return values, dict(zip(shares, bounds, strict=True))

"""The confidence from which answers are given so that their error stays under a target."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from featx._typing import Doubles, Integers, Labels, Mask
from featx.errors import BadArtifact

__all__ = ["ErrorThreshold", "find_error_threshold"]

# Thresholds that are tried, by their logits: fixed beforehand, from the most careful on.
_LOGITS = np.arange(12.0, -8.01, -0.05)
# Two searches, each with its share of the level, and the errors that its first threshold must allow for: from
# one that allows for none a single wrong label ends the search, from a later one few may be good enough.
_STARTS = ((0.8, 3), (0.2, 0))


# What is counted: of samples that belong together one each.
_UNITS = ("samples", "samples (one a group)")


@dataclass(frozen=True, slots=True)
class ErrorThreshold:
    """The confidence from which a predictor answers, and what is known of the answers.

    Attributes
    ----------
    target : float
        The error of answers that is not to be exceeded.
    confidence : float
        The chance with which it is not, over the samples left out.
    threshold : float or None
        The confidence from which it answers: of a class its probability, of several labels the smallest of
        their probabilities to be as is said. None: it never does.
    answered : float
        The share of the samples left out that are answered.
    error : float or None
        The share of those that were wrong; None where none is answered.
    n : int
        Samples left out that were counted.
    unit : {"samples", "samples (one a group)"}, default="samples"
        What was counted.

    Examples
    --------
    >>> ErrorThreshold(0.02, 0.95, 0.9, 0.85, 0.013, 2000).describe()
    'answers from confidence 0.9 on, 85% of 2000 samples left out, of which 1.3% were wrong: with 95% confidence
    at most 2% of answers are'
    """

    target: float
    confidence: float
    threshold: float | None
    answered: float
    error: float | None
    n: int
    unit: str = _UNITS[0]

    def describe(self) -> str:
        """Return in words how much is answered, and how well."""
        if self.threshold is None:
            level = _STARTS[0][0] * (1 - self.confidence)
            least = math.ceil(math.log(level) / math.log(1 - self.target))
            return (
                f"answers nothing: the {self.n} {self.unit} left out do not show, with {self.confidence:.0%} "
                f"confidence, that at most {_percent(self.target)} of any answers are wrong; {least} right "
                "answers in a row would be the least"
            )
        return (
            f"answers from confidence {self.threshold:.4g} on, {self.answered:.0%} of {self.n} {self.unit} "
            f"left out, of which {_percent(self.error or 0)} were wrong: with {self.confidence:.0%} confidence "
            f"at most {_percent(self.target)} of answers are"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the threshold as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, table: Any) -> Self:
        """Return the threshold that ``to_dict`` gave; raise BadArtifact where it did not."""
        refusal = BadArtifact(
            f"target_error = {table!r:.60}: not as featx writes it; train it again"
        )
        names = set(cls.__dataclass_fields__)
        if not isinstance(table, Mapping) or set(table) != names or table["unit"] not in _UNITS:
            raise refusal
        numbers = {key: value for key, value in table.items() if key != "unit"}
        fine = all(
            (key in ("threshold", "error") and value is None)
            or (isinstance(value, int | float) and not isinstance(value, bool) and value >= 0)
            for key, value in numbers.items()
        )
        shares = [value for key, value in numbers.items() if key != "n" and value is not None]
        if not fine or not all(value <= 1 for value in shares) or type(table["n"]) is not int:
            raise refusal
        if not 0 < table["target"] < 1 or not 0 < table["confidence"] < 1:
            raise refusal
        return cls(**table)


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def find_error_threshold(
    confidences: Doubles,
    wrong: Mask,
    target: float,
    confidence: float = 0.95,
    *,
    groups: Labels | None = None,
    sample_weight: Doubles | None = None,
    random_state: int = 0,
) -> ErrorThreshold:
    """Return the lowest confidence at which the error of what is answered stays under ``target``.

    Thresholds are tested in a fixed order, from the most careful on, each by the exact binomial test of the
    hypothesis that more than ``target`` of the answers from it on are wrong, until the first that is not
    rejected: so no level is shared out among them. Four fifths of the level go to a search from the first
    threshold that allows for three errors, or has a fourth of the samples, a fifth to one from the first that
    allows for none.

    Parameters
    ----------
    confidences : ndarray of shape (n,), between 0 and 1
        Of the answers to samples that trained nothing.
    wrong : ndarray of shape (n,), bool
    target : float between 0 and 1
    confidence : float between 0 and 1, default=0.95
    groups : sequence of length n, default=None
        One sample of each is drawn: those of one group err together, and the next sample is of a new group.
    sample_weight : ndarray of shape (n,), default=None
        Samples are drawn with chances in proportion.
    random_state : int, default=0
        Decides what is drawn.

    Returns
    -------
    ErrorThreshold

    Notes
    -----
    Angelopoulos, Bates, Candès, Jordan and Lei, "Learn then test: calibrating predictive algorithms to achieve
    risk control", 2021, with fixed-sequence testing (Bauer, 1991) and the bound of Clopper and Pearson, 1934;
    Geifman and El-Yaniv, "Selective classification for deep neural networks", 2017. The chance is exact where
    the error does not fall as less confident answers are added.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> confidences = rng.random(5000)
    >>> found = find_error_threshold(confidences, rng.random(5000) > confidences, 0.05)
    >>> 0.9 < found.threshold < 0.95, found.error < 0.05
    (True, True)
    """
    # Only training asks for it; a saved head answers without SciPy.
    from scipy.special import bdtr

    chosen = _drawn(len(confidences), groups, sample_weight, random_state)
    given, errors = np.asarray(confidences, np.float64)[chosen], np.asarray(wrong)[chosen]
    order = np.argsort(-given, kind="stable")
    n, sums = len(given), np.concatenate([[0], np.cumsum(errors[order])])
    # The last threshold answers everything.
    tried = np.append(1 / (1 + np.exp(-_LOGITS)), 0.0)
    counts = np.searchsorted(-given[order], -tried, side="right")
    chances = bdtr(sums[counts], counts, target)
    index = -1
    for share, allowed in _STARTS:
        level = share * (1 - confidence)
        least = min(_least(target, level, allowed), max(n // 4, _least(target, level, 0)))
        first = int(np.searchsorted(counts, least))
        passed = chances[first:] <= level
        n_passed = len(passed) if passed.all() else int(np.argmin(passed))
        index = max(index, first + n_passed - 1) if n_passed else index
    unit = _UNITS[groups is not None]
    if index < 0:
        return ErrorThreshold(target, confidence, None, 0.0, None, n, unit)
    answered = int(counts[index])
    error = float(sums[answered] / answered)
    return ErrorThreshold(target, confidence, float(tried[index]), answered / n, error, n, unit)


def _least(target: float, level: float, errors: int) -> int:
    """Return of how many answers so many may be wrong for the hypothesis to be rejected."""
    from scipy.special import bdtr

    low, high = errors, errors + 1
    while bdtr(errors, high, target) > level:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if bdtr(errors, middle, target) > level else (low, middle)
    return high


def _drawn(
    n: int, groups: Labels | None, sample_weight: Doubles | None, random_state: int
) -> Integers:
    """Return the indices of samples that stand for what comes, each independent of the others."""
    rng = np.random.default_rng(random_state)
    chosen: Integers = np.arange(n)
    if groups is not None:
        order = rng.permutation(n)
        chosen = order[np.unique(np.asarray(groups)[order], return_index=True)[1]]
    if sample_weight is not None and np.any(sample_weight):
        shares = np.asarray(sample_weight, np.float64)[chosen]
        chosen = chosen[rng.random(len(chosen)) * shares.max() < shares]
    return np.sort(chosen)

"""How well each sample, left out in training, conformed to what was said of it: what coverage is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Integers, Labels
from featx.errors import BadArtifact, BadOption
from featx.heads.conformal import conformal_quantile
from featx.storage.arrays import read_arrays, write_arrays

__all__ = ["Conformity", "check_share"]

# The most samples, and the most scores of all of them together, that are kept.
_MOST_SAMPLES, _MOST_SCORES = 100_000, 4_000_000
# The most bytes of all arrays together, of which the file may be a thousandth.
_LARGEST = 1 << 27


@dataclass(frozen=True, slots=True, eq=False)
class Conformity:
    """Nonconformity scores of the truth of samples that were left out in training.

    Attributes
    ----------
    scores : ndarray of shape (n, n_scores), float32, 0 or more
        How little the true target of each sample conformed, in each way or for each label or number.
    strata : ndarray of shape (n, 1) or (n, n_scores), int32
        The class of each sample, or whether it has each label: what ``per_class`` tells apart.
    groups : ndarray of shape (n,), int32, or None
        A new sample is then of a new group.
    weights : ndarray of shape (n,), float64, or None
        How often each sample counts.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> scores = np.linspace(0.01, 0.99, 99)[:, None].astype(np.float32)
    >>> kept = Conformity.of(scores, np.zeros((99, 1), np.int32))
    >>> round(kept.threshold(0, 0.9), 2), kept.threshold(0, 0.999)
    (0.9, inf)
    """

    scores: FloatArray
    strata: npt.NDArray[np.int32]
    groups: npt.NDArray[np.int32] | None = None
    weights: Doubles | None = None

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def of(
        cls,
        scores: FloatArray,
        strata: npt.NDArray[np.int32],
        groups: Labels | None = None,
        weights: Doubles | None = None,
        *,
        random_state: int = 0,
    ) -> Self:
        """Return the scores of at most 100 000 samples, drawn at random and ordered by their scores.

        Their order says nothing of that of the samples. A part drawn at random covers as well as all do.
        """
        most = max(1, min(_MOST_SAMPLES, _MOST_SCORES // scores.shape[1]))
        chosen: Integers = np.arange(len(scores))
        if len(scores) > most:
            chosen = np.random.default_rng(random_state).choice(len(scores), most, replace=False)
        chosen = chosen[np.argsort(scores[chosen, 0], kind="stable")]
        codes = None
        if groups is not None:
            codes = np.unique(groups[chosen], return_inverse=True)[1].astype(np.int32)
        return cls(
            np.ascontiguousarray(scores[chosen], np.float32),
            np.ascontiguousarray(strata[chosen], np.int32),
            codes,
            None if weights is None else weights[chosen],
        )

    def threshold(self, column: int, coverage: float, stratum: int | None = None) -> float:
        """Return the score that the truth of a new sample stays within, with a chance of at least ``coverage``.

        Parameters
        ----------
        column : int
            Which score.
        coverage : float between 0 and 1
        stratum : int, default=None
            The only stratum whose samples are asked; None: all are.

        Returns
        -------
        float
            Infinity where there are too few samples, or groups, for such a coverage.

        Notes
        -----
        Vovk, Gammerman and Shafer, "Algorithmic learning in a random world", 2005; by class (Mondrian) ibid.,
        section 4.5.
        """
        scores, groups, weights = self.scores[:, column], self.groups, self.weights
        if stratum is not None:
            of = self.strata[:, min(column, self.strata.shape[1] - 1)] == stratum
            scores = scores[of]
            groups = None if groups is None else groups[of]
            weights = None if weights is None else weights[of]
        return conformal_quantile(
            scores.astype(np.float64), coverage, groups, weights, beyond=float("inf")
        )

    def n_units(self) -> int:
        """Return how many samples, or groups, a threshold is made from."""
        return len(self) if self.groups is None else len(np.unique(self.groups))

    def to_bytes(self) -> bytes:
        """Return the arrays as a compressed ``.npz``; equal arrays give equal bytes."""
        arrays: dict[str, Any] = {"scores": self.scores, "strata": self.strata}
        arrays |= {} if self.groups is None else {"groups": self.groups}
        arrays |= {} if self.weights is None else {"weights": self.weights}
        return write_arrays(arrays, compressed=True)

    @classmethod
    def from_bytes(cls, data: bytes, shape: tuple[int, int, int]) -> Self:
        """Return what ``to_bytes`` gave; nothing in it can be code.

        Parameters
        ----------
        shape : (n_scores, n_stratum_columns, n_strata)
            What the task and its classes ask for.

        Raises
        ------
        BadArtifact
            The bytes are something else, the arrays do not fit each other, or they are of another task.
        """
        arrays = read_arrays(
            data,
            "conformal calibration",
            ("scores", "strata"),
            optional=("groups", "weights"),
            compressed_limit=_LARGEST,
        )
        made = cls(**arrays)
        if wrong := made._contradiction(shape):
            raise BadArtifact(f"not the arrays of conformal calibration: {wrong}; train it again")
        return made

    def _contradiction(self, shape: tuple[int, int, int]) -> str:
        """Return which of the arrays is not as the task has it; "" where none is."""
        n_scores, n_columns, n_strata = shape
        n = len(self.scores) if self.scores.ndim else 0
        if self.scores.dtype != np.float32 or self.scores.shape != (n, n_scores) or not n:
            return f"scores {self.scores.dtype} of shape {self.scores.shape}"
        if not np.isfinite(self.scores).all() or (self.scores < 0).any():
            return "scores are no numbers from 0 on"
        if self.strata.dtype != np.int32 or self.strata.shape != (n, n_columns):
            return f"strata {self.strata.dtype} of shape {self.strata.shape}"
        if (self.strata < 0).any() or (self.strata >= n_strata).any():
            return "strata are of other classes"
        groups, weights = self.groups, self.weights
        if groups is not None and (groups.dtype != np.int32 or groups.shape != (n,)):
            return f"groups {groups.dtype} of shape {groups.shape}"
        if weights is not None:
            if weights.dtype != np.float64 or weights.shape != (n,):
                return f"weights {weights.dtype} of shape {weights.shape}"
            if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
                return "weights are no numbers from 0 on"
            if weights.max() > 1e100:
                return "weights are too large to be added"
        return ""


def check_share(name: str, value: object) -> float:
    """Return a number between 0 and 1; raise BadOption with the name of the argument where it is none.

    >>> check_share("coverage", 0.9)
    0.9
    """
    number = isinstance(value, int | float | np.floating) and not isinstance(value, bool)
    if not number or not 0 < float(value) < 1:  # type: ignore[arg-type]
        raise BadOption(f"{name} = {value!r:.40}: expected a number between 0 and 1")
    return float(value)  # type: ignore[arg-type]

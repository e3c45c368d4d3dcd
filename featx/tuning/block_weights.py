"""The weights of the blocks of joint rows, chosen by ridge with every training sample left out in turn."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray
from featx.inputs.scaling import BlockScaling, InputBlock
from featx.tuning.problem import TuningProblem
from featx.tuning.solvers.ridge import left_out_predictions, spectrum

__all__ = ["FEW", "WEIGHTS", "BlockWeights"]

# The weights that a block may have beside the others, whose middle is 1.
WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0)
# Penalties in shares of the variance of a row.
_PENALTIES = tuple(10.0 ** np.arange(-4, 1.5, 0.5))
# Samples that are enough to choose by, of few blocks and of many: the time grows with the cube of their number.
_MOST, _MOST_OF_MANY = 600, 300
# Blocks that are few, and the most weights that are tried of all blocks, and where one is left out.
FEW, _TRIED, _TRIED_WITHOUT = 8, 150, 50
# By what share the error must shrink for a change of a weight.
_GAIN = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class BlockWeights:
    """The choice of how much each block of joint rows weighs.

    What was found of some rows is remembered, also by those made of it with ``without``.

    Attributes
    ----------
    blocks : tuple of InputBlock
    left_out : frozenset of int, default=frozenset()
        The numbers of blocks that weigh nothing, as if they were not there.

    Examples
    --------
    >>> weights = BlockWeights(InputBlock.of_widths(["a", "b"], [1, 2]))
    >>> weights.without(1).left_out
    frozenset({1})
    """

    blocks: tuple[InputBlock, ...]
    left_out: frozenset[int] = frozenset()
    _searches: dict[bytes, _Search] = field(default_factory=dict, repr=False)

    def without(self, index: int) -> BlockWeights:
        """Return what chooses the weights of the other blocks, this one left out."""
        return replace(self, left_out=self.left_out | {index})

    def choose(
        self, rows: FloatArray, problem: TuningProblem, *, random_state: int = 0
    ) -> tuple[float, ...]:
        """Return the weight of each block with which ridge predicts samples best that were left out.

        The largest is 1. One block after the other takes the weight that is best beside the others', until
        none changes. The squared error of the targets as numbers decides, and a group of samples is left out
        together. So labels of the training samples alone choose, and a block that tells nothing gets 0.

        Of more than eight blocks 300 samples are looked at, and the search ends after some 150 weights tried.

        Parameters
        ----------
        rows : ndarray of shape (n, d), float32
            Joint rows as they are; of more than 600 a part is taken.
        problem : TuningProblem
            The targets of the rows.
        random_state : int, default=0
            Decides which part.
        """
        plain = tuple(float(k not in self.left_out) for k in range(len(self.blocks)))
        if sum(plain) < 2:
            return plain
        most = _MOST if len(self.blocks) <= FEW else _MOST_OF_MANY
        if len(problem) > 1.5 * most:
            rng = np.random.default_rng(random_state)
            some = np.flatnonzero(problem.make_folds(-(-len(problem) // most), rng) == 0)
            rows, problem = rows[some], problem.subset(some)
        key = _key(rows, problem)
        if key not in self._searches:
            self._searches[key] = _Search(rows, problem, self.blocks)
        search = self._searches[key]
        return search.run(self.left_out) if search.tells else plain


def _key(rows: FloatArray, problem: TuningProblem) -> bytes:
    """Return what identifies rows with their targets."""
    digest = hashlib.blake2b(rows.tobytes(), digest_size=16)
    digest.update(problem.neighbor_targets(np.arange(len(problem))).tobytes())
    design = problem.design
    digest.update(repr(None if design.groups is None else design.groups.tolist()).encode())
    digest.update(repr(None if design.weights is None else design.weights.tolist()).encode())
    return digest.digest()


@dataclass(slots=True)
class _Search:
    """The blocks of some rows, each standardised and of the variance 1, and the errors of weights tried."""

    rows: FloatArray
    problem: TuningProblem
    blocks: Sequence[InputBlock]
    tables: list[Doubles] = field(init=False)
    targets: Doubles = field(init=False)
    sample_weight: Doubles = field(init=False)
    errors: dict[tuple[float, ...], float] = field(default_factory=dict)
    found: dict[frozenset[int], tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, design = len(self.problem), self.problem.design
        scaling = BlockScaling.fit(self.rows, self.blocks, None, design.weights)
        scaled = scaling.apply(self.rows).astype(np.float64)
        scaled /= np.sqrt(max(1e-30, (scaled**2).sum() / n))
        self.tables = [_rotated(scaled[:, block.columns]) for block in self.blocks]
        self.targets = np.asarray(self.problem.neighbor_targets(np.arange(n)), np.float64)
        self.sample_weight = np.ones(n) if design.weights is None else design.weights

    @property
    def _units(self) -> npt.NDArray[Any]:
        groups = self.problem.design.groups
        return np.arange(len(self.problem)) if groups is None else groups

    @property
    def tells(self) -> bool:
        """Tell whether there is anything to leave out, and to predict."""
        several = len(np.unique(self._units[self.sample_weight > 0])) > 2
        return several and bool(np.ptp(self.targets, axis=0).any())

    def run(self, left_out: frozenset[int]) -> tuple[float, ...]:
        """Return the best weights in which some blocks have none; the largest is 1."""
        if left_out not in self.found:
            others = [k for k in range(len(self.blocks)) if k not in left_out]
            weights, error = self._start(others)
            most = len(self.errors) + (_TRIED_WITHOUT if left_out else _TRIED)
            while True:
                before = error
                for index in others:
                    if len(self.errors) < most:
                        weights, error = self.improve(weights, error, index)
                if error >= before or len(self.errors) >= most:
                    break
            self.found[left_out] = tuple(weight / max(weights) for weight in weights)
        return self.found[left_out]

    def _start(self, others: Sequence[int]) -> tuple[tuple[float, ...], float]:
        """Return the weights to begin with: of blocks alike, of one alone, or those found with more blocks."""
        n, used = len(self.blocks), set(others)
        tried = [tuple(float(k in used) for k in range(n))]
        tried += [tuple(float(k == one) for k in range(n)) for one in others]
        tried += [
            tuple(weight if k in used else 0.0 for k, weight in enumerate(found))
            for left_out, found in self.found.items()
            if not left_out & used
        ]
        return min(((weights, self.error(weights)) for weights in tried), key=lambda pair: pair[1])

    def improve(
        self, weights: tuple[float, ...], error: float, index: int
    ) -> tuple[tuple[float, ...], float]:
        """Return weights of which one is the best beside the others, and their error."""
        for value in WEIGHTS:
            tried = (*weights[:index], value, *weights[index + 1 :])
            found = self.error(tried)
            if found < error * (1 - _GAIN):
                weights, error = tried, found
        return weights, error

    def error(self, weights: tuple[float, ...]) -> float:
        """Return the mean squared error of samples left out, with the best penalty."""
        largest = max(weights)
        if not largest:
            return float("inf")
        relative = tuple(weight / largest for weight in weights)
        if relative not in self.errors:
            self.errors[relative] = self._error(relative)
        return self.errors[relative]

    def _error(self, weights: tuple[float, ...]) -> float:
        used = [
            weight * table for weight, table in zip(weights, self.tables, strict=True) if weight
        ]
        table = np.concatenate(used, axis=1)
        variance = (table**2).sum()
        tried = left_out_predictions(
            table,
            self.targets,
            self.sample_weight,
            [share * variance for share in _PENALTIES],
            self.problem.design.groups,
        )
        return min(
            float(np.average(((self.targets - found) ** 2).sum(axis=1), weights=self.sample_weight))
            for found in tried
        )


def _rotated(table: Doubles) -> Doubles:
    """Return a table of the same products of rows with each other, of at most as many columns as rows."""
    if table.shape[1] <= len(table):
        return table
    values, basis = spectrum(table)
    return np.asarray(basis * np.sqrt(values))

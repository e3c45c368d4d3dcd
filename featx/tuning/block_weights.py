"""How much each block of joint rows weighs, chosen by ridge with every training sample left out in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray
from featx.inputs.scaling import BlockScaling, InputBlock
from featx.tuning.problem import TuningProblem
from featx.tuning.solvers.ridge import left_out_predictions, spectrum

__all__ = ["WEIGHTS", "choose_weights"]

# The weights that a block may have beside the others, whose middle is 1.
WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0)
# Penalties in shares of the variance of a row.
_PENALTIES = tuple(10.0 ** np.arange(-4, 1.5, 0.5))
# Samples that are enough to choose by: the time grows with the cube of their number.
_MOST = 800
# By what share the error must shrink for a change of a weight.
_GAIN = 1e-3


def choose_weights(
    rows: FloatArray, problem: TuningProblem, blocks: Sequence[InputBlock], *, random_state: int = 0
) -> tuple[float, ...]:
    """Return the weight of each block with which ridge predicts samples best that were left out.

    One block after the other takes the weight that is best beside the others', until none changes. The
    squared error of the targets as numbers decides, and a group of samples is left out together. So labels
    of the training samples alone choose, and a block that tells nothing gets the weight 0.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
        Joint rows as they are; of more than 800 a part is taken.
    problem : TuningProblem
        The targets of the rows.
    blocks : sequence of InputBlock
    random_state : int, default=0
        Decides which part.
    """
    if len(blocks) < 2:
        return (1.0,) * len(blocks)
    if len(problem) > 1.5 * _MOST:
        rng = np.random.default_rng(random_state)
        some = np.flatnonzero(problem.make_folds(-(-len(problem) // _MOST), rng) == 0)
        rows, problem = rows[some], problem.subset(some)
    search = _Search(rows, problem, blocks)
    if not search.tells:
        return (1.0,) * len(blocks)
    weights, error = search.start()
    while True:
        before = error
        for index in range(len(blocks)):
            weights, error = search.improve(weights, error, index)
        if error >= before:
            return weights


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
        """Whether there is anything to leave out, and to predict."""
        several = len(np.unique(self._units[self.sample_weight > 0])) > 2
        return several and bool(np.ptp(self.targets, axis=0).any())

    def start(self) -> tuple[tuple[float, ...], float]:
        """Return the weights to begin with: of all blocks alike or of one alone, whichever is best."""
        n = len(self.blocks)
        alone = [tuple(float(i == k) for i in range(n)) for k in range(n)]
        return min(
            ((weights, self.error(weights)) for weights in [(1.0,) * n, *alone]),
            key=lambda pair: pair[1],
        )

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

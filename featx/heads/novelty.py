"""How new a sample is: how far its row is from those of the training, beside how far these are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Labels
from featx.embedding.neighbors import PreparedRows
from featx.inputs.comparing import RowSpace
from featx.inputs.scaling import InputBlock

__all__ = ["LARGEST_HALF", "NEIGHBOR", "NoveltyReference", "neighbor_distances"]

# Which neighbour decides: the nearest alone may be a copy or a fault.
NEIGHBOR = 3
# The largest number of float16.
LARGEST_HALF = 65504.0
# As far as rows can be, by how that is measured.
_FARTHEST = {"cosine": 2.0, "euclidean": float(np.finfo(np.float32).max)}


@dataclass(frozen=True, slots=True, eq=False)
class NoveltyReference:
    """The rows of training samples, and how far each is from its neighbours among the others.

    Attributes
    ----------
    rows : ndarray of shape (n, dim), float32
        As they are compared.
    distances : ndarray of shape (n,), float32
        In ascending order.
    prepared : PreparedRows
        The rows as they are searched.
    space : RowSpace
        How rows are compared.

    Notes
    -----
    The distance to the k-th neighbour is that of Sun et al., "Out-of-distribution detection with deep nearest
    neighbors", 2022; p-values as in Bates et al., "Testing for outliers with conformal p-values", 2023, each
    row left out in its turn.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> rows = rng.normal(size=(99, 5)).astype(np.float16) + np.float16(3)
    >>> reference = NoveltyReference.of(rows, neighbor_distances(rows))
    >>> far, near = reference.p_values(np.array([[-3.0] * 5, [3.0] * 5], np.float32))
    >>> float(far), bool(near > 0.2)
    (0.01, True)
    """

    rows: FloatArray
    distances: FloatArray
    prepared: PreparedRows = field(repr=False)
    space: RowSpace = field(default_factory=RowSpace, repr=False)

    @classmethod
    def of(
        cls,
        rows: npt.NDArray[np.float16],
        distances: FloatArray,
        blocks: Sequence[InputBlock] = (),
    ) -> Self:
        """Return the reference of the rows that a predictor keeps; ``blocks`` are those of joint rows."""
        space = RowSpace.of(rows, blocks)
        return cls(space.apply(rows), np.sort(distances), space.prepare(rows), space)

    def p_values(self, rows: FloatArray) -> Doubles:
        """Return the chance that a sample like those of the training were as far away; shape (n,).

        It is (1 + the number of training rows that are as far from the others) / (1 + their number).
        """
        return self._p_values(self._distances(rows))

    def p_value_range(self, rows: FloatArray, slack: float) -> tuple[Doubles, Doubles]:
        """Return the least and the greatest p-value of rows whose distances may be off by ``slack``."""
        apart = self._distances(rows)
        return self._p_values(apart + np.float32(slack)), self._p_values(apart - np.float32(slack))

    def _distances(self, rows: FloatArray) -> FloatArray:
        """Return how far each row is from its third neighbour, or the farthest there is."""
        if not len(rows):
            return np.empty(0, np.float32)
        # As the rows of the training are kept: an equal one is at distance 0.
        halves = np.clip(rows, -LARGEST_HALF, LARGEST_HALF).astype(np.float16)
        asked = self.space.apply(halves)
        return self.prepared.nearest(asked, min(NEIGHBOR, len(self.rows))).distances[:, -1]

    def _p_values(self, apart: FloatArray) -> Doubles:
        n = len(self.distances)
        farther = n - np.searchsorted(self.distances, apart, side="left")
        return np.asarray((1 + farther) / (1 + n))


def neighbor_distances(
    rows: npt.NDArray[np.float16],
    groups: Labels | None = None,
    blocks: Sequence[InputBlock] = (),
) -> npt.NDArray[np.float32]:
    """Return how far each row is from its third neighbour among the others.

    Parameters
    ----------
    rows : ndarray of shape (n, dim), float16
    groups : ndarray of shape (n,), default=None
        Rows of one group are not neighbours.
    blocks : sequence of InputBlock, default=()
        Those of joint rows; see ``RowSpace``.

    Returns
    -------
    ndarray of shape (n,), float32
        Of the farthest there is where there are fewer; as far as rows can be where there is none.
    """
    codes = None if groups is None else np.unique(groups, return_inverse=True)[1]
    k = min(NEIGHBOR, max(1, len(rows) - 1))
    space = RowSpace.of(rows, blocks)
    found = space.nearest_among(rows, k, codes).distances
    found = np.where(np.isfinite(found), found, -1).max(axis=1)
    return np.where(found < 0, _FARTHEST[space.metric], found).astype(np.float32)

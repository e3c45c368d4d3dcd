"""The distances between rows: those of one backbone by their directions, joint rows with all inputs alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray
from featx.embedding.neighbors import Neighbors, PreparedRows, nearest_among
from featx.embedding.row_products import Metric
from featx.errors import BadTable
from featx.inputs.scaling import BlockScaling, InputBlock

__all__ = ["FARTHEST", "RowSpace"]

FARTHEST = 1e4
"""The largest number of a scaled row: what is farther away is as far, and squares stay finite."""


@dataclass(frozen=True, slots=True, eq=False)
class RowSpace:
    """The space in which rows are compared.

    Rows of one backbone are compared by one less their cosine. Joint rows are compared by Euclidean distance,
    with each block standardised and all blocks alike, whatever a head makes of them: so no input decides by the
    scale of its numbers alone, and one that tells nothing of the target can be unlike those of training, too.
    A number far from all others is far there; by directions it would be near to any that is on its side.

    Attributes
    ----------
    scaling : BlockScaling or None
        None: rows are taken as they are.

    Examples
    --------
    >>> rows = np.array([[0, 500], [1, 400]], np.float32)
    >>> RowSpace.of(rows, InputBlock.of_widths(["a", "b"], [1, 1])).apply(rows).tolist()
    [[-1.0, 1.0], [1.0, -1.0]]
    """

    scaling: BlockScaling | None = None

    @classmethod
    def of(cls, rows: npt.NDArray[Any], blocks: Sequence[InputBlock] = ()) -> Self:
        """Return the space of rows; ``blocks`` are those of joint rows.

        Raises
        ------
        BadTable
            Rows have not as many columns as the blocks together.
        """
        if not blocks or not len(rows):
            return cls()
        _check_width(rows, blocks)
        return cls(BlockScaling.fit(np.asarray(rows, np.float32), blocks))

    @classmethod
    def of_parts(cls, parts: Iterable[npt.NDArray[Any]], blocks: Sequence[InputBlock] = ()) -> Self:
        """Return the space of rows that come in parts; see ``of``.

        Notes
        -----
        Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
        1979.
        """
        n, mean, squares = 0, np.zeros(1), np.zeros(1)
        for part in parts:
            if not blocks or not len(part):
                continue
            _check_width(part, blocks)
            rows = np.asarray(part, np.float64)
            own, both = rows.mean(axis=0), n + len(rows)
            apart = own - mean
            squares = squares + len(rows) * rows.var(axis=0) + apart**2 * n * len(rows) / both
            mean, n = mean + apart * len(rows) / both, both
        if not n:
            return cls()
        return cls(BlockScaling.of_moments(mean, np.sqrt(squares / n), blocks))

    @property
    def metric(self) -> Metric:
        """The metric by which distances are measured."""
        return "cosine" if self.scaling is None else "euclidean"

    def apply(self, rows: npt.NDArray[Any]) -> FloatArray:
        """Return rows as they are compared; shape (n, dim), float32."""
        floats = np.asarray(rows, np.float32)
        if self.scaling is None:
            return floats
        return np.clip(self.scaling.apply(floats), -FARTHEST, FARTHEST)

    def prepare(self, rows: npt.NDArray[Any]) -> PreparedRows:
        """Return rows among which ``apply`` of others are searched."""
        return PreparedRows(self.apply(rows), metric=self.metric)

    def nearest_among(
        self,
        rows: npt.NDArray[Any],
        k: int,
        groups: Any = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Neighbors:
        """Return the k nearest others of each row; see ``featx.embedding.neighbors.nearest_among``."""
        return nearest_among(
            self.apply(rows), k, metric=self.metric, groups=groups, progress=progress
        )


def _check_width(rows: npt.NDArray[Any], blocks: Sequence[InputBlock]) -> None:
    if rows.shape[1] != blocks[-1].stop:
        raise BadTable(
            f"rows: {rows.shape[1]} columns, expected {blocks[-1].stop}, those of all inputs"
        )

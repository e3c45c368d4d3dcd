"""The nearest training samples of a sample, with their labels."""

from __future__ import annotations

import numpy as np

from featx._typing import FloatArray
from featx.embedding.neighbors import PreparedRows
from featx.errors import BadOption
from featx.explanation.explanation import Neighbour
from featx.heads.novelty import LARGEST_HALF
from featx.inputs.comparing import RowSpace
from featx.inputs.joint import joint_blocks
from featx.predictor import Predictor

__all__ = ["MOST_NEIGHBOURS", "NeighbourSearch"]

MOST_NEIGHBOURS = 100


class NeighbourSearch:
    """The training rows that a predictor keeps, to be searched for those near a row.

    Parameters
    ----------
    predictor : Predictor
    count : int
        How many are found; 0 finds none and needs no rows.

    Raises
    ------
    BadOption
        ``count`` is no whole number from 0 to 100, or the predictor keeps no rows.

    Examples
    --------
    >>> import featx
    >>> texts = ["good", "great", "fine", "bad", "awful", "poor"]
    >>> predictor = featx.fit(texts, ["+"] * 3 + ["-"] * 3, baseline=False)
    >>> search = NeighbourSearch(predictor, 1)
    >>> [(near.id, near.target) for near in search.near(predictor.embed(["great"]).embeddings[0])]
    [('great', '+')]
    """

    def __init__(self, predictor: Predictor, count: int) -> None:
        fine = isinstance(count, int | np.integer) and not isinstance(count, bool)
        if not fine or not 0 <= count <= MOST_NEIGHBOURS:
            raise BadOption(f"neighbours = {count!r:.60}: expected 0 to {MOST_NEIGHBOURS}")
        self._count = int(count)
        self._rows: PreparedRows | None = None
        if not count:
            return
        samples = predictor.samples
        if samples is None or samples.rows is None or samples.kept is None:
            raise BadOption(
                "neighbours: the predictor keeps no rows of its training samples; expected one that was "
                "trained with keep_rows=True"
            )
        self._space = RowSpace.of(samples.rows, joint_blocks(predictor.inputs))
        self._rows = self._space.prepare(samples.rows)
        self._ids = samples.ids[samples.kept].tolist()
        self._targets = samples.targets[samples.kept].tolist()

    def near(self, row: FloatArray) -> tuple[Neighbour, ...]:
        """Return the nearest training samples of a row, the nearest first."""
        if self._rows is None:
            return ()
        asked = row[None]
        if self._space.scaling is not None:
            # As they are kept: one that is equal is at distance 0, whatever the scale of a column.
            asked = np.clip(asked, -LARGEST_HALF, LARGEST_HALF).astype(np.float16)
        found = self._rows.nearest(self._space.apply(asked), self._count)
        return tuple(
            Neighbour(self._ids[index], str(self._targets[index]), float(distance))
            for index, distance in zip(found.indices[0], found.distances[0], strict=True)
            if index >= 0
        )

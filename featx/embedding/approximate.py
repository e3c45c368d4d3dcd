"""Nearest rows among candidates, for millions of rows: those of one cell are compared, others not at all.

Cells are those of k-means on some of the rows (an inverted file, as Sivic and Zisserman, Video Google, 2003,
use it), and each row is in several. Rows that are much nearer to each other than to others share a cell
with near certainty; of rows that are about as far from all others some neighbours are missed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray, Integers
from featx.embedding.neighbors import Neighbors, nearest_among
from featx.embedding.row_products import LARGEST, Form, as_table, split_rows
from featx.errors import BadOption

__all__ = ["approximate_nearest"]

# Rows of a cell, about; cells that a row is in; and rows that decide the cells, for each of them.
_CELL, _PROBES, _SEEDS = 2000, 6, 32
_ROUNDS = 6
# Rows of a cell that are compared all with all.
_MOST = 24_000
# The part of a window over a larger cell that the next one holds as well.
_OVERLAP = 4


def approximate_nearest(
    rows: npt.ArrayLike,
    k: int = 10,
    *,
    probes: int = _PROBES,
    largest_cell: int = _MOST,
    random_state: int = 0,
    memory: int = 1 << 30,
    progress: Callable[[int, int], object] | None = None,
) -> Neighbors:
    """Return the k nearest other rows of each row by cosine, of those that share a cell with it.

    Distances are exact. A row may lack neighbours: their indices are -1, their distances infinite.

    Parameters
    ----------
    rows : array of shape (n, d)
        It may be memory-mapped and is read about as often as ``probes`` says.
    k : int, 1 or more, default=10
    probes : int, 1 or more, default=6
        How many cells each row is in: with 6, more than 99 in 100 of the twenty nearest of 100 000 rows
        drawn in 48 directions are found, with 3 nine in ten.
    largest_cell : int, default=24_000
        Rows of a cell that are compared all with all; a larger one is divided into parts that overlap.
    random_state : int, default=0
        Decides the cells.
    memory : int, default=2**30
        Bytes that the search may use besides the rows and the answer.
    progress : callable, default=None
        Is told after each cell how many are done, and about how many there are.

    Raises
    ------
    BadTable, BadOption
        See ``featx.embedding.neighbors.nearest_rows``.

    Examples
    --------
    >>> table = np.random.default_rng(0).standard_normal((50, 4)).astype(np.float32)
    >>> found = approximate_nearest(table, 3)
    >>> bool((found.indices == nearest_among(table, 3).indices).all())
    True
    """
    table = as_table(rows, "rows")
    if probes < 1:
        raise BadOption(f"probes = {probes!r}: expected a whole number, 1 or more")
    if largest_cell < _OVERLAP:
        raise BadOption(f"largest_cell = {largest_cell!r}: expected {_OVERLAP} rows or more")
    n, rng = len(table), np.random.default_rng(random_state)
    n_cells = min(max(1, n * probes // _CELL), max(1, n // 2))
    if n <= _CELL:
        return nearest_among(table, k, memory=memory, progress=progress)
    form = Form.of(table, "cosine")
    centres = _centres(table, form, n_cells, rng)
    indices = np.full((n, k), -1, np.intp)
    distances = np.full((n, k), np.inf, np.float32)
    for done, members in enumerate(_cells(table, form, centres, probes), start=1):
        for some in _windows(table, members, largest_cell, rng):
            found = nearest_among(table[some], k, memory=memory)
            there = found.indices >= 0
            places = np.where(there, some[found.indices], -1)
            indices[some], distances[some] = _merged(
                np.hstack([indices[some], places]), np.hstack([distances[some], found.distances]), k
            )
        if progress is not None:
            progress(done, n_cells)
    return Neighbors(indices, distances)


def _centres(
    table: npt.NDArray[Any], form: Form, n_cells: int, rng: np.random.Generator
) -> FloatArray:
    """Return unit vectors in the middle of so many parts of some of the rows."""
    some = np.sort(rng.choice(len(table), min(len(table), _SEEDS * n_cells), replace=False))
    unit = form.prepare(table[some], 0).plain
    centres = unit[rng.choice(len(unit), n_cells, replace=False)]
    for _ in range(_ROUNDS):
        nearest = np.concatenate(
            [(part @ centres.T).argmax(axis=1) for _, part in split_rows(unit, LARGEST)]
        )
        order = np.argsort(nearest, kind="stable")
        starts = np.searchsorted(nearest[order], np.arange(n_cells + 1))
        filled = np.flatnonzero(np.diff(starts))
        sums = np.add.reduceat(unit[order], starts[filled], axis=0)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centres[filled] = sums / np.where(norms > 0, norms, 1)
    return centres


def _cells(
    table: npt.NDArray[Any], form: Form, centres: FloatArray, probes: int
) -> Iterator[Integers]:
    """Yield the rows of each cell, ascending; each row is in the cells of its nearest centres."""
    probes = min(probes, len(centres))
    nearest = np.empty((len(table), probes), np.int32)
    for at, part in split_rows(table, LARGEST):
        scores = form.prepare(part, at).plain @ centres.T
        nearest[at : at + len(part)] = np.argpartition(-scores, probes - 1, axis=1)[:, :probes]
    order = np.argsort(nearest.ravel(), kind="stable")
    starts = np.searchsorted(nearest.ravel()[order], np.arange(len(centres) + 1))
    for first, last in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        if last - first > 1:
            yield order[first:last] // probes


def _windows(
    table: npt.NDArray[Any], members: Integers, most: int, rng: np.random.Generator
) -> Iterator[Integers]:
    """Yield a cell, or overlapping parts of a large one in the order of a random direction."""
    if len(members) <= most:
        yield members
        return
    direction = rng.standard_normal(table.shape[1])
    places = np.concatenate(
        [
            np.asarray(table[some], np.float64) @ direction
            for _, some in split_rows(members, LARGEST)
        ]
    )
    ordered = members[np.argsort(places, kind="stable")]
    step = most - most // _OVERLAP
    for number in range(math.ceil((len(members) - most // _OVERLAP) / step)):
        yield np.sort(ordered[number * step : number * step + most])


def _merged(indices: Integers, distances: FloatArray, k: int) -> tuple[Integers, FloatArray]:
    """Return the k nearest of two lists a row, each neighbour once."""
    order = np.argsort(indices, axis=1, kind="stable")
    indices = np.take_along_axis(indices, order, axis=1)
    distances = np.take_along_axis(distances, order, axis=1)
    distances[:, 1:][indices[:, 1:] == indices[:, :-1]] = np.inf
    # By index before, so that ties stay in its order.
    best = np.argsort(distances, axis=1, kind="stable")[:, :k]
    indices = np.take_along_axis(indices, best, axis=1)
    distances = np.take_along_axis(distances, best, axis=1)
    return np.where(np.isfinite(distances), indices, -1), distances

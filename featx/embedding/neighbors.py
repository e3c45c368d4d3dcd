"""Exact nearest rows by blocked products: memory is bounded, rows may lie in a memory-mapped file.

Products in float32 choose candidates, with a margin for their rounding; the distances of candidates are
then computed from differences. So the answer does not depend on the size of the blocks, equal rows are at
distance 0, and ties are in the order of their indices. Only where very many rows tie within the rounding
of the products does rounding decide which of them are given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles, FloatArray, Integers
from featx.embedding.row_products import (
    LARGEST,
    Block,
    Form,
    Metric,
    as_table,
    block_pairs,
    block_side,
    split_rows,
)
from featx.errors import BadOption

__all__ = [
    "Neighbors",
    "Pairs",
    "PreparedRows",
    "close_pairs",
    "nearest_among",
    "nearest_in_blocks",
    "nearest_rows",
]

# Bytes that a search may use besides the rows and the answer.
_MEMORY = 1 << 30
# Candidates a row beyond those asked for, where a block has too many to compute all exactly.
_SPARE = 4


@dataclass(frozen=True, slots=True, eq=False)
class Neighbors:
    """The nearest rows of each query, the nearest first; ties are in the order of their indices.

    Attributes
    ----------
    indices : ndarray of shape (n, k), intp
        Indices of rows; -1 where there are fewer than k rows.
    distances : ndarray of shape (n, k), float32
        One less the cosine, or Euclidean; infinite where there are fewer than k rows.

    Examples
    --------
    >>> found = nearest_among(np.asarray([[0, 1], [0, 2], [1, 1]], np.float32), 1)
    >>> found.indices.ravel().tolist()
    [1, 0, 0]
    """

    indices: Integers
    distances: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of rows that are near each other, ordered by their first and second index.

    Attributes
    ----------
    first, second : ndarray of shape (n,), intp
        Indices of rows; the first is less than the second.
    distances : ndarray of shape (n,), float32

    Examples
    --------
    >>> pairs = close_pairs(np.asarray([[0, 1], [1, 0], [0, 2]], np.float32), 0.1)
    >>> list(zip(pairs.first.tolist(), pairs.second.tolist()))
    [(0, 2)]
    """

    first: Integers
    second: Integers
    distances: FloatArray

    def __len__(self) -> int:
        return len(self.first)


def nearest_rows(
    queries: npt.ArrayLike,
    rows: npt.ArrayLike,
    k: int = 10,
    *,
    metric: Metric = "cosine",
    own: Integers | None = None,
    memory: int = _MEMORY,
) -> Neighbors:
    """Return the k nearest rows of each query.

    Parameters
    ----------
    queries : array of shape (n, d)
    rows : array of shape (m, d)
        Both may be memory-mapped and are read block by block.
    k : int, 1 or more, default=10
    metric : {"cosine", "euclidean"}, default="cosine"
        A row of zeros is at the cosine distance 1 of all others.
    own : array of shape (n,), integers, default=None
        The index of each query among the rows, which is not its own neighbour; -1 where it is not among
        them. None: no query is.
    memory : int, default=2**30
        Bytes that the search may use besides the rows and the answer.

    Raises
    ------
    BadTable
        An array is not one of rows, widths differ, or numbers are not finite.
    BadOption
        k, metric or memory are nothing to search with.

    Examples
    --------
    >>> rows = np.asarray([[0, 1], [0, 2], [5, 5]], np.float32)
    >>> nearest_rows([[4, 5]], rows, 2, metric="euclidean").indices.tolist()
    [[2, 1]]
    """
    searched, asked = as_table(rows, "rows"), as_table(queries, "queries")
    step = max(LARGEST, memory // (16 * max(1, asked.shape[1])))
    found = [
        nearest_in_blocks(
            asked[start : start + step],
            split_rows(searched, LARGEST),
            k,
            metric=metric,
            own=None if own is None else np.asarray(own)[start : start + step],
            memory=memory,
        )
        for start in range(0, max(1, len(asked)), step)
    ]
    return Neighbors(
        np.concatenate([some.indices for some in found]),
        np.concatenate([some.distances for some in found]),
    )


def nearest_in_blocks(
    queries: npt.ArrayLike,
    blocks: Iterable[tuple[int, npt.ArrayLike]],
    k: int = 10,
    *,
    metric: Metric = "cosine",
    own: Integers | None = None,
    memory: int = _MEMORY,
) -> Neighbors:
    """Return the k nearest rows of each query, of rows that come in blocks, such as shards.

    Parameters
    ----------
    queries : array of shape (n, d)
        They are held in memory.
    blocks : iterable of (int, array of shape (b, d))
        The index of the first row of each block, and its rows; each is seen once, in any order.
    k, metric, own, memory
        The parameters of ``nearest_rows``.

    Raises
    ------
    BadTable, BadOption
        See ``nearest_rows``.

    Examples
    --------
    >>> shards = [(0, [[0, 1], [0, 2]]), (2, [[5, 5]])]
    >>> nearest_in_blocks([[4, 5]], shards, 2, metric="euclidean").indices.tolist()
    [[2, 1]]
    """
    asked = as_table(queries, "queries")
    side = block_side(memory)
    form = Form.of(asked, metric)
    prepared = [form.prepare(block, at) for at, block in split_rows(asked, side)]
    best = _Best(len(asked), k, form)
    for start, rows in blocks:
        block = as_table(rows, f"the block at {start}", asked.shape[1])
        for at, part in split_rows(block, side):
            right = form.prepare(part, start + at)
            for left in prepared:
                scores = left.left @ right.right.T
                _leave_out(scores, left, right, own)
                best.update(scores, left, right)
    return best.neighbors()


class PreparedRows:
    """Rows among which is searched again and again, such as those of a predictor that answers.

    Parameters
    ----------
    rows : array of shape (m, d)
    metric : {"cosine", "euclidean"}, default="cosine"

    Raises
    ------
    BadTable, BadOption
        See ``nearest_rows``.

    Examples
    --------
    >>> kept = PreparedRows([[0, 1], [0, 2], [5, 5]], metric="euclidean")
    >>> kept.nearest([[4, 5]], 2).indices.tolist()
    [[2, 1]]
    """

    def __init__(self, rows: npt.ArrayLike, *, metric: Metric = "cosine") -> None:
        table = as_table(rows, "rows")
        self._form, self._dim = Form.of(table, metric), table.shape[1]
        self._blocks = [self._form.prepare(part, at) for at, part in split_rows(table, LARGEST)]

    def nearest(self, queries: npt.ArrayLike, k: int = 10) -> Neighbors:
        """Return the k nearest rows of each query; see ``nearest_rows``."""
        asked = as_table(queries, "queries", self._dim)
        best = _Best(len(asked), k, self._form)
        for at, part in split_rows(asked, LARGEST):
            left = self._form.prepare(part, at)
            for right in self._blocks:
                best.update(left.left @ right.right.T, left, right)
        return best.neighbors()


def nearest_among(
    rows: npt.ArrayLike,
    k: int = 10,
    *,
    metric: Metric = "cosine",
    groups: Integers | None = None,
    memory: int = _MEMORY,
    progress: Callable[[int, int], object] | None = None,
) -> Neighbors:
    """Return the k nearest other rows of each row; each product of two blocks serves both.

    Parameters
    ----------
    rows : array of shape (n, d)
        It may be memory-mapped and is read block by block.
    groups : array of shape (n,), integers, default=None
        Rows of one group are not neighbours; None: each is a group of its own.
    k, metric, memory
        The parameters of ``nearest_rows``.
    progress : callable, default=None
        Is told after each product how many are done, and how many there are.

    Raises
    ------
    BadTable, BadOption
        See ``nearest_rows``.

    Examples
    --------
    >>> rows = np.asarray([[0, 1], [0, 2], [5, 5]], np.float32)
    >>> nearest_among(rows, 1, groups=np.asarray([0, 0, 1])).indices.ravel().tolist()
    [2, 2, 0]
    """
    table = as_table(rows, "rows")
    form = Form.of(table, metric)
    best = _Best(len(table), k, form)
    codes = np.arange(len(table)) if groups is None else np.asarray(groups)
    if codes.shape != (len(table),):
        raise BadOption(f"groups: expected one a row, {len(table)}; found shape {codes.shape}")
    side = block_side(memory)
    sides = -(-len(table) // side)
    for done, (left, right, scores) in enumerate(block_pairs(table, form, side, memory), start=1):
        if groups is not None or left.start == right.start:
            scores[codes[left.range, None] == codes[right.range]] = -np.inf
        best.update(scores, left, right)
        if left.start != right.start:
            best.update(scores, left, right, columns=True)
        if progress is not None:
            progress(done, sides * (sides + 1) // 2)
    return best.neighbors()


def close_pairs(
    rows: npt.ArrayLike,
    max_distance: float,
    *,
    metric: Metric = "cosine",
    most: int = 10_000_000,
    memory: int = _MEMORY,
) -> Pairs:
    """Return all pairs of rows that are at most so far apart.

    Parameters
    ----------
    rows : array of shape (n, d)
        It may be memory-mapped and is read block by block.
    max_distance : float, 0 or more
    most : int, default=10_000_000
        How many pairs there may be.
    metric, memory
        The parameters of ``nearest_rows``.

    Raises
    ------
    BadTable
        See ``nearest_rows``.
    BadOption
        The distance is no number of 0 or more, or there are more pairs than ``most``.

    Examples
    --------
    >>> close_pairs([[0, 1], [0, 2], [5, 5]], 1.0, metric="euclidean").distances.tolist()
    [1.0]
    """
    if not max_distance >= 0:
        raise BadOption(f"max_distance = {max_distance!r}: expected a number, 0 or more")
    table = as_table(rows, "rows")
    form = Form.of(table, metric)
    limit, side = form.halved(max_distance), block_side(memory)
    pairs, count = [], 0
    for left, right, scores in block_pairs(table, form, side, memory):
        if left.start == right.start:
            scores[np.tril_indices(len(scores), m=scores.shape[1])] = -np.inf
        i, j = np.divmod(np.flatnonzero(scores >= form.lowest(limit)), scores.shape[1])
        halves = form.distances(left, right, i, j)
        near = form.shown(halves) <= np.float32(max_distance)
        pairs.append((i[near] + left.start, j[near] + right.start, halves[near]))
        count += int(near.sum())
        if count > most:
            raise BadOption(
                f"max_distance = {max_distance!r}: more than {most} pairs are as near; "
                "choose a smaller one"
            )
    first, second, halves = (
        np.concatenate(parts) for parts in zip(*pairs or [_no_pairs()], strict=True)
    )
    order = np.lexsort((second, first))
    return Pairs(first[order], second[order], form.shown(halves[order]))


def _no_pairs() -> tuple[Integers, Integers, Doubles]:
    return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)


def _leave_out(scores: FloatArray, left: Block, right: Block, own: Integers | None) -> None:
    """Set the scores of queries with themselves to the least."""
    if own is None:
        return
    at = np.asarray(own)[left.range] - right.start
    here = np.flatnonzero((at >= 0) & (at < len(right.plain)))
    scores[here, at[here]] = -np.inf


class _Best:
    """The k nearest rows of each query among those seen."""

    def __init__(self, n: int, k: int, form: Form) -> None:
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise BadOption(f"k = {k!r}: expected a whole number, 1 or more")
        self._form, self._k = form, k
        self._halves = np.full((n, k), np.inf)
        self._indices = np.full((n, k), -1, np.intp)
        # What was found since a block of queries was last sorted, by its first query.
        self._waiting: dict[int, list[tuple[Integers, Integers, Doubles]]] = {}

    def update(
        self, scores: FloatArray, left: Block, right: Block, *, columns: bool = False
    ) -> None:
        """Take what is nearer; where ``columns``, the queries are those of the right block."""
        asked, other = (right, left) if columns else (left, right)
        limits = self._form.lowest(self._halves[asked.range, -1])
        near = scores >= (limits if columns else limits[:, None])
        found = np.flatnonzero(near)
        if len(found) > 4 * (self._k + _SPARE) * len(asked.plain):
            by_query = np.ascontiguousarray(scores.T) if columns else scores
            query, row = _highest(by_query, self._k + _SPARE)
            usable = by_query[query, row] > -np.inf
        else:
            query, row = np.divmod(found, scores.shape[1])
            usable = scores.ravel()[found] > -np.inf
            query, row = (row, query) if columns else (query, row)
        query, row = query[usable], row[usable]
        if len(query):
            halves = self._form.distances(asked, other, query, row)
            waiting = self._waiting.setdefault(asked.start, [])
            waiting.append((query + asked.start, row + other.start, halves))
            # To sort a few at a time takes longer than to look at some more.
            if 2 * sum(len(one[0]) for one in waiting) >= self._k * len(asked.plain):
                self._sort(asked.start)

    def _sort(self, start: int) -> None:
        if waiting := self._waiting.pop(start, None):
            query, row, halves = (np.concatenate(parts) for parts in zip(*waiting, strict=True))
            self._merge(query, row, halves)

    def _merge(self, query: Integers, row: Integers, halves: Doubles) -> None:
        k, queries = self._k, np.unique(query)
        who = np.concatenate([np.repeat(queries, k), query])
        indices = np.concatenate([self._indices[queries].ravel(), row])
        distances = np.concatenate([self._halves[queries].ravel(), halves])
        order = np.lexsort((indices, distances, who))
        # Each query has at least its k of before, so the first of each lie at known places.
        starts = np.searchsorted(who[order], queries)
        first = order[starts[:, None] + np.arange(k)]
        self._indices[queries], self._halves[queries] = indices[first], distances[first]

    def neighbors(self) -> Neighbors:
        for start in list(self._waiting):
            self._sort(start)
        return Neighbors(self._indices, self._form.shown(self._halves))


def _highest(scores: FloatArray, m: int) -> tuple[Integers, Integers]:
    """Return the places of the m highest scores of each row; of ties those with the least index."""
    width = scores.shape[1]
    if m >= width:
        places = np.arange(scores.size)
        return places // width, places % width
    least = np.partition(scores, width - m, axis=1)[:, width - m, None]
    above, equal = scores > least, scores == least
    left = m - above.sum(axis=1, keepdims=True)
    above |= equal & (np.cumsum(equal, axis=1) <= left)
    query, row = np.nonzero(above)
    return query, row

"""The nearest of kept rows for each query: exact, a shard at a time where there are many."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from featx.embedding.neighbors import Neighbors, nearest_in_blocks
from featx.embedding.row_products import Metric
from featx.embedding.rows import Rows, check_rows
from featx.errors import BadOption, BadTable, FeatxWarning
from featx.inputs.comparing import RowSpace
from featx.storage.address import to_path
from featx.tables import is_shard_folder, read_rows
from featx.tables.shard_facts import index_of_shards
from featx.tables.shards import read_shards

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath, RemotePath

__all__ = ["SimilarRow", "find_similar"]

# The most rows that are found, of all queries together.
_MOST = 20_000_000


@dataclass(frozen=True, slots=True)
class SimilarRow:
    """A row that is among the nearest to a query.

    Attributes
    ----------
    query : str
        The id of the query.
    rank : int
        1 is the nearest.
    id : str
    label : str or None
    distance : float
        One less the cosine, or Euclidean.

    Examples
    --------
    >>> SimilarRow("a.jpg", 1, "b.jpg", None, 0.25).to_dict()
    {'query': 'a.jpg', 'rank': 1, 'id': 'b.jpg', 'label': None, 'distance': 0.25}
    """

    query: str
    rank: int
    id: str
    label: str | None
    distance: float

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON values; the distance has six digits."""
        return asdict(self) | {"distance": round(self.distance, 6)}


def find_similar(
    rows: Rows | str | os.PathLike[str] | RemotePath,
    queries: Rows,
    k: int = 10,
    *,
    metric: Metric = "cosine",
    space: RowSpace | None = None,
) -> list[SimilarRow]:
    """Return the k nearest rows of each query, the nearest first.

    Parameters
    ----------
    rows : Rows, or path
        A table that ``write_rows`` or ``featx extract`` wrote, or a folder of shards, of which one at a time is
        in memory.
    queries : Rows
        Made by the same backbone. A query whose id and row are among ``rows`` is not its own neighbour.
    k : int, 1 or more, default=10
    metric : {"cosine", "euclidean"}, default="cosine"
    space : RowSpace or None
        The space in which rows of several inputs are compared, where ``metric`` is "euclidean"; None: as they
        are.

    Raises
    ------
    BadTable
        The table cannot be read, or its rows are of another backbone or width than the queries.
    BadOption
        ``k`` or ``metric`` is something else.

    Examples
    --------
    >>> rows = Rows(("a", "b", "c"), ("x", "x", "y"), np.eye(3, dtype=np.float32) + 0.1, "")
    >>> [found.id for found in find_similar(rows, rows.slice(0, 1), 1)]
    ['b']
    """
    check_rows("queries", queries)
    place_in = np.asarray if space is None else space.apply
    ids: list[str] = []
    labels: list[str | None] = []
    own = np.full(len(queries), -1, np.intp)
    place = {name: number for number, name in enumerate(queries.ids)}

    table, n_rows = _opened(rows)
    k = _check_k(k, n_rows, len(queries))

    def blocks() -> Iterator[tuple[int, npt.NDArray[Any]]]:
        for block in [table] if isinstance(table, Rows) else read_shards(table):
            _check(block, queries, rows)
            start = len(ids)
            ids.extend(block.ids)
            labels.extend(block.labels)
            for offset, name in enumerate(block.ids):
                query = place.get(name)
                if query is not None and np.array_equal(
                    block.embeddings[offset], queries.embeddings[query]
                ):
                    own[query] = start + offset
            yield start, place_in(block.embeddings)

    if not n_rows:
        warnings.warn("rows: hold no row, so that nothing is similar", FeatxWarning, stacklevel=2)
    found = nearest_in_blocks(place_in(queries.embeddings), blocks(), k, metric=metric, own=own)
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        warnings.warn(
            f"rows: the id {twice!r:.200} is there twice or more; which of them is near, nobody can tell by it",
            FeatxWarning,
            stacklevel=2,
        )
    return list(_listed(found, queries.ids, ids, labels))


def _opened(rows: Rows | str | os.PathLike[str] | RemotePath) -> tuple[Rows | AnyPath, int]:
    """Return rows, or the folder of their shards, and how many they are."""
    if isinstance(rows, Rows):
        return rows, len(rows)
    path = to_path(rows)
    if is_shard_folder(path):
        return path, index_of_shards(path)["rows"]
    table = read_rows(path)
    return table, len(table)


def _check_k(k: int, n_rows: int, n_queries: int) -> int:
    """Return how many rows a query can have; raise BadOption where all together are too many to be held."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise BadOption(f"k = {k!r:.60}: expected a whole number, 1 or more")
    if min(k, n_rows) * n_queries > _MOST:
        raise BadOption(
            f"k = {k}: makes {min(k, n_rows) * n_queries:,} rows of {n_queries:,} queries, expected at most "
            f"{_MOST:,}; ask for k = {max(1, _MOST // n_queries)}, or of fewer queries at a time"
        )
    return max(1, min(k, n_rows))


def _check(block: Rows, queries: Rows, source: Any) -> None:
    name = "rows" if isinstance(source, Rows) else str(source)
    if block.fingerprint != queries.fingerprint or block.dim != queries.dim:
        raise BadTable(
            f"{name}: made by another backbone ({block.fingerprint[:12] or 'none'}, {block.dim} columns) "
            f"than the queries ({queries.fingerprint[:12] or 'none'}, {queries.dim}); name the one that made "
            "the rows, with what was changed of it"
        )


def _listed(
    found: Neighbors, names: tuple[str, ...], ids: list[str], labels: list[str | None]
) -> Iterator[SimilarRow]:
    for name, indices, distances in zip(names, found.indices, found.distances, strict=True):
        for rank, (index, distance) in enumerate(zip(indices, distances, strict=True), 1):
            if index >= 0:
                yield SimilarRow(name, rank, ids[index], labels[index], float(distance))

"""Rows: embeddings with the ids and labels of their samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from featx._typing import FloatArray
from featx.errors import BadSample, BadTable, MissingInput

__all__ = ["Reject", "Rows", "Written", "check_block", "check_rows"]


@dataclass(frozen=True, slots=True)
class Reject:
    """A sample that could not be read, and why.

    Attributes
    ----------
    id, reason : str
    lacks_input : bool, default=False
        Whether it is refused because it has no value of an input, not because of one that it has. It is not
        kept where rejects are written.

    Examples
    --------
    >>> from featx import Backbone, Engine, make_samples
    >>> engine = Engine(on_error="skip")
    >>> engine.embed(make_samples([b"no picture"]), Backbone("featx-image-nano")).rejects
    (Reject(id='0', reason='not an image...'),)
    """

    id: str
    reason: str
    lacks_input: bool = field(default=False, compare=False, repr=False)

    def failure(self) -> BadSample:
        """Return what to raise where nobody asked to go on without it."""
        kind = MissingInput if self.lacks_input else BadSample
        return kind(
            f"{self.id}: {self.reason}; mend or remove it, or leave such samples out with "
            "on_error='skip'"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Embeddings of samples, in their order, and the samples that have none.

    ``embeddings`` is float32 of shape (n, dim); a label is text, or None. ``fingerprint`` says
    which backbone made the rows, with all that decides their numbers; '' is for a table that does
    not say. ``columns`` has the cells of further columns of the samples by name, one a row: texts,
    numbers or truth values, those of a column of one type, or None.

    Raises
    ------
    BadTable
        The lengths or the dtype do not fit, a label is ``''``, or a text is none that UTF-8 can
        hold.

    Examples
    --------
    >>> rows = Rows(("a.jpg", "b.jpg"), ("cat", None), np.eye(2, dtype=np.float32), "")
    >>> len(rows), rows.dim
    (2, 2)
    >>> Rows.concatenate([rows, rows.slice(0, 1)]).ids
    ('a.jpg', 'b.jpg', 'a.jpg')
    """

    ids: tuple[str, ...]
    labels: tuple[str | None, ...]
    embeddings: FloatArray
    fingerprint: str
    rejects: tuple[Reject, ...] = ()
    digests: tuple[str, ...] = ()
    columns: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    # samples whose content was examined, and those that the backbone can hardly make sense of
    examined: int = 0
    doubtful: int = 0

    def __post_init__(self) -> None:
        given: object = self.embeddings
        if not isinstance(given, np.ndarray):
            found = type(given).__name__
            raise BadTable(f"rows: expected a float32 array of shape (n, dim), found a {found}")
        shape, dtype = self.embeddings.shape, self.embeddings.dtype
        if len(shape) != 2 or dtype != np.float32:
            raise BadTable(f"rows: expected float32 of shape (n, dim), found {dtype} of {shape}")
        if not len(self.ids) == len(self.labels) == shape[0]:
            raise BadTable(
                f"rows: expected one id and label a row, found {len(self.ids)} ids and "
                f"{len(self.labels)} labels for {shape[0]} rows"
            )
        for name, cells in self.columns.items():
            if len(cells) != shape[0]:
                raise BadTable(
                    f"rows: expected a cell a row, found {len(cells)} of {name!r} for {shape[0]} rows"
                )
        if "" in self.labels:
            raise BadTable("rows: found a blank label; expected text, or None for no label")
        try:
            "".join(self.ids).encode()
            "".join(label for label in self.labels if label is not None).encode()
        except UnicodeEncodeError as error:
            raise BadTable(
                f"rows: an id or label is not text that UTF-8 can hold: {error}"
            ) from error

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dim(self) -> int:
        """The number of columns of one row."""
        return int(self.embeddings.shape[1])

    @classmethod
    def concatenate(cls, blocks: Iterable[Rows]) -> Rows:
        """Return all rows and rejects of the blocks, in their order.

        Raises
        ------
        BadTable
            There is no block, or they differ in width or fingerprint.
        """
        blocks = list(blocks)
        if not blocks:
            raise BadTable("rows: expected one block or more to join, found none")
        for block in blocks:
            check_block(block, fingerprint=blocks[0].fingerprint, dim=blocks[0].dim)
        return cls(
            tuple(name for block in blocks for name in block.ids),
            tuple(label for block in blocks for label in block.labels),
            np.concatenate([block.embeddings for block in blocks]),
            blocks[0].fingerprint,
            tuple(reject for block in blocks for reject in block.rejects),
            tuple(digest for block in blocks for digest in block.digests),
            _joined(blocks),
            sum(block.examined for block in blocks),
            sum(block.doubtful for block in blocks),
        )

    def slice(self, start: int, stop: int) -> Rows:
        """Return the rows from ``start`` up to ``stop``, without the rejects."""
        at = slice(start, stop)
        columns = {name: cells[at] for name, cells in self.columns.items()}
        return Rows(
            self.ids[at], self.labels[at], self.embeddings[at], self.fingerprint, columns=columns
        )


def _joined(blocks: list[Rows]) -> dict[str, tuple[Any, ...]]:
    """Return the cells of all blocks by column; None for each row of a block that lacks the column."""
    names = dict.fromkeys(name for block in blocks for name in block.columns)
    return {
        name: tuple(
            cell for block in blocks for cell in block.columns.get(name, (None,) * len(block))
        )
        for name in names
    }


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of writing blocks of rows.

    Examples
    --------
    >>> import tempfile
    >>> from featx import write_rows
    >>> rows = Rows(("a.jpg",), (None,), np.eye(1, dtype=np.float32), "")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_rows(f"{folder}/x.npz", rows)
    Written(rows=1, rejects=())
    """

    rows: int
    rejects: tuple[Reject, ...]


def check_rows(name: str, value: object) -> None:
    """Refuse an argument that is no Rows, such as the array within them.

    Raises
    ------
    BadTable
    """
    if not isinstance(value, Rows):
        raise BadTable(
            f"{name}: expected Rows, such as Engine.embed and read_rows return, found {type(value).__name__}; "
            "Rows(ids, labels, embeddings, '') makes them of an array"
        )


def check_block(block: Rows, *, fingerprint: str, dim: int) -> None:
    """Raise BadTable where a block does not belong in a table of this width and backbone."""
    if block.dim != dim:
        raise BadTable(f"rows: expected {dim} columns, found a block of {block.dim}")
    if block.fingerprint != fingerprint:
        raise BadTable(
            f"rows: expected those of backbone {fingerprint[:12] or '(none)'}, "
            f"found a block of {block.fingerprint[:12] or '(none)'}"
        )

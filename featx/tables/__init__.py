"""Rows on disk, whole: Parquet, npz, CSV or JSON lines, by the suffix of the file.

=========== ============================================= ============================
suffix      holds                                         without a single row
=========== ============================================= ============================
.parquet    id, label, embedding; needs the extra parquet width and fingerprint are kept
.npz        ids, labels, embeddings, fingerprint          width and fingerprint are kept
.csv        id, label, fingerprint, e0, e1, …             the width is kept
.jsonl      id, label, fingerprint, embedding             an empty file
=========== ============================================= ============================

Every number comes back as it was, NaN and infinities too. The same rows give the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from featx._extras import require
from featx._lazy import lazy_attributes
from featx.embedding.rows import Reject, Rows, Written, check_block
from featx.errors import BadTable
from featx.storage.atomic import replacing

if TYPE_CHECKING:
    from featx.tables.text import json_lines as json_lines

__all__ = [
    "FORMATS",
    "Reject",
    "Rows",
    "Written",
    "check_output",
    "json_lines",
    "read_rows",
    "write_rejects",
    "write_rows",
]

FORMATS = MappingProxyType(  # where each has its ``write_`` and ``read_``
    {
        ".parquet": "featx.tables.parquet",
        ".npz": "featx.tables.npz",
        ".csv": "featx.tables.text",
        ".jsonl": "featx.tables.text",
    }
)

__getattr__ = lazy_attributes("featx.tables", {"json_lines": "featx.tables.text"})


def check_output(path: str | os.PathLike[str]) -> None:
    """Refuse what ``write_rows`` would refuse of a name, before there is anything to write.

    Raises
    ------
    BadTable
        The suffix is not one of ``FORMATS``.
    MissingExtra
        A Parquet file, and pyarrow is not installed.
    """
    path = Path(path)
    if path.suffix.lower() not in FORMATS:
        raise BadTable(f"{path}: expected a name ending in {', '.join(FORMATS)}")
    if path.suffix.lower() == ".parquet":
        require("pyarrow.parquet", extra="parquet")


def write_rows(
    path: str | os.PathLike[str], blocks: Iterable[Rows], *, fingerprint: str, dim: int
) -> Written:
    """Write a table as its blocks come; ``path`` is replaced when the last one is written, not
    before.

    Parameters
    ----------
    path : path ending in one of ``FORMATS``
    blocks : iterable of Rows
        In the order of the table; taken one by one, and only after the name has been accepted.
    fingerprint : str
        What each block must have been made by; kept in the file.
    dim : int
        Columns of each block, and of a table without any.

    Returns
    -------
    Written
        How many rows there were, and the rejects of all blocks, which a table does not hold.

    Raises
    ------
    BadTable
        The suffix is unknown, or a block is of another width or backbone.
    OutputFailed
        The folder is missing, not writable, or full.
    MissingExtra
        A Parquet file, and pyarrow is not installed.
    """
    path = Path(path)
    check_output(path)
    if dim < 1:
        raise BadTable(f"{path}: expected rows of one column or more, found {dim}")
    rejects: list[Reject] = []
    count = 0

    def checked() -> Iterator[Rows]:
        nonlocal count
        for block in blocks:
            check_block(block, fingerprint=fingerprint, dim=dim)
            rejects.extend(block.rejects)
            count += len(block)
            yield block

    write = _function("write", path)
    with replacing(path) as temporary:
        write(temporary, checked(), fingerprint=fingerprint, dim=dim)
    return Written(count, tuple(rejects))


def read_rows(path: str | os.PathLike[str]) -> Rows:
    """The table in a file, in memory.

    Raises
    ------
    BadTable
        There is no such file, its suffix is unknown, or it is damaged.
    MissingExtra
        A Parquet file, and pyarrow is not installed.
    """
    path = Path(path)
    check_output(path)
    read: Callable[[Path], Rows] = _function("read", path)
    try:
        return read(path)
    except OSError as error:
        raise BadTable(
            f"{path}: cannot be read: {(error.strerror or str(error)).lower()}"
        ) from error


def write_rejects(path: str | os.PathLike[str], rejects: Iterable[Reject]) -> None:
    """Write a CSV of id and reason; with no rejects, its header alone.

    So whoever asked for rejects finds a file, and never the one of an earlier run.

    Raises
    ------
    OutputFailed
        The folder is missing, not writable, or full.
    """
    from featx.tables.text import write_rejects_csv

    with replacing(Path(path)) as temporary:
        write_rejects_csv(temporary, rejects)


def _function(what: str, path: Path) -> Callable[..., Any]:
    suffix = path.suffix.lower()
    found: Callable[..., Any] = getattr(import_module(FORMATS[suffix]), f"{what}_{suffix[1:]}")
    return found

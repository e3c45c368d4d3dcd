"""Rows on disk, whole: Parquet, npz, CSV or JSON lines, by the suffix of the file.

=========== ============================================= ============================
suffix      holds                                         without a single row
=========== ============================================= ============================
.parquet    id, label, embedding; needs the extra parquet width and fingerprint are kept
.npz        ids, labels, embeddings, fingerprint          width and fingerprint are kept
.csv        id, label, fingerprint, e0, e1, …             the width is kept
.jsonl      id, label, fingerprint, embedding             an empty file
=========== ============================================= ============================

A folder of Parquet files, its shards, is a table as well; see ``shards``.

Every number comes back as it was, NaN and infinities too; written as float16 (``.parquet`` alone), to three
significant digits. The same rows give the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from featx._lazy import lazy_attributes
from featx.embedding.rows import Reject, Rows, Written
from featx.errors import BadTable
from featx.storage.address import to_path
from featx.storage.atomic import replacing
from featx.storage.blob import Blob, describe_os_error
from featx.tables.writer import FORMATS, RowWriter, TableWriter, check_output, write_rows

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath, RemotePath
    from featx.tables.jsonl import json_lines as json_lines
    from featx.tables.shards import merge_shards as merge_shards
    from featx.tables.shards import read_shards as read_shards

__all__ = [
    "FORMATS",
    "Reject",
    "RowWriter",
    "Rows",
    "TableWriter",
    "Written",
    "check_output",
    "is_shard_folder",
    "json_lines",
    "merge_shards",
    "read_rows",
    "read_shards",
    "write_rejects",
    "write_rows",
]

_SHARDS = "featx.tables.shards"
__getattr__ = lazy_attributes(
    "featx.tables",
    {
        "json_lines": "featx.tables.jsonl",
        "merge_shards": _SHARDS,
        "read_shards": _SHARDS,
    },
)


def read_rows(path: str | os.PathLike[str] | RemotePath) -> Rows:
    """Return the table in a file, or in a folder of shards, in memory.

    Raises
    ------
    BadTable
        There is no such file, its suffix is unknown, or it is damaged; or a folder is not whole.
    MissingExtra
        A Parquet file, and pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> rows = Rows(("a.jpg",), ("cat",), np.eye(1, dtype=np.float32), "")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = write_rows(f"{folder}/x.csv", rows)
    ...     read_rows(f"{folder}/x.csv").labels
    ('cat',)
    """
    path = to_path(path)
    if is_shard_folder(path):
        from featx.tables.shards import read_shards

        return Rows.concatenate(read_shards(path))
    check_output(path)
    if not isinstance(path, Path):
        return _read_remote(path)
    entry = FORMATS[path.suffix.lower()]
    read: Callable[[Path], Rows] = entry.load(entry.reader)
    try:
        # It refuses a pipe, which would be waited for.
        _ = Blob.of_path(path).size
        return read(path)
    except OSError as error:
        raise BadTable(
            f"{path}: cannot be read: {(error.strerror or str(error)).lower()}"
        ) from error


def is_shard_folder(path: AnyPath) -> bool:
    """Return whether a table is a folder of shards; of an address its name tells."""
    return path.is_dir() if isinstance(path, Path) else path.suffix not in FORMATS


def _read_remote(path: RemotePath) -> Rows:
    from featx.storage.remote_output import local_copy

    try:
        with local_copy(path.check_readable()) as copy:
            try:
                return read_rows(copy)
            except BadTable as error:
                raise BadTable(str(error).replace(str(copy), str(path))) from error
    except OSError as error:
        raise BadTable(f"{path}: cannot be read: {describe_os_error(error)}") from error


def write_rejects(path: str | os.PathLike[str] | RemotePath, rejects: Iterable[Reject]) -> None:
    """Write a CSV of id and reason; with no rejects, its header alone.

    Whoever asked for rejects thus finds a file, and never the one of an earlier run.

    Raises
    ------
    OutputFailed
        The folder is missing, not writable, or full.
    """
    from featx.tables.csv import write_rejects_csv

    with replacing(to_path(path)) as temporary:
        write_rejects_csv(temporary, rejects)

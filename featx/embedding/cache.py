"""The cache: rows that were made before, found by what the sample is and what the backbone is.

The cache may only make things faster: whatever becomes of its file, the answers are those that
there would be without it.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from featx._typing import FloatArray
from featx.embedding.cache_database import Database, pragma, transaction
from featx.storage.dirs import cache_dir

__all__ = ["CacheInfo", "RowCache", "row_key"]


_VERSION = 1
_SCHEMA = (
    "CREATE TABLE rows (key BLOB PRIMARY KEY, value BLOB NOT NULL, checksum INTEGER NOT NULL)",
)
_PUT = "INSERT OR REPLACE INTO rows (key, value, checksum) VALUES (?, ?, ?)"
# Keys of one query.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """Where a cache is, and how much it holds."""

    path: Path
    rows: int
    # The size of the file, and of the log beside it.
    bytes: int


def row_key(fingerprint: str, digest: bytes) -> bytes:
    """Return 32 bytes that stand for a row: the backbone's fingerprint and the digest of the content.

    >>> len(row_key("ab" * 32, b"what identifies the content"))
    32
    """
    return hashlib.sha256(fingerprint.encode() + b"\0" + digest).digest()


class RowCache:
    """Rows by key, for all threads of a process and for several processes; safe under fork.

    A damaged file is set aside, and one that cannot be used is ignored: both with a FeatxWarning,
    never an error.

    Parameters
    ----------
    path : path, optional
        An SQLite file, made with its folders at the first use; default ``rows.sqlite`` in
        ``cache_dir()``.
    max_bytes : int, optional
        The limit of content: when it grows beyond, the rows that came first go. Default: no limit.
    timeout : float
        Seconds to wait for another process that is writing.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        max_bytes: int | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.path = cache_dir() / "rows.sqlite" if path is None else Path(path)
        self.max_bytes = max_bytes
        self.timeout = timeout
        self._database = Database(self.path, _SCHEMA, _VERSION, timeout)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.path, self.max_bytes, self.timeout)

    def get(self, keys: Sequence[bytes], *, dim: int | None = None) -> list[FloatArray | None]:
        """Return the row of each key, float32 of shape (dim,), or None where there is none.

        A row that is not whole, or not of ``dim`` columns where that is given, is none.
        """

        def work(connection: sqlite3.Connection) -> dict[bytes, FloatArray]:
            rows: dict[bytes, FloatArray] = {}
            for start in range(0, len(keys), _BATCH):
                batch = keys[start : start + _BATCH]
                marks = ",".join("?" * len(batch))
                query = f"SELECT key, value, checksum FROM rows WHERE key IN ({marks})"
                for key, value, checksum in connection.execute(query, batch):
                    row = _row(key, value, checksum)
                    if row is not None and dim in (None, row.size):
                        rows[key] = row
            return rows

        rows = self._database.run(work) if keys else None
        return [rows.get(key) for key in keys] if rows else [None] * len(keys)

    def put(self, items: Iterable[tuple[bytes, FloatArray]]) -> None:
        """Keep rows under their keys: all of them, or none should the process die meanwhile."""
        records = []
        for key, row in items:
            value = np.asarray(row, "<f4").tobytes()
            records.append((key, value, _checksum(key, value)))

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                connection.executemany(_PUT, records)
                if self.max_bytes is not None:
                    _make_room(connection, self.max_bytes)

        if records:
            self._database.run(work)

    def info(self) -> CacheInfo:
        """Return how much the cache holds; a file that is not there yet is not made."""
        if not self.path.exists():
            return CacheInfo(self.path, 0, 0)
        count = self._database.run(_count)
        sizes = [path.stat().st_size for path in self._database.files if path.exists()]
        return CacheInfo(self.path, count or 0, sum(sizes))

    def clear(self) -> None:
        """Forget every row, and give the room back to the disk unless someone else is reading."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM rows")
            with suppress(sqlite3.OperationalError):
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

        if self.path.exists():
            self._database.run(work)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._database.close()


def _rebuild(path: Path, max_bytes: int | None, timeout: float) -> RowCache:
    return RowCache(path, max_bytes=max_bytes, timeout=timeout)


def _checksum(key: bytes, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(key))


def _row(key: object, value: object, checksum: object) -> FloatArray | None:
    """Return the row that was put, or None if these are not the bytes of one."""
    if not isinstance(key, bytes) or not isinstance(value, bytes) or len(value) % 4:
        return None
    if _checksum(key, value) != checksum:
        return None
    return np.frombuffer(value, "<f4").astype(np.float32)


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM rows").fetchone()[0])


def _make_room(connection: sqlite3.Connection, limit: int) -> None:
    """Drop the rows that came first until a tenth of the limit is free."""
    names = ("page_count", "freelist_count", "page_size")
    pages, free, size = (pragma(connection, name) for name in names)
    used = (pages - free) * size
    if used > limit:
        share = 1 - 0.9 * limit / used
        oldest = "SELECT rowid FROM rows ORDER BY rowid LIMIT ?"
        connection.execute(
            f"DELETE FROM rows WHERE rowid IN ({oldest})", (round(share * _count(connection)),)
        )

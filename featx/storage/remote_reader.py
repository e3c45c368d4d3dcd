"""Objects as files that can seek: small ones whole, large ones by blocks that are read ahead and shared.

Whoever reads a large object from its start to its end waits for the first block alone. Blocks are kept for a
while, so that members of a tar, which are read one by one and about in their order, cost a request a block.
"""

from __future__ import annotations

import errno
import io
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from typing import IO, Any

from featx.storage.remote import RemotePath, Version

__all__ = ["SMALL", "fetch", "open_remote", "read_range", "read_whole"]

# Bytes of an object that is read at once, of a block of a larger one, and of the first look at one.
SMALL = 8 << 20
_BLOCK = 4 << 20
_GLANCE = 1 << 16
# How many blocks are read ahead, and how many are kept in all.
_AHEAD = 4
_KEPT = 32
_THREADS = 8


def open_remote(path: RemotePath) -> IO[bytes]:
    """Return a file object at the first byte; nothing is read yet but the version, where it is not known."""
    pinned = path.pinned()
    return io.BufferedReader(_RemoteFile(pinned), 1 << 16)


def fetch(
    path: RemotePath, limit: int, is_wanted: Callable[[], bool] = lambda: True
) -> tuple[bytes | None, Version]:
    """Return an object of at most ``limit`` bytes at one request, or None of a larger one; and its version."""
    if path.version and path.version.size > limit:
        return None, path.version
    end = path.version.size if path.version else limit
    content, version = read_range(path, 0, end, is_wanted)
    return (content if version.size == len(content) else None), version


def read_whole(path: RemotePath, limit: int | None) -> bytes:
    """Return all bytes of an object, a small one at one request; one of more than ``limit`` is not read."""
    content, version = fetch(path, SMALL)
    if limit is not None and version.size > limit:
        raise OSError(errno.EFBIG, f"{version.size:,} bytes, expected at most {limit:,}")
    if content is None:
        with open_remote(replace(path, version=version)) as file:
            content = file.read()
    return content


def read_range(
    path: RemotePath, start: int, end: int, is_wanted: Callable[[], bool] = lambda: True
) -> tuple[bytes, Version]:
    """Return bytes of an object and its version; raise OSError where it is not the one of ``path``."""
    from featx.storage.remote_store import retrying, store_of

    store = store_of(path.scheme)
    # A byte more shows an object that has grown, where its store has no tags.
    return retrying(lambda: store.read(path, start, end, path.version), is_wanted)


class _RemoteFile(io.RawIOBase):
    """A large or small object as a file."""

    def __init__(self, path: RemotePath) -> None:
        assert path.version is not None
        self._path = path
        self._size = path.version.size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        content = self._take(min(len(view), self._size - self._position))
        view[: len(content)] = content
        return len(content)

    def readall(self) -> bytes:
        parts = []
        while self._position < self._size:
            parts.append(self._take(self._size - self._position))
        return b"".join(parts)

    def _take(self, wanted: int) -> bytes:
        """Return at least one of the bytes from the position on, and at most ``wanted``."""
        if wanted <= 0:
            return b""
        start = self._position
        if start == 0 and (wanted <= _GLANCE or wanted == self._size <= SMALL):
            content, _ = read_range(self._path, 0, wanted)
        else:
            number, within = divmod(start, _BLOCK)
            content = _blocks().get(self._path, number)[within : within + wanted]
        self._position += len(content)
        return content


@dataclass(slots=True)
class _Blocks:
    """The blocks of large objects that were read last, and those that are being read."""

    pool: ThreadPoolExecutor
    futures: OrderedDict[tuple[RemotePath, int], Future[bytes]] = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, path: RemotePath, number: int) -> bytes:
        """Return a block, and begin to read those after it where the one before was read."""
        with self.lock:
            ahead = _AHEAD if number == 0 or (path, number - 1) in self.futures else 0
            future = self._begin(path, number)
            for further in range(number + 1, number + 1 + ahead):
                self._begin(path, further)
            while len(self.futures) > _KEPT:
                self.futures.popitem(last=False)
        try:
            return future.result()
        except BaseException:
            # What failed once may be asked for again.
            with self.lock:
                if self.futures.get((path, number)) is future:
                    del self.futures[path, number]
            raise

    def _begin(self, path: RemotePath, number: int) -> Future[bytes]:
        assert path.version is not None
        start = number * _BLOCK
        future = self.futures.get((path, number))
        if future is None:
            end = min(start + _BLOCK, path.version.size)
            if start >= end:
                return _nothing()
            future = self.pool.submit(lambda: read_range(path, start, end)[0])
            self.futures[path, number] = future
        self.futures.move_to_end((path, number))
        return future


def _nothing() -> Future[bytes]:
    future = Future[bytes]()
    future.set_result(b"")
    return future


@cache
def _blocks() -> _Blocks:
    return _Blocks(ThreadPoolExecutor(_THREADS, thread_name_prefix="remote-blocks"))

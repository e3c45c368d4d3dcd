"""Remote samples whose content is fetched before it is asked for, so that nobody waits for a store.

Objects are fetched in threads, in the order of the samples. The number of objects that are fetched or held, and
their bytes, are bounded; whoever wants one that was not begun fetches it himself, so nothing waits for room.
"""

from __future__ import annotations

import io
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import IO, Any

from featx.sources.record import Record
from featx.sources.sample import Sample
from featx.sources.segment import Segment
from featx.storage.blob import Blob
from featx.storage.remote import RemoteLocation, RemotePath
from featx.storage.remote_reader import SMALL, fetch

__all__ = ["fetching"]

# Objects that are begun ahead of the samples that were given, bytes of those that are fetched or held, and
# threads: with 50 ms a request, 64 threads fetch a thousand objects a second.
_OBJECTS = 256
_BYTES = 256 << 20
_THREADS = 64
# Bytes that an object of unknown size is taken for.
_GUESS = 1 << 20


def fetching(samples: Iterator[Sample]) -> Iterator[Sample]:
    """Give the samples in their order; the content of remote ones is fetched ahead."""
    return _Fetcher(samples).samples()


class _Fetcher:
    """A fetcher of the content of samples."""

    def __init__(self, samples: Iterator[Sample]) -> None:
        self._samples = samples
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="remote-fetch")
        self._lock = threading.Lock()
        self._waiting: deque[_Fetched] = deque()
        # Objects that are fetched or held, and their bytes.
        self._objects = self._bytes = 0
        # Whether all samples are given, and whether those that are left will never be.
        self._ended = self._left = False

    def samples(self) -> Iterator[Sample]:
        """Give the samples; the content of remote ones is on its way."""
        ahead: deque[Sample] = deque()
        try:
            while True:
                while len(ahead) < _OBJECTS and (sample := next(self._samples, None)) is not None:
                    ahead.append(self._added(sample))
                self._begin()
                if not ahead:
                    self._ended = True
                    self._end_if_done()
                    return
                yield ahead.popleft()
        except BaseException:
            # Nobody takes samples any more.
            self._left = True
            self._pool.shutdown(wait=False, cancel_futures=True)
            raise

    def _added(self, sample: Sample) -> Sample:
        """Return the sample with contents that are on their way."""
        return replace(sample, data=self._near(sample.data)) if sample.is_remote else sample

    def _near(self, data: Any) -> Any:
        if isinstance(data, Segment):
            return replace(data, data=self._near(data.data))
        if isinstance(data, Record):
            return Record({name: self._near(value) for name, value in data.items()})
        if isinstance(data, tuple):
            return tuple(map(self._near, data))
        if not (isinstance(data, Blob) and isinstance(data.location, RemotePath)):
            return data
        fetched = _Fetched(data.location, self)
        with self._lock:
            self._waiting.append(fetched)
        return Blob(data.name, fetched)

    def _begin(self) -> None:
        """Begin to fetch those that wait, as many as there is room for."""
        with self._lock:
            while self._waiting and self._objects < _OBJECTS and self._bytes < _BYTES:
                fetched = self._waiting.popleft()
                if fetched.begun:
                    continue
                fetched.begun = True
                fetched.held = fetched.expected
                self._objects += 1
                self._bytes += fetched.held
                try:
                    fetched.future = self._pool.submit(self._fetch, fetched)
                except RuntimeError:
                    # The threads have ended: who wants it reads it himself.
                    self._objects -= 1
                    self._bytes -= fetched.held
                    fetched.begun = False
                    return

    def _fetch(self, fetched: _Fetched) -> bytes | None:
        content, version = fetch(fetched.origin, SMALL, lambda: not self._left)
        fetched.origin = replace(fetched.origin, version=version)
        with self._lock:
            size = len(content or b"")
            self._bytes += size - fetched.held
            fetched.held = size
        return content

    def take(self, fetched: _Fetched) -> bytes | None:
        """Return content that was fetched, once; None where it was not, or is too large."""
        with self._lock:
            begun, fetched.begun = fetched.begun, True
            future, fetched.future = fetched.future, None
        if not begun or future is None:
            return None
        try:
            return future.result()
        except CancelledError:
            return None
        finally:
            with self._lock:
                self._objects -= 1
                self._bytes -= fetched.held
            self._begin()
            self._end_if_done()

    def _end_if_done(self) -> None:
        """End the threads once the last sample is given and read."""
        if self._ended and self._objects == 0:
            self._pool.shutdown(wait=False)


@dataclass(slots=True, eq=False)
class _Fetched(RemoteLocation):
    """The location of an object whose content may be here already; it is given once, and then read anew."""

    origin: RemotePath
    fetcher: _Fetcher = field(repr=False)
    begun: bool = field(default=False, repr=False)
    held: int = field(default=0, repr=False)
    future: Future[bytes | None] | None = field(default=None, repr=False)

    @property
    def expected(self) -> int:
        """The bytes that it will take, as far as is known."""
        version = self.origin.version
        return _GUESS if version is None else version.size if version.size <= SMALL else 0

    def size(self) -> int:
        return self.origin.size()

    def open(self) -> IO[bytes]:
        return io.BytesIO(content) if (content := self._taken()) is not None else self.origin.open()

    def read(self, limit: int | None) -> bytes:
        content = self._taken()
        return self.origin.read(limit) if content is None else content

    def _taken(self) -> bytes | None:
        return self.fetcher.take(self)

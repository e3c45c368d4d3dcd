"""The access log: one JSON line a record, written by its own thread so that a slow reader delays no request."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Event, Thread
from typing import Any

__all__ = ["AccessLog", "LogFunction"]

LogFunction = Callable[[Mapping[str, Any]], None]

# Seconds in which lines are gathered: waking a thread costs more than writing a line.
_GATHER_SECONDS = 0.05
# Seconds that closing waits for the last lines.
_CLOSE_SECONDS = 1.0
# A minute of a busy server.
_MAX_LINES = 10_000
_LINES_PER_WRITE = 64


class AccessLog:
    """Write records to a file descriptor, in order; where its reader is too slow, drop and count them.

    Parameters
    ----------
    descriptor : int
        Where lines go; nothing else may buffer it.
    lines : int, default=10000
        How many may wait to be written; records beyond that are dropped.

    Attributes
    ----------
    dropped : int
        Records that were never written.
    """

    def __init__(self, descriptor: int, *, lines: int = _MAX_LINES) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._max_lines = lines
        self._waiting: deque[Mapping[str, Any]] = deque()
        self._has_lines, self._closing = Event(), Event()
        self._writer = Thread(target=self._write_lines, name="access_log", daemon=True)
        self._writer.start()

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Take a record and return at once."""
        if len(self._waiting) >= self._max_lines:
            self.dropped += 1
            return
        self._waiting.append(record)
        if not self._has_lines.is_set():
            self._has_lines.set()

    def close(self) -> None:
        """Wait until all records are written, but a second at most: a reader may never come back."""
        self._closing.set()
        self._has_lines.set()
        self._writer.join(_CLOSE_SECONDS)

    def _write_lines(self) -> None:
        closing = False
        while not closing:
            self._has_lines.wait()
            closing = self._closing.wait(_GATHER_SECONDS)
            # Cleared before the queue is read: a record that comes later sets it again.
            self._has_lines.clear()
            while records := [
                self._waiting[k] for k in range(min(_LINES_PER_WRITE, len(self._waiting)))
            ]:
                self._write(b"".join(map(self._encode, records)))
                # Removed only now: a record counts against the limit until it is written.
                for _ in records:
                    self._waiting.popleft()

    def _encode(self, record: Mapping[str, Any]) -> bytes:
        """Return the line of a record; one that cannot be written must not end the thread that writes all."""
        try:
            return json.dumps(record, default=str).encode("ascii") + b"\n"
        except (TypeError, ValueError, RecursionError):
            self.dropped += 1
            return b""

    def _write(self, data: bytes) -> None:
        """Write past Python's own buffers: a blocked write must not hold a lock of the interpreter."""
        # An OSError means that nobody reads any more.
        with suppress(OSError):
            while data:
                data = data[os.write(self._descriptor, data) :]

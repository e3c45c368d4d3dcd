"""The log: one JSON line a record, written by a thread of its own, so that who reads it can hold up nothing."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from threading import Event, Thread
from typing import Any

__all__ = ["AccessLog"]

_GATHER = 0.05  # seconds in which lines come together: to wake a thread costs more than a line
_PATIENCE = 1.0  # seconds that the last lines are waited for
_LINES = 10_000  # a minute of a busy server
_AT_ONCE = 64  # lines a write


class AccessLog:
    """Writes records to a file descriptor, in order; where its reader does not keep up, drops and counts.

    Parameters
    ----------
    descriptor : int
        Where lines go; nothing else may buffer it.
    lines : int, default=10000
        That may wait; a record more is dropped.

    Attributes
    ----------
    dropped : int
        Records that were never written.
    """

    def __init__(self, descriptor: int, *, lines: int = _LINES) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._room = lines
        self._waiting: deque[Mapping[str, Any]] = deque()
        self._some, self._ending = Event(), Event()
        self._writer = Thread(target=self._write_on, name="journal", daemon=True)
        self._writer.start()

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Take a record; returns at once."""
        if len(self._waiting) >= self._room:
            self.dropped += 1
            return
        self._waiting.append(record)
        if not self._some.is_set():
            self._some.set()

    def close(self) -> None:
        """Wait until what was taken is written, a second at most: a reader may never come back."""
        self._ending.set()
        self._some.set()
        self._writer.join(_PATIENCE)

    def _write_on(self) -> None:
        ended = False
        while not ended:
            self._some.wait()
            ended = self._ending.wait(_GATHER)
            self._some.clear()  # before the look: what comes after it sets it again
            while taken := [self._waiting[k] for k in range(min(_AT_ONCE, len(self._waiting)))]:
                self._write(b"".join(json.dumps(each).encode("ascii") + b"\n" for each in taken))
                for _ in taken:  # not sooner: what is not written yet takes its room
                    self._waiting.popleft()

    def _write(self, rest: bytes) -> None:
        """Past Python's own buffers: a write that never ends must not hold a lock of the interpreter."""
        with suppress(OSError):  # nobody is there to read it
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

"""The log: one JSON line a record, written by a thread of its own, so that who reads it can hold up nothing."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue
from threading import Thread
from typing import Any, cast

__all__ = ["Journal"]

_PATIENCE = 1.0  # seconds that the last lines are waited for
_LINES = 10_000  # a minute of a busy server


class Journal:
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
        queue: Queue[Any] = Queue(lines)
        self._handler = _Dropping(queue)
        self._listener = _Listener(queue, _Lines(descriptor))
        self._listener.start()

    def __call__(self, record: Mapping[str, Any]) -> None:
        """Take a record; returns at once."""
        self._handler.handle(logging.makeLogRecord({"msg": record}))

    @property
    def dropped(self) -> int:
        """Records that were never written."""
        return self._handler.dropped

    def close(self) -> None:
        """Wait until what was taken is written, a second at most: a reader may never come back."""
        ending = Thread(target=self._listener.stop, daemon=True)
        ending.start()
        ending.join(_PATIENCE)


class _Dropping(QueueHandler):
    """Puts records into a queue as they are, and counts those that it has no room for."""

    dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except Full:
            self.dropped += 1


class _Listener(QueueListener):
    def enqueue_sentinel(self) -> None:
        with suppress(Full):
            cast(Queue[Any], self.queue).put(None, timeout=_PATIENCE)


class _Lines(logging.Handler):
    """Past Python's own buffers: a write that never ends must not hold a lock of the interpreter."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def emit(self, record: logging.LogRecord) -> None:
        rest = json.dumps(record.msg).encode("ascii") + b"\n"
        with suppress(OSError):  # nobody is there to read it
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

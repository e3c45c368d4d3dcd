"""Lines of a stream in batches, each as soon as it is full or nothing more comes for a moment."""

from __future__ import annotations

import codecs
import io
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from featx.errors import BadSource
from featx.storage.blob import describe_os_error

__all__ = ["read_batches"]

_BLOCK = 1 << 16
_LONGEST = 64 << 20
# Blocks that are read ahead of who works on them.
_AHEAD = 16
# Times the lines of a batch that the next one may have, from one line on.
_GROWTH = 4


def read_batches(
    stream: BinaryIO, most: int, wait: float, *, nul: bool, encoding: str | None = None
) -> Iterator[list[bytes]]:
    """Give the lines of a stream: up to ``most`` at a time, or what came within ``wait`` seconds of the first.

    The first batch is one line and each may have four times as many as the one before, so that the first
    answer does not wait for the work on others, however many lines there are.

    A thread of its own reads, so that a slow sender is not waited for with lines in hand. Lines end in a
    newline, or with ``nul`` in NUL where the first block has one; neither is part of a line, nor is a byte
    order mark. What is UTF-16 or UTF-32, by its mark or ``encoding``, comes as UTF-8; other bytes as they are.

    Raises
    ------
    BadSource
        The stream cannot be read, is not in that encoding, or a line has more than 64 MiB.
    """
    blocks: queue.Queue[bytes | OSError] = queue.Queue(_AHEAD)
    read = _reader(stream)
    threading.Thread(target=_fill, args=(read, blocks), name="featx-input", daemon=True).start()
    lines = _Lines(nul=nul, encoding=encoding)
    room = min(1, most)
    while not lines.ended or lines.waiting:
        if not lines.waiting:
            lines.feed(blocks.get())
            continue
        end = time.monotonic() + wait
        while len(lines.waiting) < room and not lines.ended:
            try:
                lines.feed(blocks.get(timeout=max(0.0, end - time.monotonic())))
            except queue.Empty:
                break
        yield lines.waiting[:room]
        del lines.waiting[:room]
        room = min(_GROWTH * room, most)


class _Lines:
    """Blocks of bytes, taken apart into lines."""

    def __init__(self, *, nul: bool, encoding: str | None) -> None:
        self.waiting: list[bytes] = []
        self.ended = False
        self._nul = nul
        self._encoding = encoding or ""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._separator = b""
        # The beginning of a line whose end has not come yet.
        self._pieces: list[bytes] = []

    def feed(self, block: bytes | OSError) -> None:
        """Take a block; an empty one is the end."""
        if isinstance(block, OSError):
            raise BadSource(
                f"standard input: cannot be read: {describe_os_error(block)}"
            ) from block
        self.ended = not block
        if not self._separator:
            self._decoder = self._wide(block)
        block = self._as_utf8(block)
        if not self._separator:
            block = block.removeprefix(codecs.BOM_UTF8)
            self._separator = b"\0" if self._nul and b"\0" in block else b"\n"
        if self._separator in block:
            *whole, rest = (b"".join(self._pieces) + block).split(self._separator)
            self.waiting += whole
            self._pieces = [rest] if rest else []
        else:
            self._pieces.append(block)
        if self.ended and any(self._pieces):
            self.waiting.append(b"".join(self._pieces))
            self._pieces = []
        if sum(map(len, self._pieces)) > _LONGEST:
            raise BadSource(f"standard input: a line has more than {_LONGEST >> 20} MiB")

    def _wide(self, first: bytes) -> codecs.IncrementalDecoder | None:
        """Return a decoder where characters have two bytes or four, among which a line end is not one byte."""
        wide = self._encoding if self._encoding.startswith(("utf-16", "utf-32")) else ""
        if not wide and first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            wide = "utf-16"
        return codecs.getincrementaldecoder(wide)() if wide else None

    def _as_utf8(self, block: bytes) -> bytes:
        if self._decoder is None:
            return block
        try:
            text = self._decoder.decode(block, self.ended)
        except UnicodeDecodeError as error:
            raise BadSource(f"standard input: not {error.encoding}: {error.reason}") from error
        return text.encode("utf-8", "surrogatepass")


def _reader(stream: BinaryIO) -> Callable[[], bytes]:
    """Return what gives the next bytes as soon as there are some, and none at the end."""
    try:
        number = stream.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return lambda: stream.read(_BLOCK)
    # Not through the stream's buffer: a thread that waits in it would hold up the end of the process.
    return lambda: os.read(number, _BLOCK)


def _fill(read: Callable[[], bytes], blocks: queue.Queue[bytes | OSError]) -> None:
    try:
        while block := read():
            blocks.put(block)
        blocks.put(b"")
    except OSError as error:
        blocks.put(error)

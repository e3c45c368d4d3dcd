"""The true length of a sound whose header was written before its length was known, as into a pipe."""

from __future__ import annotations

import io
import os
import struct
from typing import IO, Any

from featx.storage.wrapper import FileWrapper

__all__ = ["Mended", "mend_length"]

# chunks that are looked at before the samples
_MOST_CHUNKS = 1000
# lengths that no program knew: zero, or all ones
_UNKNOWN = (0, -1)


class Mended(FileWrapper):
    """A file with a few bytes of its header replaced.

    Parameters
    ----------
    file : binary file object
        It must be able to seek.
    position : int
        Where the bytes are replaced.
    instead : bytes
        What is read in their place.
    """

    def __init__(self, file: IO[bytes] | io.RawIOBase, position: int, instead: bytes) -> None:
        super().__init__(file)
        self._position = position
        self._instead = instead

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the position on, and return the number of bytes."""
        start = self._file.tell()
        content = bytearray(self._file.read(len(buffer)) or b"")
        for k, byte in enumerate(self._instead, self._position - start):
            if 0 <= k < len(content):
                content[k] = byte
        memoryview(buffer)[: len(content)] = content
        return len(content)


def mend_length(file: Any) -> Mended | None:
    """Return a file with its true length in the header; None where the header has one already.

    Of WAV, RF64, AU and CAF: those of other formats are read to their end anyway.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(12)
    if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] == b"WAVE":
        found = _wave(file, size, head)
    elif head[:4] == b".snd":
        found = _field(file, 8, ">I", size - int.from_bytes(head[4:8], "big"))
    elif head[:4] == b"caff":
        # the four bytes at the beginning of the data number an edit
        found = _chunk_field(file, size, 8, ">4sq", b"data")
    else:
        found = None
    file.seek(0)
    return None if found is None else Mended(file, *found)


def _wave(file: Any, size: int, head: bytes) -> tuple[int, bytes] | None:
    """Return what to replace in a WAV file, where it is, or None."""
    order = ">" if head[:4] == b"RIFX" else "<"
    if head[:4] != b"RF64":
        return _chunk_field(file, size, 12, order + "4sI", b"data")
    long = _chunk(file, size, 12, "<4sI", b"ds64")
    data = _chunk(file, size, 12, "<4sI", b"data")
    if long is None or data is None or size <= data:
        return None
    # the length of the whole, of the samples, and the number of these
    file.seek(long + 8)
    if _signed(file.read(8)) not in _UNKNOWN:
        return None
    return long, struct.pack("<QQQ", size - 8, size - data, 0)


def _chunk_field(
    file: Any, size: int, start: int, form: str, name: bytes
) -> tuple[int, bytes] | None:
    """Return the true length of a chunk, and where it belongs, where its own is unknown."""
    inside = _chunk(file, size, start, form, name)
    if inside is None or _are_chunks(file, size, inside, form):
        return None
    width = struct.calcsize(form) - 4
    return _field(file, inside - width, form[0] + form[-1], size - inside)


def _field(file: Any, position: int, form: str, length: int) -> tuple[int, bytes] | None:
    file.seek(position)
    own = file.read(struct.calcsize(form))
    if length <= 0 or _signed(own) not in _UNKNOWN:
        return None
    try:
        return position, struct.pack(form, length)
    except struct.error:
        # more than the field can hold: all ones are read to the end
        return position, b"\xff" * len(own)


def _signed(field: bytes) -> int:
    # zero and all ones are the same in either order
    return int.from_bytes(field, "big", signed=True)


def _chunk(file: Any, size: int, start: int, form: str, name: bytes) -> int | None:
    """Return where the content of a chunk begins; None where there is no such chunk."""
    position, width = start, struct.calcsize(form)
    for _ in range(_MOST_CHUNKS):
        file.seek(position)
        head = file.read(width)
        if len(head) < width:
            return None
        own, length = struct.unpack(form, head)
        if own == name:
            return position + width
        # those of WAV are filled up to an even length
        position += width + max(length, 0) + (length % 2 if width == 8 else 0)
        if position >= size:
            return None
    return None


def _are_chunks(file: Any, size: int, start: int, form: str) -> bool:
    """Return whether what follows is further chunks to the very end: the sound is empty indeed."""
    position, width = start, struct.calcsize(form)
    for _ in range(_MOST_CHUNKS):
        if position >= size:
            return position > start
        file.seek(position)
        head = file.read(width)
        if len(head) < width or not (head[:4].isascii() and head[:4].decode().isprintable()):
            return False
        length = struct.unpack(form, head)[1]
        position += width + max(length, 0) + (length % 2 if width == 8 else 0)
        if position > size + 1:
            return False
    return False

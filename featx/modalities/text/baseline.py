"""Load texts, and the rows that they give without a backbone: counts of words."""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from featx._typing import FloatArray
from featx.errors import BadSample
from featx.storage.blob import Blob, read_bytes, to_blob

__all__ = ["HashedWords", "digest_text", "load_text"]

_WORD = re.compile(r"\w+")


def load_text(data: Any, most: int | None = None) -> str:
    """Return a text itself, or the UTF-8 text of a path, a member of a tar, bytes or a file object.

    Parameters
    ----------
    most : int, default=None
        Characters above which a text is refused; None: as many as there are.

    Raises
    ------
    BadSample
        It is none of these, holds what UTF-8 cannot, or is longer than ``most``.
    """
    text = _loaded(data, most)
    if most is not None and len(text) > most:
        raise BadSample(_too_long(f"{len(text):,} characters", most))
    return text


def _loaded(data: Any, most: int | None) -> str:
    if isinstance(data, str):
        try:
            data.encode("utf-8")
        except UnicodeEncodeError as error:
            code = ord(data[error.start])
            raise BadSample(
                f"text: character {error.start + 1} is half of a surrogate pair, U+{code:04X}; "
                "expected text that UTF-8 can hold"
            ) from None
        return str(data)
    known = isinstance(data, (bytes, bytearray, memoryview, os.PathLike, Blob))
    if not known and not hasattr(data, "read"):
        raise BadSample(f"{_in_words(data)}: expected a text, a path or bytes")
    blob = to_blob(data)
    # a character has at most four bytes; nothing is read of a file that must hold more
    if most is not None and blob.size > 4 * most + 4:
        raise BadSample(_too_long(f"{blob.size:,} bytes", most))
    try:
        return read_bytes(blob).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSample(
            f"text: not UTF-8 at byte {error.start + 1:,}; save the file as UTF-8"
        ) from None


def _too_long(found: str, most: int) -> str:
    return (
        f"text: {found}: expected at most {most:,} characters; divide it, or set max_characters "
        "(max_characters=N)"
    )


def digest_text(content: str) -> bytes:
    """Return the SHA-256 of the text in UTF-8."""
    return hashlib.sha256(content.encode("utf-8")).digest()


@dataclass(frozen=True, slots=True)
class HashedWords:
    """A reader whose items are counts of words, in the columns that a checksum gives, at unit length."""

    chunk_size: ClassVar[int] = 128
    batch_size: ClassVar[int] = 128

    columns: int = 1024

    def load(self, data: Any) -> str:
        """Return the text; see ``load_text``."""
        return load_text(data)

    def digest(self, content: str) -> bytes:
        """Return what identifies the text."""
        return digest_text(content)

    def read(self, content: str) -> FloatArray:
        """Return a row of ``columns`` values; all zero for a text without words."""
        columns = (zlib.crc32(word.encode()) % self.columns for word in _words(content))
        counts = np.bincount(np.fromiter(columns, np.intp), minlength=self.columns)
        row: FloatArray = counts.astype(np.float32)
        return row / max(float(np.linalg.norm(row)), 1.0)


def _words(text: str) -> Iterator[str]:
    return (found.group() for found in _WORD.finditer(text.lower()))


def _in_words(data: Any) -> str:
    """Say what was found in place of a text."""
    if data is None:
        return "None"
    if isinstance(data, (int, float, np.number)):
        return f"the number {data}"
    return type(data).__name__

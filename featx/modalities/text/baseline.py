"""Load texts, and the rows that they give without a backbone: counts of words."""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from featx._typing import FloatArray
from featx.errors import BadSample
from featx.storage.blob import Blob, read_bytes

__all__ = ["HashedWords", "digest_text", "load_text"]

_WORD = re.compile(r"\w+")


def load_text(data: Any) -> str:
    """Return a text itself, or the UTF-8 text of a path, a member of a tar, bytes or a file object.

    Raises
    ------
    BadSample
        It is none of these, or holds what UTF-8 cannot.
    """
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
    try:
        return read_bytes(data).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadSample(
            f"text: not UTF-8 at byte {error.start + 1:,}; save the file as UTF-8"
        ) from None


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
        columns = [zlib.crc32(word.encode()) % self.columns for word in _words(content)]
        counts = np.bincount(np.array(columns, np.intp), minlength=self.columns)
        row: FloatArray = counts.astype(np.float32)
        return row / max(float(np.linalg.norm(row)), 1.0)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _in_words(data: Any) -> str:
    """Say what was found in place of a text."""
    if data is None:
        return "None"
    if isinstance(data, (int, float, np.number)):
        return f"the number {data}"
    return type(data).__name__

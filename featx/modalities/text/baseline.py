"""Texts as they come, and the rows that they give by themselves: counts of words."""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray
from featx.errors import BadSample
from featx.modalities import Batch
from featx.storage.blob import Blob, read_bytes

__all__ = ["HashedWords", "digest_text", "load_text"]

_WORD = re.compile(r"\w+")


def load_text(data: Any) -> str:
    """A text itself, or the UTF-8 text of a path, a member of a tar, bytes or a file object.

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
    """SHA-256 of the text in UTF-8."""
    return hashlib.sha256(content.encode("utf-8")).digest()


@dataclass(frozen=True, slots=True)
class HashedWords:
    """Words in lower case, counted in the columns that a checksum deals them to, at unit length."""

    chunk: ClassVar[int] = 128
    batch: ClassVar[int] = 128

    columns: int = 1024

    def load(self, data: Any) -> str:
        """The text; see ``load_text``."""
        return load_text(data)

    def digest(self, content: str) -> bytes:
        """What identifies the text."""
        return digest_text(content)

    def read(self, content: str) -> FloatArray:
        """A row of ``columns`` values; all zero for a text without words."""
        places = [zlib.crc32(word.encode()) % self.columns for word in _words(content)]
        counts = np.bincount(np.array(places, np.intp), minlength=self.columns)
        row: FloatArray = counts.astype(np.float32)
        return row / max(float(np.linalg.norm(row)), 1.0)

    def batches(self, items: Sequence[FloatArray], size: int) -> Iterator[Batch]:
        """Rows, stacked."""
        for start in range(0, len(items), size):
            rows = np.stack(items[start : start + size])
            yield Batch({"input": rows}, np.arange(start, start + len(rows)))

    def merge(self, rows: FloatArray, item_index: npt.NDArray[np.intp], n: int) -> FloatArray:
        """The rows as they are."""
        return rows


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _in_words(data: Any) -> str:
    """What was found in place of a text."""
    if data is None:
        return "None"
    if isinstance(data, (int, float, np.number)):
        return f"the number {data}"
    return type(data).__name__

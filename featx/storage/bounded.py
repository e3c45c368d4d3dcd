"""A file that gives a library no more bytes than it should need: headers are refused before they are built."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import IO

from featx.storage.wrapper import FileWrapper

__all__ = ["BoundedReader"]


class BoundedReader(FileWrapper):
    """A binary file of which no more than ``budget`` bytes are asked for between two calls of ``renew``.

    Libraries that read archives ask at once for as many bytes as a header says it has. So a header that is
    too large is refused at the request, before anything is read.

    Parameters
    ----------
    file : binary file object
        It must be able to seek, and is closed together with this one.
    budget : int
        Bytes.
    refusal : callable
        Takes what was asked for too much, in words, and returns the exception to raise.
    end : int or None, default=None
        The last position that may be sought, where that costs work, as in a compressed file.
    """

    def __init__(
        self,
        file: IO[bytes],
        budget: int,
        refusal: Callable[[str], Exception],
        end: int | None = None,
    ) -> None:
        super().__init__(file)
        self._budget = self._left = budget
        self._refusal = refusal
        self._end = end

    def renew(self) -> None:
        """Allow the whole budget again."""
        self._left = self._budget

    def lift(self) -> None:
        """Allow any number of bytes from now on: the headers were read."""
        self._left = self._budget = sys.maxsize

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position and return it; refuse one beyond the end that was set."""
        if self._end is not None and whence == os.SEEK_SET and offset > self._end:
            raise self._refusal(f"unpacks to more than {self._end:,} bytes")
        return super().seek(offset, whence)

    def read(self, size: int | None = -1) -> bytes:
        """Return at most ``size`` bytes; refuse more than is left of the budget."""
        rest = size is None or size < 0
        wanted = min(self._left, sys.maxsize - 1) + 1 if rest else int(size or 0)
        if wanted > self._left and not rest:
            raise self._too_large()
        content = self._file.read(wanted)
        self._left -= len(content) if rest else wanted
        if self._left < 0:
            raise self._too_large()
        return content

    def _too_large(self) -> Exception:
        return self._refusal(f"headers of more than {self._budget:,} bytes")

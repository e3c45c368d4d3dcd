"""A binary file around another one: the base of files that bound, mend or cut what is read from it."""

from __future__ import annotations

import io
import os
from typing import IO

__all__ = ["FileWrapper"]


class FileWrapper(io.RawIOBase):
    """A readable file that stands where the one below it stands, and is closed together with it.

    Parameters
    ----------
    file : binary file object
        It must be able to seek.
    """

    def __init__(self, file: IO[bytes] | io.RawIOBase) -> None:
        self._file = file

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in the file below."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position in the file below, and return it."""
        return self._file.seek(offset, whence)

    def close(self) -> None:
        """Close this file and the one below."""
        if not self.closed:
            self._file.close()
        super().close()

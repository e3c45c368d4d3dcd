"""One file as the only sample of a source."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from featx.errors import BadSource
from featx.sources.left_out import first_bytes
from featx.sources.sample import Sample
from featx.sources.source import (
    TABLE_SUFFIXES,
    Columns,
    Peek,
    Readable,
    count_suffixes,
    refuse_columns,
)
from featx.storage.address import blob_at, to_path
from featx.storage.blob import to_text

if TYPE_CHECKING:
    from featx.storage.remote import RemotePath

__all__ = ["SingleFile"]


class SingleFile:
    """Any file that no other source accepts."""

    def __init__(
        self, uri: str | RemotePath, columns: Columns, stdin: Iterable[bytes | str] | None
    ) -> None:
        self._path = to_path(uri)
        self._columns = columns

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether ``uri`` is there, and no folder."""
        try:
            return Path(uri).exists() and not Path(uri).is_dir()
        except (OSError, ValueError):
            return False

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return the one sample, without a label; its id is the path."""
        where = to_text(str(self._path))
        blob = blob_at(self._path)
        if blob.suffix not in readable.suffixes and not readable.recognizes(first_bytes(blob)):
            raise BadSource(
                f"{where}: expected a folder, a table ({', '.join(TABLE_SUFFIXES)}), a .tar, "
                f"or a file ending in {', '.join(sorted(readable.suffixes))}"
            )
        refuse_columns(self._columns, f"{where} is a single file and")
        return [Sample(where, blob)]

    def peek(self) -> Peek:
        """Return the suffix of the file, and the file."""
        return Peek(count_suffixes([self._path.name]), files=(blob_at(self._path),))

"""One file as the only sample of a source."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from featx.errors import BadSource
from featx.sources.sample import Sample
from featx.sources.source import (
    TABLE_SUFFIXES,
    Columns,
    Peek,
    Readable,
    count_suffixes,
    refuse_columns,
)
from featx.storage.blob import Blob, suffix_of, to_text

__all__ = ["SingleFile"]


class SingleFile:
    """Any file that no other source accepts."""

    def __init__(self, uri: str, columns: Columns, stdin: Iterable[bytes | str] | None) -> None:
        self._path = Path(uri)
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
        if suffix_of(self._path.name) not in readable.suffixes:
            raise BadSource(
                f"{where}: expected a folder, a table ({', '.join(TABLE_SUFFIXES)}), a .tar, "
                f"or a file ending in {', '.join(sorted(readable.suffixes))}"
            )
        refuse_columns(self._columns, f"{where} is a single file and")
        return [Sample(where, Blob.of_path(self._path))]

    def peek(self) -> Peek:
        """Return the suffix of the file."""
        return Peek(count_suffixes([self._path.name]))

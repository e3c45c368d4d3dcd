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


# What to do with files that many have beside those that are read.
_LINES = "write one record a line (.jsonl), with pandas frame.to_json(PATH, orient='records', lines=True)"
_PARQUET = "write it as .parquet or .csv, with pandas frame.to_parquet(PATH)"
_UNPACK = "unpack it, and give the folder or the table in it"
_OTHER_FORMATS = {
    ".json": _LINES,
    **dict.fromkeys((".xls", ".xlsx", ".ods", ".feather", ".arrow", ".arff", ".sav"), _PARQUET),
    **dict.fromkeys((".pkl", ".pickle", ".h5", ".hdf5", ".mat", ".tfrecord"), _PARQUET),
    **dict.fromkeys((".zip", ".7z", ".rar"), _UNPACK),
    **dict.fromkeys((".npy", ".npz"), "featx reads samples here, not arrays"),
}
_SHOWN = 12


def _unreadable(suffix: str, readable: Readable) -> str:
    """Return what is said of a file that is none of what is read."""
    if remedy := _OTHER_FORMATS.get(suffix):
        return f"files ending in {suffix} are not read; {remedy}"
    suffixes = sorted(readable.suffixes)
    more = f", … ({len(suffixes)} in all)" if len(suffixes) > _SHOWN else ""
    return (
        f"expected a folder, a table ({', '.join(TABLE_SUFFIXES)}), a .tar, or a file ending in "
        f"{', '.join(suffixes[:_SHOWN])}{more}"
    )


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
            raise BadSource(f"{where}: {_unreadable(blob.suffix, readable)}")
        refuse_columns(self._columns, f"{where} is a single file and")
        return [Sample(where, blob)]

    def peek(self) -> Peek:
        """Return the suffix of the file, and the file."""
        return Peek(count_suffixes([self._path.name]), files=(blob_at(self._path),))

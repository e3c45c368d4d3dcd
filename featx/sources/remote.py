"""Samples at an address: an object, a table, a tar, or whatever lies below it in a store or on a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from featx.errors import BadSource
from featx.sources.folder import Folder, Parts, is_metadata
from featx.sources.left_out import OtherFiles, first_bytes
from featx.sources.sample import Sample
from featx.sources.single_file import SingleFile
from featx.sources.source import (
    TAR_ENDINGS,
    Columns,
    Peek,
    Readable,
    Source,
    is_hidden,
    table_suffix,
)
from featx.sources.table import Table
from featx.sources.table_folder import TableFolder, holds_tables
from featx.sources.tar import Tar
from featx.sources.tars import TarFolder, holds_tars
from featx.storage.address import blob_at, is_remote
from featx.storage.blob import Blob, describe_os_error, suffix_of, to_text
from featx.storage.remote import RemotePath
from featx.storage.remote_listing import listings_kept
from featx.storage.remote_store import has_odd_names

__all__ = ["RemoteSource", "RemoteTree"]

# Objects that are looked into at a time, and at once in all, to know whether they are samples.
_LOOKERS = 16
_LOOKED = 1024


class RemoteSource:
    """The source that an address names: of a web server it is a folder where it ends with a slash."""

    def __init__(self, uri: str, columns: Columns, stdin: Iterable[bytes | str] | None) -> None:
        self._path = RemotePath(uri)
        self._columns = columns

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether ``uri`` is an address; that it is there is not looked at."""
        return is_remote(uri)

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return the samples as a folder, a table, a tar or a file of this machine would give them."""
        with listings_kept():
            return self._opened().samples(readable, split)

    def peek(self) -> Peek:
        """Return what the source seems to hold."""
        with listings_kept():
            return self._opened().peek()

    def head(self, rows: int) -> Mapping[str, Sequence[Any]]:
        """Return the first cells of each column of a table; none of what has no columns."""
        head: Callable[[int], Mapping[str, Sequence[Any]]] | None
        with listings_kept():
            head = getattr(self._opened(), "head", None)
            return {} if head is None else head(rows)

    def _opened(self) -> Source:
        path, where = self._path.check_readable(), str(self._path)
        try:
            kind: type[Table | Tar | TarFolder | SingleFile | TableFolder | Folder]
            if table_suffix(path.name):
                kind = Table
            elif path.name.lower().endswith(TAR_ENDINGS):
                kind = Tar
            elif _is_object(path):
                kind = SingleFile
            elif holds_tars(path):
                kind = TarFolder
            else:
                # A folder is asked for tables of a data set, and then for its files.
                path.list_ahead()
                kind = TableFolder if holds_tables(path) else Folder
        except OSError as error:
            raise BadSource(f"{where}: cannot be read: {describe_os_error(error)}") from error
        return kind(path, self._columns, None)


def _is_object(path: RemotePath) -> bool:
    """Return whether an address is that of an object; a web server says it with a slash."""
    if path.scheme in ("http", "https"):
        return not path.uri.partition("?")[0].endswith("/") and bool(path.key)
    return path.is_file()


@dataclass(slots=True)
class RemoteTree:
    """All objects below an address, listed once: those that are samples, tables, and what is neither.

    Objects whose names no path could have, such as ``a/../b``, are left out and counted.
    """

    root: RemotePath
    readable: Readable
    files: list[Parts] = field(default_factory=list)
    tables: set[Parts] = field(default_factory=set)
    left_out: OtherFiles = field(default_factory=OtherFiles)
    _paths: dict[Parts, RemotePath] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """List them; raise BadSource where that is refused, or there is nothing."""
        where = str(self.root)
        try:
            for path in self.root.walk():
                parts = self.root.below(path)
                if has_odd_names("/".join(parts)) or not all(parts):
                    self.left_out.add(to_text("/".join(parts)), "oddly named object")
                elif not any(map(is_hidden, parts)):
                    self._paths[parts] = path
        except OSError as error:
            raise BadSource(f"{where}: cannot be read: {describe_os_error(error)}") from error
        if not self._paths and not self.left_out.counts:
            raise BadSource(f"{where}: no such object or folder, or nothing below it")

    def subfolders(self) -> set[str]:
        """Return the names of the folders right below the address."""
        return {parts[0] for parts in self._paths if len(parts) > 1}

    def find_tables(self) -> None:
        """Add the tables right below the address."""
        self.tables |= {parts for parts in self._paths if len(parts) == 1 and is_metadata(parts[0])}

    def run(self, starts: list[Parts]) -> None:
        """Sort the objects below some folders into samples, tables and others."""
        chosen = set(starts)
        doubtful: list[Parts] = []
        for parts in self._paths:
            if () not in chosen and parts[:1] not in chosen:
                continue
            if suffix_of(parts[-1]) in self.readable.suffixes:
                self.files.append(parts)
            elif is_metadata(parts[-1]):
                self.tables.add(parts)
            else:
                doubtful.append(parts)
        for parts, head in self._heads(doubtful):
            if self.readable.recognizes(head):
                self.files.append(parts)
            else:
                self.left_out.add(to_text("/".join(parts)))

    def _heads(self, doubtful: list[Parts]) -> Iterator[tuple[Parts, bytes]]:
        """Give the first bytes of objects whose names tell nothing."""
        rest = iter(doubtful)
        with ThreadPoolExecutor(_LOOKERS, thread_name_prefix="remote-heads") as pool:
            while some := list(islice(rest, _LOOKED)):
                yield from zip(some, pool.map(first_bytes, map(self.blob, some)), strict=True)

    def blob(self, parts: Parts) -> Blob:
        """Return the content of an object."""
        return blob_at(self._paths[parts])

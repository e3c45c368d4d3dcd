"""Samples from a folder that holds a table for each split of a data set, such as ``train.csv``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from featx.errors import BadSource
from featx.sources.folder import Folder, is_folder
from featx.sources.sample import Sample
from featx.sources.source import TABLE_SUFFIXES, Columns, Peek, Readable
from featx.sources.splits import choose, split_of
from featx.sources.table import Table
from featx.storage.blob import describe_os_error, to_text

__all__ = ["TableFolder"]


class TableFolder:
    """A folder with a table named for a split; a folder of files where texts are no samples."""

    def __init__(self, uri: str, columns: Columns, stdin: Iterable[bytes | str] | None) -> None:
        self._root = Path(uri)
        self._columns = columns
        self._files = Folder(uri, columns, stdin)

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether ``uri`` is a folder with such a table."""
        try:
            return is_folder(uri) and bool(_split_tables(Path(uri)))
        except OSError:
            return False

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return the rows of the table that is meant, or of all; the table's name stands before each id."""
        if not readable.string_is_sample:
            return self._files.samples(readable, split)
        tables = self._tables()
        chosen = choose(split, tables, to_text(str(self._root))) if split else tables
        return [
            replace(sample, id=f"{to_text(path.name)}: {sample.id}")
            for name, path in tables.items()
            if name in chosen
            for sample in Table(str(path), self._columns, None).samples(readable)
        ]

    def peek(self) -> Peek:
        """Return the files of the folder and what its first table names."""
        files = self._files.peek()
        first = next(iter(self._tables().values()))
        inside = Table(str(first), self._columns, None).peek()
        return Peek(files.suffixes + inside.suffixes, inside.texts)

    def _tables(self) -> Mapping[str, Path]:
        """Return the tables by the name of their split; raise BadSource where two have the same."""
        try:
            files = _split_tables(self._root)
        except OSError as error:
            where = to_text(str(self._root))
            raise BadSource(f"{where}: cannot be read: {describe_os_error(error)}") from error
        tables: dict[str, Path] = {}
        for path in files:
            if path.stem in tables:
                both = f"{tables[path.stem].name} and {path.name}"
                raise BadSource(
                    f"{to_text(str(self._root))}: has both {both}; name the one to read"
                )
            tables[path.stem] = path
        return tables


def _split_tables(root: Path) -> list[Path]:
    return sorted(
        path
        for path in root.iterdir()
        if path.suffix.lower() in TABLE_SUFFIXES and split_of(path.stem) and path.is_file()
    )

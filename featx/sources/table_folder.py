"""Samples from a folder that holds a table, or the pieces of one, for each split, such as ``train.csv``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featx.errors import BadSource
from featx.sources.folder import Folder, is_folder
from featx.sources.left_out import OtherFiles
from featx.sources.open_table import Notes
from featx.sources.sample import Sample
from featx.sources.source import ENOUGH, Columns, Peek, Readable, is_hidden, table_suffix
from featx.sources.splits import SPLIT_NAMES, choose, split_of
from featx.sources.table import Table
from featx.storage.address import to_path
from featx.storage.blob import describe_os_error, to_text

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath, RemotePath

__all__ = ["TableFolder", "holds_tables"]

# The end of the name of a piece: its number from 0 on, and how many there are.
_PIECE = re.compile(r"-(\d{1,9})-of-(\d{1,9})")
# The name of a piece below a folder that is named for its split, and the first of them, as a hub converts
# data sets to Parquet: default/train/0000.parquet
_NUMBER = re.compile(r"\d{4,9}")
_FIRST_NUMBER = "0000.parquet"
_PARTIAL = "partial-"
# The configuration of a data set that has several, where nobody names one.
_DEFAULT = "default"
# How many pieces of a table are counted one by one.
_MOST = 1_000_000
# The folder below which hubs have the tables.
_DATA = "data"
# How many folders of a store are looked into: they may be configurations of a data set.
_FEW = 16


@dataclass(frozen=True, slots=True)
class _Piece:
    """A table, or one of several files with the rows of one.

    ``name`` is that of its split, or what stands before its number; ``number`` and ``count`` are None of a
    whole table.
    """

    path: AnyPath
    name: str
    number: int | None = None
    count: int | None = None

    @property
    def label(self) -> str:
        """The name of the file, below the folder of its split where it lies in one."""
        numbered = _NUMBER.fullmatch(self.path.stem)
        return f"{self.path.parent.name}/{self.path.name}" if numbered else self.path.name


class TableFolder:
    """A folder with tables that are named for a split, or with the numbered pieces of tables.

    The pieces may lie in folders that are named for a split, and these in one for a configuration.

    Where texts are no samples it is a folder of files, unless a table holds the contents of files.
    """

    def __init__(
        self, uri: str | RemotePath, columns: Columns, stdin: Iterable[bytes | str] | None
    ) -> None:
        self._root = to_path(uri)
        self._columns = columns
        self._files = Folder(uri, columns, stdin)

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether ``uri`` is a folder with such a table."""
        try:
            return is_folder(uri) and holds_tables(Path(uri))
        except OSError:
            return False

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return the rows of the tables that are meant, or of all; a table's name stands before each id."""
        tables = self._tables()
        if not readable.string_is_sample and not self._holds_contents(tables):
            return self._files.samples(readable, split)
        parts = {name for name in tables if split_of(name)}
        chosen = choose(split, parts, self._where) if split and parts else tables
        notes = Notes()
        samples = [
            replace(sample, id=f"{to_text(piece.label)}: {sample.id}")
            for name, pieces in tables.items()
            if name in chosen
            for piece in self._whole(name, pieces, notes)
            # Without parts among its tables a folder may still have a column of them.
            for sample in self._table(piece).read(readable, None if parts else split, notes)
        ]
        notes.warn()
        self._warn_of_others(tables, len(samples))
        return samples

    def _warn_of_others(self, tables: Mapping[str, Sequence[_Piece]], taken: int) -> None:
        """Warn of what lies beside the tables, which is not read."""
        read: set[Any] = {piece.path for pieces in tables.values() for piece in pieces}
        others = OtherFiles()
        for path in self._root.iterdir():
            if not is_hidden(path.name) and not any(one.is_relative_to(path) for one in read):
                others.add(to_text(path.name), "folder" if path.is_dir() else None)
        others.warn(self._where, taken)

    def head(self, count: int) -> Mapping[str, Sequence[Any]]:
        """Return the first cells of each column of the first table; raise BadSource."""
        [first, *_] = next(iter(self._tables().values()))
        return self._table(first).head(count)

    def peek(self) -> Peek:
        """Return the files of the folder and what its first table names, or holds."""
        files = self._files.peek()
        [first, *_] = next(iter(self._tables().values()))
        inside = self._table(first).peek()
        return replace(files, suffixes=files.suffixes + inside.suffixes, texts=inside.texts)

    @property
    def _where(self) -> str:
        return to_text(str(self._root))

    def _table(self, piece: _Piece) -> Table:
        path = piece.path if not isinstance(piece.path, Path) else str(piece.path)
        return Table(path, self._columns, None)

    def _holds_contents(self, tables: Mapping[str, list[_Piece]]) -> bool:
        [first, *_] = next(iter(tables.values()))
        return self._table(first).holds_contents()

    def _tables(self) -> Mapping[str, list[_Piece]]:
        """Return the pieces of each table by its name; raise BadSource where two tables have the same."""
        try:
            pieces = _find_pieces(self._root)
        except OSError as error:
            reason = describe_os_error(error)
            raise BadSource(f"{self._where}: cannot be read: {reason}") from error
        tables: dict[str, list[_Piece]] = {}
        for piece in pieces:
            others = tables.setdefault(piece.name, [])
            if any(other.number == piece.number for other in others) or (
                others and others[0].count != piece.count
            ):
                both = f"{others[0].path.name} and {piece.path.name}"
                raise BadSource(f"{self._where}: has both {to_text(both)}; name the one to read")
            others.append(piece)
        return tables

    def _whole(self, name: str, pieces: list[_Piece], notes: Notes) -> list[_Piece]:
        """Return the pieces in their order; note where one of them is missing."""
        numbers = {piece.number for piece in pieces}
        count = pieces[0].count or 0
        missing = count - len(numbers & set(range(count))) if count <= _MOST else count
        if missing:
            notes.add(
                "missing",
                f"{self._where}: {missing} of the {count} files of {to_text(name)} are missing; their rows "
                "are left out",
            )
        return sorted(pieces, key=lambda piece: piece.number or 0)


def holds_tables(root: AnyPath) -> bool:
    """Return whether a folder has such a table; raise OSError where it cannot be listed."""
    try:
        return bool(_find_pieces(root))
    except BadSource:
        # Which of several is meant is asked when it is read.
        return True


def _find_pieces(root: AnyPath) -> list[_Piece]:
    """Return the tables of a folder, or of its folder ``data`` where it has none, sorted by name.

    Raises
    ------
    BadSource
        It has several configurations of a data set, and none is the default.
    """
    found = _pieces_in(root) or _pieces_of_splits(root)
    if not found and (root / _DATA).is_dir():
        found = _pieces_in(root / _DATA)
    found = found or _unnamed_pieces(root)
    if found:
        return found
    named = {path.name: path for path in _sorted(root.iterdir()) if path.is_dir()}
    if not isinstance(root, Path) and len(named) > _FEW:
        # They are classes.
        named = {name: path for name, path in named.items() if name == _DEFAULT}
    configurations = {
        name: pieces for name, path in named.items() if (pieces := _pieces_of_splits(path))
    }
    if len(configurations) > 1 and _DEFAULT not in configurations:
        known = to_text(", ".join(configurations))
        raise BadSource(
            f"{to_text(str(root))}: has the tables of several configurations, {known}: name the folder of one"
        )
    return configurations.get(_DEFAULT) or next(iter(configurations.values()), [])


def _unnamed_pieces(folder: AnyPath) -> list[_Piece]:
    """Return the Parquet files of a folder that has nothing else, as programs write one table in several.

    Names that begin with an underscore are passed over, as these programs do.
    """
    visible = [path for path in folder.iterdir() if not is_hidden(path.name)]
    paths = _sorted(path for path in visible if not path.name.startswith("_"))
    if not all(path.name.lower().endswith(".parquet") and path.is_file() for path in paths):
        return []
    return [_Piece(path, "", number, len(paths)) for number, path in enumerate(paths)]


def _sorted(paths: Iterable[AnyPath]) -> list[AnyPath]:
    """Return the paths of one folder by their names."""
    return sorted(paths, key=lambda path: path.name)


def _pieces_of_splits(folder: AnyPath) -> list[_Piece]:
    """Return the numbered tables in folders of a folder that are named for a split."""
    pieces = []
    # A store is asked once, and not for each name.
    remote = not isinstance(folder, Path)
    below: set[str] = set()
    if remote:
        some: Iterable[AnyPath] = islice(folder.iterdir(), ENOUGH)
        below |= {path.name for path in some}
    for split in SPLIT_NAMES:
        for name in (split, f"{_PARTIAL}{split}"):
            if remote and name not in below:
                continue
            # Asked for first: a folder of this name may have a million files of another kind.
            if (folder / name / _FIRST_NUMBER).is_file():
                paths = _sorted((folder / name).iterdir())
                numbered = [path for path in paths if _is_numbered(path)]
                count = int(numbered[-1].stem) + 1
                pieces += [_Piece(path, split, int(path.stem), count) for path in numbered]
    return pieces


def _is_numbered(path: AnyPath) -> bool:
    return path.suffix == ".parquet" and _NUMBER.fullmatch(path.stem) is not None


def _pieces_in(folder: AnyPath) -> list[_Piece]:
    pieces = (_piece(path) for path in _sorted(folder.iterdir()))
    return [piece for piece in pieces if piece is not None and piece.path.is_file()]


def _piece(path: AnyPath) -> _Piece | None:
    """Return what the name of a file says; None where it is no table of a split, and no piece of a table."""
    suffix = table_suffix(path.name)
    if not suffix:
        return None
    stem = path.name[: path.name.lower().rindex(suffix)]
    numbered = _PIECE.search(stem)
    if numbered and numbered.end() == len(stem):
        return _Piece(path, stem[: numbered.start()], int(numbered[1]), int(numbered[2]))
    return _Piece(path, stem) if split_of(stem) else None

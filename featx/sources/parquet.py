"""Parquet as a table, also with contents of files in cells and names of classes, as Hugging Face writes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import repeat
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from featx.errors import BadSource, FeatxError, first_line
from featx.sources.file_names import Finder
from featx.sources.open_table import OpenTable
from featx.sources.parquet_cells import ParquetCell, open_parquet_file
from featx.storage.address import blob_at
from featx.storage.blob import Blob, describe_os_error, to_text

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["BINARY", "open_parquet"]

# The kind of a column of bytes without a name of the file that they were.
BINARY = "binary"

# Rows that are decoded at a time.
_ROWS = 128
# How many bytes of texts and other cells are believed in any case, and how many for each byte of a file.
_MOST_BYTES = 1 << 30
_BYTES_A_BYTE = 64
# How many rows are believed in any case, and how many for each byte of a file.
_MOST_ROWS = 1_000_000
_ROWS_A_BYTE = 8
# How deep structs are looked into, and how long the description of the features may be, in bytes.
_DEPTH = 8
_LONGEST = 1 << 24


def open_parquet(path: AnyPath, finder: Finder) -> OpenTable:
    """Return the table of a Parquet file; what is decoded at a time does not grow with it.

    A column of structs with a child ``bytes`` holds contents of files, their names in a child ``path``; it is
    named like ``image``, or ``sample.image`` within another struct. Where the schema names the classes of a
    column (Hugging Face's ClassLabel) its cells are these names, and -1 is none.

    Parameters
    ----------
    finder : Finder
        What finds files that a cell names and does not hold.

    Raises
    ------
    BadSource
        The file is no Parquet file, or a damaged one.
    MissingExtra
        pyarrow is not installed.
    """
    where = to_text(str(path))
    # Looked at first: a pipe would be waited for, and too large a file refused.
    size = blob_at(path).size
    with _refusing(where, "not a Parquet file, or a damaged one"):
        file = open_parquet_file(path)
        schema, metadata = file.schema_arrow, file.metadata
        features = _features(schema.metadata or {})
        contents = _contents(schema, features)
        names = tuple(map(str, schema.names))
    n_rows = metadata.num_rows
    if n_rows > max(_MOST_ROWS, _ROWS_A_BYTE * size):
        raise BadSource(f"{where}: damaged: says that {size:,} bytes hold {n_rows:,} rows")
    classes = {name: _class_names(features[name], where) for name in names if name in features}
    nested = tuple(name for name in contents if name not in names)

    def rows(
        wanted: Sequence[str], as_blobs: Sequence[str] = ()
    ) -> Iterator[tuple[str, Sequence[Any]]]:
        reading = _Reading(path, finder, where, {name: contents[name] for name in as_blobs})
        for here, cells in reading.rows(wanted):
            yield (
                here,
                [
                    _class_name(cell, classes.get(name, ()), f"{where}: {here}")
                    for name, cell in zip(wanted, cells, strict=True)
                ],
            )

    kinds = MappingProxyType({name: kind for name, (kind, _) in contents.items()})
    return OpenTable((*names, *nested), rows, kinds, tuple(n for n in names if classes.get(n)))


@contextmanager
def _refusing(where: str, words: str) -> Iterator[None]:
    """Turn whatever pyarrow raises of a damaged file into BadSource."""
    try:
        yield
    except FeatxError:
        raise
    # Of damage pyarrow speaks in every class of errors that Python has.
    except Exception as error:
        reason = first_line(error)
        if isinstance(error, OSError) and error.errno:
            reason = describe_os_error(error)
        raise BadSource(f"{where}: {words}: {reason}") from error


def _features(metadata: Mapping[bytes, bytes]) -> Mapping[str, Any]:
    """Return what Hugging Face's library wrote of each column; nothing where that makes no sense."""
    raw = metadata.get(b"huggingface", b"")
    try:
        features = json.loads(raw)["info"]["features"] if len(raw) <= _LONGEST else {}
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _class_names(feature: Any, where: str) -> tuple[str, ...]:
    """Return the names of the classes of a column in their order; none where it has no such names."""
    if not isinstance(feature, dict) or feature.get("_type") != "ClassLabel":
        return ()
    names = feature.get("names")
    if isinstance(names, dict):
        names = [names.get(str(number)) for number in range(len(names))]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadSource(
            f"{where}: damaged: the names of classes in its schema are no list of texts"
        )
    return tuple(names)


def _contents(schema: Any, features: Mapping[str, Any]) -> dict[str, tuple[str, bool]]:
    """Return the columns that hold contents of files: their kind, and whether they hold names of files."""
    contents: dict[str, tuple[str, bool]] = {}

    def look(name: str, kind: Any, feature: Any, depth: int) -> None:
        if kind in _binary_types():
            contents[name] = (BINARY, False)
            return
        if not _is_struct(kind) or depth > _DEPTH:
            return
        children = {
            str(child.name): child.type for child in map(kind.field, range(kind.num_fields))
        }
        if children.get("bytes") in _binary_types():
            said = feature.get("_type") if isinstance(feature, dict) else None
            contents[name] = (said if isinstance(said, str) else "", "path" in children)
            return
        for child, inner in children.items():
            below = feature.get(child) if isinstance(feature, dict) else None
            look(f"{name}.{child}", inner, below, depth + 1)

    for column in schema:
        look(str(column.name), column.type, features.get(str(column.name)), 0)
    return contents


def _binary_types() -> tuple[Any, ...]:
    import pyarrow

    return pyarrow.binary(), pyarrow.large_binary()


def _is_struct(kind: Any) -> bool:
    import pyarrow

    return isinstance(kind, pyarrow.StructType)


@dataclass(frozen=True, slots=True)
class _Reading:
    """A reading of some columns from the first row to the last, of which some may hold contents of files.

    ``contents`` has what ``_contents`` says of these.
    """

    path: AnyPath
    finder: Finder
    where: str
    contents: Mapping[str, tuple[str, bool]]
    # How many bytes of cells may still come.
    budget: list[int] = field(default_factory=lambda: [0])

    def rows(self, wanted: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
        """Give where each row is, and its cells."""
        with _refusing(self.where, "damaged"):
            file = open_parquet_file(self.path)
            sizes = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
        number, self.budget[0] = 0, max(_MOST_BYTES, _BYTES_A_BYTE * blob_at(self.path).size)
        with file:
            for group, size in enumerate(sizes):
                first = number
                for cells in self._cells(file, group, size, wanted):
                    here = f"row {number + 1}"
                    yield here, self._with_content(wanted, cells, here, (group, number - first))
                    number += 1
                if number - first != size:
                    raise BadSource(
                        f"{self.where}: damaged: expected {size} rows in group {group}, "
                        f"found {number - first}"
                    )

    def _cells(
        self, file: Any, group: int, size: int, wanted: Sequence[str]
    ) -> Iterator[tuple[Any, ...]]:
        """Give the values of columns, row by row; of contents the names of their files, or None."""
        leaves = [name if name not in self.contents else self._name_leaf(name) for name in wanted]
        columns = [leaf for leaf in leaves if leaf is not None]
        if not columns:
            yield from repeat((None,) * len(wanted), size)
            return
        with _refusing(self.where, "damaged"):
            batches = file.iter_batches(
                _ROWS, row_groups=[group], columns=columns, use_threads=False
            )
        while True:
            with _refusing(self.where, "damaged"):
                batch = next(batches, None)
                if batch is None:
                    return
                self.budget[0] -= batch.nbytes
                if self.budget[0] < 0:
                    raise BadSource(f"{self.where}: damaged: its cells are too large for its size")
                none = [None] * batch.num_rows
                values = [none if leaf is None else _values(batch, leaf) for leaf in leaves]
            yield from zip(*values, strict=True)

    def _name_leaf(self, content: str) -> str | None:
        return f"{content}.path" if self.contents[content][1] else None

    def _with_content(
        self, wanted: Sequence[str], cells: Sequence[Any], here: str, at: tuple[int, int]
    ) -> list[Any]:
        """Return the cells, contents as blobs that are named like the files that they were."""
        return [
            self._blob(column, cell, here, at) if column in self.contents else cell
            for column, cell in zip(wanted, cells, strict=True)
        ]

    def _blob(self, column: str, name: Any, here: str, at: tuple[int, int]) -> Blob:
        elsewhere = None
        if isinstance(name, str) and name.strip():
            _, elsewhere = self.finder.find(name)
        else:
            name = here
        leaf = column if self.contents[column][0] == BINARY else f"{column}.bytes"
        return Blob(name, ParquetCell(self.path, leaf, *at, elsewhere))


def _values(batch: Any, leaf: str) -> list[Any]:
    """Return the values of a column, or of a child of its structs."""
    names = batch.schema.names
    top = next(name for name in names if leaf == name or leaf.startswith(f"{name}."))
    found: list[Any] = batch.column(top).to_pylist()
    for name in leaf[len(top) + 1 :].split(".") if leaf != top else ():
        found = [None if value is None else value[name] for value in found]
    return found


def _class_name(value: Any, names: tuple[str, ...], where: str) -> Any:
    """Return the name of a class for its number; what is no number, or has no names, as it is."""
    if not names or not isinstance(value, int) or isinstance(value, bool):
        return value
    if value == -1:
        return None
    if not 0 <= value < len(names):
        raise BadSource(
            f"{where}: class {value}: expected 0 to {len(names) - 1}, as its schema says"
        )
    return names[value]

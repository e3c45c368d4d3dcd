"""Rows as Parquet: columns id, label, those of the samples, embedding; the fingerprint is in the metadata.

The numbers are float32, or float16 at half the size and three significant digits. The same rows give the
same bytes, however they came in blocks: row groups have a fixed size.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from featx._extras import require
from featx._typing import FloatArray
from featx.embedding.rows import Rows
from featx.errors import BadTable
from featx.storage.border import error_line

__all__ = [
    "ParquetWriter",
    "arrow_type",
    "is_row_file",
    "read_columns",
    "read_ids",
    "read_parquet",
    "shape_of_rows",
    "stream_embeddings",
]

_OWN = ("id", "label", "embedding")
FINGERPRINT = b"featx.fingerprint"

HalfArray = npt.NDArray[np.float16]

# The most rows and bytes of a row group: as many after a thousand rows as after a million.
_GROUP_ROWS = 1024
_GROUP_BYTES = 8 << 20


class ParquetWriter:
    """Writes the blocks as they come; no more than one row group is held in memory."""

    dtypes: ClassVar[frozenset[str]] = frozenset({"float32", "float16"})

    def __init__(
        self, path: Path, *, fingerprint: str, dim: int, dtype: str, columns: Mapping[str, type]
    ) -> None:
        arrow, _ = _libraries()
        self._path = path
        self._dtype = dtype
        number = arrow.float16() if dtype == "float16" else arrow.float32()
        self._embedding = arrow.list_(arrow.field("element", number, nullable=False), dim)
        self._schema = arrow.schema(
            [
                arrow.field("id", arrow.string(), nullable=False),
                arrow.field("label", arrow.string()),
                *(arrow.field(name, arrow_type(kind)) for name, kind in columns.items()),
                arrow.field("embedding", self._embedding, nullable=False),
            ],
            metadata={FINGERPRINT: fingerprint.encode(), b"featx.dim": str(dim).encode()},
        )
        self._size = max(1, min(_GROUP_ROWS, _GROUP_BYTES // (4 * dim)))
        self._columns = tuple(columns)
        self._held: list[Rows] = []
        self._count = 0

    def __enter__(self) -> Self:
        """Open the file."""
        _, parquet = _libraries()
        self._writer = parquet.ParquetWriter(
            self._path,
            self._schema,
            compression="zstd",
            use_dictionary=["label"],
            write_statistics=["id", "label"],
        )
        return self

    def write(self, block: Rows) -> None:
        """Write every row group that is full with these rows, and hold the others."""
        start = 0
        while self._count + len(block) - start >= self._size:
            stop = start + self._size - self._count
            self._held.append(block.slice(start, stop))
            self._write_group()
            start = stop
        if start < len(block):
            self._held.append(block.slice(start, len(block)))
            self._count += len(block) - start

    def __exit__(self, kind: object, *failure: object) -> None:
        """Write the last row group, unless there was an error, and close the file."""
        with self._writer:
            if kind is None and self._held:
                self._write_group()

    def _write_group(self) -> None:
        arrow, _ = _libraries()
        group = Rows.concatenate(self._held)
        self._held, self._count = [], 0
        values = arrow.array(_stored(group.embeddings, self._dtype).reshape(-1))
        columns = [
            arrow.array(group.ids, arrow.string()),
            arrow.array(group.labels, arrow.string()),
            *(arrow.array(group.columns[n], self._schema.field(n).type) for n in self._columns),
            arrow.FixedSizeListArray.from_arrays(values, type=self._embedding),
        ]
        self._writer.write_table(arrow.Table.from_arrays(columns, schema=self._schema), len(group))


def arrow_type(kind: type) -> Any:
    """Return the type of Arrow of a column whose values have a type of Python."""
    arrow, _ = _libraries()
    names = {str: arrow.string, int: arrow.int64, float: arrow.float64, bool: arrow.bool_}
    return names[kind]()


def _stored(embeddings: FloatArray, dtype: str) -> FloatArray | HalfArray:
    """Return the numbers as the file has them; refuse what is finite and would not stay so."""
    if dtype == "float32":
        return embeddings
    with np.errstate(over="ignore"):
        halves = embeddings.astype(np.float16)
    lost = np.isfinite(embeddings) & ~np.isfinite(halves)
    if lost.any():
        raise BadTable(
            f"rows: {embeddings[lost][0]:g} is beyond float16, which ends at "
            f"{np.finfo(np.float16).max:g}; write float32, or rows of unit length"
        )
    return halves


def read_ids(path: Path) -> list[str]:
    """Return the ids of a file that featx wrote, without its rows.

    Raises
    ------
    BadTable
        The file is damaged, or has no ids.
    """
    arrow, parquet = _libraries()
    try:
        return [str(value) for value in parquet.read_table(path, columns=["id"])["id"].to_pylist()]
    except (arrow.ArrowException, OSError, KeyError) as error:
        raise BadTable(
            f"{path}: not a Parquet file of rows, or a damaged one: {error_line(error)}"
        ) from error


def is_row_file(path: Path) -> bool:
    """Tell whether a Parquet file says which backbone made its rows; ValueError or OSError where it is none."""
    arrow, parquet = _libraries()
    try:
        return FINGERPRINT in (parquet.read_schema(path).metadata or {})
    except arrow.ArrowException as error:
        raise ValueError(str(error)) from error


def shape_of_rows(path: Path) -> tuple[int, str]:
    """Return the number of columns of the rows of a file, and the fingerprint of what made them.

    Raises
    ------
    BadTable
        It has no column embedding of lists of floats, or is damaged.
    """
    arrow, parquet = _libraries()
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            if "embedding" not in schema.names:
                raise BadTable(
                    f"{path}: expected a column embedding; found {', '.join(schema.names):.200}"
                )
            kind = schema.field("embedding").type
            dim = getattr(kind, "list_size", 0)
            if not dim:
                first = next(file.iter_batches(1, columns=["embedding"]), None)
                none = arrow.chunked_array([], kind)
                column = none if first is None else arrow.chunked_array([first.column(0)])
                dim = _embeddings(path, column, kind).shape[1]
    except (arrow.ArrowException, OSError) as error:
        raise BadTable(
            f"{path}: not a Parquet file, or a damaged one: {error_line(error)}"
        ) from error
    fingerprint = (schema.metadata or {}).get(FINGERPRINT, b"").decode("utf-8", "replace")
    return dim, fingerprint


def read_columns(path: Path, names: Sequence[str]) -> dict[str, list[Any] | None]:
    """Return the cells of some columns of a file, None for a column that it has not.

    Raises
    ------
    BadTable
        The file is damaged, or a column is of lists or structures.
    """
    arrow, parquet = _libraries()
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            there = [name for name in names if schema.names.count(name) == 1]
            for name in there:
                if arrow.types.is_nested(schema.field(name).type):
                    raise BadTable(f"{path}: column {name!r} has no plain cells; name another")
            table = file.read(columns=there)
    except (arrow.ArrowException, OSError) as error:
        raise BadTable(
            f"{path}: not a Parquet file, or a damaged one: {error_line(error)}"
        ) from error
    return {name: table.column(name).to_pylist() if name in there else None for name in names}


def stream_embeddings(path: Path, size: int) -> Iterator[FloatArray]:
    """Give the numbers of a file, at most so many rows at a time, float32.

    Raises
    ------
    BadTable
        The file is damaged, or rows differ in length.
    """
    arrow, parquet = _libraries()
    try:
        with parquet.ParquetFile(path) as file:
            kind = file.schema_arrow.field("embedding").type
            for batch in file.iter_batches(size, columns=["embedding"]):
                yield _embeddings(path, arrow.chunked_array([batch.column(0)]), kind)
    except (arrow.ArrowException, OSError) as error:
        raise BadTable(
            f"{path}: not a Parquet file, or a damaged one: {error_line(error)}"
        ) from error


def read_parquet(path: Path) -> Rows:
    """Return the rows of a file that featx wrote, or of any with columns id and embedding."""
    arrow, parquet = _libraries()
    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            missing = [name for name in ("id", "embedding") if name not in schema.names]
            if missing:
                raise BadTable(
                    f"{path}: expected columns id and embedding; found {', '.join(schema.names)}"
                )
            names = schema.names
            others = [n for n in names if n not in _OWN and names.count(n) == 1]
            others = [n for n in others if not arrow.types.is_nested(schema.field(n).type)]
            table = file.read(columns=[*(n for n in _OWN if n in names), *others])
    except (arrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        raise BadTable(
            f"{path}: not a Parquet file, or a damaged one: {error_line(error)}"
        ) from error
    ids = [str(value) for value in table.column("id").to_pylist()]
    labels: list[Any] = [None] * len(ids)
    if "label" in names:
        values = table.column("label").to_pylist()
        labels = [None if value in (None, "") else str(value) for value in values]
    metadata = schema.metadata or {}
    fingerprint = metadata.get(FINGERPRINT, b"").decode("utf-8", "replace")
    embeddings = _embeddings(path, table.column("embedding"), schema.field("embedding").type)
    columns = {name: tuple(table.column(name).to_pylist()) for name in others}
    return Rows(tuple(ids), tuple(labels), embeddings, fingerprint, columns=columns)


def _embeddings(path: Path, column: Any, kind: Any) -> Any:
    """Return the column as one array; also of lists of any length, if in the end all have the same."""
    types = require("pyarrow.types", extra="parquet")
    compute = require("pyarrow.compute", extra="parquet")
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    if not is_list or not types.is_floating(kind.value_type):
        raise BadTable(f"{path}: expected a column embedding of lists of floats, found {kind}")
    lengths = set(compute.list_value_length(column).unique().to_pylist())
    if None in lengths or len(lengths) > 1:
        listed = ", ".join(sorted(map(str, lengths))[:5])
        raise BadTable(f"{path}: expected embeddings of one length, found lengths {listed}")
    dim = lengths.pop() if lengths else getattr(kind, "list_size", 0)
    pieces = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    values = np.concatenate([np.empty(0, np.float32), *pieces])
    return values.astype(np.float32, copy=False).reshape(len(column), dim)


def _libraries() -> tuple[Any, Any]:
    return require("pyarrow", extra="parquet"), require("pyarrow.parquet", extra="parquet")

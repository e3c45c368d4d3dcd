"""Rows in a folder of several Parquet files, its shards, of which each appears whole.

=============================== ==============================================================
file                            holds
=============================== ==============================================================
part-00000-of-00064.parquet     the rows of one shard
_part-00000-of-00064.json       its facts: samples, rows, digest, rejects; written after it
_index.json                     all shards with their rows and digests, once all are there
=============================== ==============================================================

Which samples are of which shard depends on their number alone. A shard whose facts fit the samples and the
backbone is not made again, so that a run that was killed goes on with those that are missing. What begins with
an underscore is passed over by pandas, polars, DuckDB and Spark.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featx.embedding.rows import Reject, Rows, Written
from featx.errors import BadOption, BadTable
from featx.sources import Sample, Segment
from featx.sources.record import Record
from featx.storage.address import blob_at, to_path
from featx.storage.atomic import os_errors_in_words
from featx.storage.blob import Blob, describe_os_error
from featx.storage.json_file import write_json_table
from featx.tables.shard_facts import (
    INDEX,
    SHARD_NAME,
    digest_of_shard,
    index_of_shards,
    read_shard_facts,
)
from featx.tables.writer import TableWriter

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath, RemotePath

__all__ = [
    "Shard",
    "ShardFolder",
    "check_shards",
    "fingerprint_of_shards",
    "merge_shards",
    "number_of_shards",
    "parse_part",
    "read_shards",
]

# The most shards.
_MOST = 99_999
_PART = re.compile(r"(\d{1,6})/(\d{1,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several files of rows.

    Attributes
    ----------
    number, total : int
        Which of how many, from 0 on.

    Examples
    --------
    >>> Shard(3, 64).name, Shard(3, 64).of(1000)
    ('part-00003-of-00064.parquet', range(46, 62))
    """

    number: int
    total: int

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"part-{self.number:05d}-of-{self.total:05d}.parquet"

    @property
    def facts_name(self) -> str:
        """The name of the file of its facts."""
        return f"_{self.name.removesuffix('.parquet')}.json"

    def of(self, n_samples: int) -> range:
        """Return the places of its samples among ``n_samples``; shards differ by at most one."""
        first, last = (n_samples * k // self.total for k in (self.number, self.number + 1))
        return range(first, last)


def parse_part(text: str) -> Shard:
    """Return the shard that a text such as "3/64" names, from 0 on.

    Raises
    ------
    BadOption
        It is something else.

    Examples
    --------
    >>> parse_part("0/4")
    Shard(number=0, total=4)
    """
    match = _PART.fullmatch(text)
    if match is None or not int(match[1]) < int(match[2]) <= _MOST:
        raise BadOption(
            f"shard={text!r:.60}: expected i/n with i from 0 to n - 1, such as 0/64 and 63/64"
        )
    return Shard(int(match[1]), int(match[2]))


def number_of_shards(n_samples: int, size: int) -> int:
    """Return how many shards of at most ``size`` samples there are of ``n_samples``.

    Raises
    ------
    BadOption
        They would be more than 99 999.

    Examples
    --------
    >>> number_of_shards(1000, 300), number_of_shards(0, 300)
    (4, 1)
    """
    total = max(1, -(-n_samples // size))
    if total > _MOST:
        raise BadOption(
            f"shard_size={size}: makes {total} shards of {n_samples} samples, expected at most {_MOST}; take a "
            "larger one"
        )
    return total


def check_shards(total: int) -> int:
    """Return a number of shards; raise BadOption where it is not from 1 to 99 999."""
    if not 1 <= total <= _MOST:
        raise BadOption(f"shards={total}: expected a number from 1 to {_MOST}")
    return total


@dataclass(frozen=True, slots=True)
class ShardFolder:
    """A folder of shards of rows that one backbone makes.

    Attributes
    ----------
    path : Path or RemotePath
    total : int
        Shards in all.
    fingerprint, dim, dtype
        As ``TableWriter`` takes them.
    columns : mapping of str to type
        The further columns of the samples.

    Raises
    ------
    BadOption
        The number of shards is not between 1 and 99 999.
    """

    path: AnyPath
    total: int
    fingerprint: str
    dim: int
    dtype: str
    columns: Mapping[str, type]

    def __post_init__(self) -> None:
        check_shards(self.total)

    def open(self) -> None:
        """Make the folder where it is missing, and refuse one that holds rows of other shards.

        Raises
        ------
        BadTable
            It has shards of another number of shards.
        OutputFailed
            It cannot be made.
        """
        with os_errors_in_words(self.path):
            self.path.mkdir(exist_ok=True)
            names = _names_in(self.path)
        for match in filter(None, map(SHARD_NAME.fullmatch, names)):
            if int(match[2]) != self.total:
                raise BadTable(
                    f"{self.path}: holds {match[0]}, one of {int(match[2])} shards, and {self.total} were "
                    "asked for; write into another folder, or remove it first"
                )
        # It would speak of rows that are about to change.
        (self.path / INDEX).unlink(missing_ok=True)

    def written(self, shard: Shard, samples: Sequence[Sample]) -> Written | None:
        """Return what a shard of these samples holds, or None where it has to be made."""
        try:
            facts = read_shard_facts(self.path / shard.facts_name)
            size = blob_at(self.path / shard.name).size
        except (BadTable, OSError):
            return None
        wanted = self._facts(samples)
        if size != facts["bytes"] or any(facts.get(key) != wanted[key] for key in wanted):
            return None
        return Written(facts["rows"], tuple(Reject(*pair) for pair in facts["rejects"]))

    @contextmanager
    def writing(self, shard: Shard, samples: Sequence[Sample]) -> Iterator[TableWriter]:
        """Give a writer of the rows of a shard; the shard and its facts appear when the block ends well."""
        path, wanted = self.path / shard.name, self._facts(samples)
        (self.path / shard.facts_name).unlink(missing_ok=True)
        with TableWriter(
            path,
            fingerprint=self.fingerprint,
            dim=self.dim,
            dtype=self.dtype,
            columns=self.columns,
        ) as writer:
            yield writer
        written = writer.written
        facts = wanted | {
            "rows": written.rows,
            "bytes": blob_at(path).size,
            "sha256": digest_of_shard(path),
            "rejects": [[reject.id, reject.reason] for reject in written.rejects],
        }
        write_json_table(self.path / shard.facts_name, facts)

    @staticmethod
    def digest(samples: Iterable[Sample]) -> str:
        """Return a text that differs where samples do: their ids, labels, columns or contents."""
        own = hashlib.sha256()
        for sample in samples:
            columns = sorted((sample.columns or {}).items())
            own.update(f"{(sample.id, sample.label, columns)!r} {_stamp(sample.data)}\n".encode())
        return own.hexdigest()

    def _facts(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """Return what decides the rows of a shard."""
        return {
            "fingerprint": self.fingerprint,
            "dim": self.dim,
            "dtype": self.dtype,
            "columns": {name: kind.__name__ for name, kind in self.columns.items()},
            "samples": self.digest(samples),
        }


def _stamp(data: Any) -> str:
    """Return a text that differs where the content of a sample does: a file's size and time are enough."""
    match data:
        case str():
            return hashlib.sha256(data.encode("utf-8", "surrogatepass")).hexdigest()
        case bytes():
            return hashlib.sha256(data).hexdigest()
        case Segment():
            return f"{_stamp(data.data)} {data.start!r} {data.end!r}"
        case Blob():
            where = data.path or data.location.container
            return f"{data.name} {data.location!r} {_stamp_of_file(where)}"
        case os.PathLike():
            return f"{os.fspath(data)!r} {_stamp_of_file(data)}"
        case Record():
            return " ".join(f"{name!r}={_stamp_of_cell(cell)}" for name, cell in data.items())
        case _:
            raise BadTable("shards: expected samples of files, bytes or texts")


def _stamp_of_cell(cell: Any) -> str:
    """Return the stamp of a value of a record: several in a list, and numbers, dates, nothing as they are."""
    if isinstance(cell, list | tuple):
        return f"[{' '.join(map(_stamp_of_cell, cell))}]"
    if isinstance(cell, str | bytes | Segment | Blob | os.PathLike):
        return _stamp(cell)
    return f"{type(cell).__name__} {cell!r}"


def _stamp_of_file(path: str | os.PathLike[str] | None) -> str:
    try:
        found = os.stat(path) if path is not None else None  # noqa: PTH116
    except OSError:
        return "unreadable"
    return "" if found is None else f"{found.st_size} {found.st_mtime_ns}"


def merge_shards(path: str | os.PathLike[str] | RemotePath) -> tuple[int, tuple[Reject, ...]]:
    """Check that all shards of a folder are there and as they were written, and write the index.

    Parameters
    ----------
    path : path
        A folder of shards.

    Returns
    -------
    rows : int
        Rows of all shards.
    rejects : tuple of Reject
        What could not be read, of all shards.

    Raises
    ------
    BadTable
        There is none, some are missing or damaged, they are of several backbones, or an id is in two of them.
    OutputFailed
        The index cannot be written.
    """
    folder = to_path(path)
    shards = _expected_shards(folder)
    facts = []
    for shard in shards:
        own = read_shard_facts(folder / shard.facts_name)
        if digest_of_shard(folder / shard.name) != own["sha256"]:
            raise BadTable(f"{folder / shard.name}: not the bytes that were written; make it again")
        facts.append(own)
    first = facts[0]
    for shard, own in zip(shards, facts, strict=True):
        for key in ("fingerprint", "dim", "dtype", "columns"):
            if own.get(key) != first.get(key):
                raise BadTable(
                    f"{folder / shard.name}: its {key} differs from that of {shards[0].name}; make all shards "
                    "by one backbone, of one table"
                )
    _check_contents(folder, shards, facts)
    index = {
        "format": 1,
        **{key: first[key] for key in ("fingerprint", "dim", "dtype")},
        "rows": sum(own["rows"] for own in facts),
        "rejects": sum(len(own["rejects"]) for own in facts),
        "shards": [
            {"name": shard.name, **{key: own[key] for key in ("rows", "bytes", "sha256")}}
            for shard, own in zip(shards, facts, strict=True)
        ],
    }
    write_json_table(folder / INDEX, index)
    rejects = tuple(Reject(*pair) for own in facts for pair in own["rejects"])
    return index["rows"], rejects


def _names_in(folder: AnyPath) -> list[str]:
    if not isinstance(folder, Path):
        with suppress(FileNotFoundError):
            return [path.name for path in folder.check_readable().iterdir()]
        return []
    return os.listdir(folder)  # noqa: PTH208


def _expected_shards(folder: AnyPath) -> list[Shard]:
    """Return all shards of a folder, of which each is there with its facts."""
    try:
        names = set(_names_in(folder))
    except OSError as error:
        raise BadTable(
            f"{folder}: expected a folder of shards of rows: {describe_os_error(error)}"
        ) from error
    totals = {int(match[2]) for match in map(SHARD_NAME.fullmatch, names) if match}
    if len(totals) != 1 or not 1 <= max(totals) <= _MOST:
        raise BadTable(
            f"{folder}: expected shards such as {Shard(0, 64).name} of one number of shards, found "
            f"{len(totals) or 'none'}"
        )
    shards = [Shard(number, *totals) for number in range(max(totals))]
    missing = [s for s in shards if s.name not in names or s.facts_name not in names]
    if missing:
        numbers = ", ".join(str(shard.number) for shard in missing[:8])
        more = ", …" if len(missing) > 8 else ""
        raise BadTable(
            f"{folder}: {len(missing)} of {len(shards)} shards are missing ({numbers}{more}); extract them "
            "by the command that made the others"
        )
    return shards


def _check_contents(
    folder: AnyPath, shards: Sequence[Shard], facts: Sequence[Mapping[str, Any]]
) -> None:
    """Refuse a shard that is not what its facts say, and an id that is there twice; no rows are read."""
    from featx.tables.parquet import read_ids, shape_of_rows

    seen: set[str] = set()
    for shard, own in zip(shards, facts, strict=True):
        with _local_copy(folder / shard.name) as copy:
            shape, ids = shape_of_rows(copy), read_ids(copy)
        if shape != (own["dim"], own["fingerprint"]) or len(ids) != own["rows"]:
            raise BadTable(
                f"{folder / shard.name}: is not the shard that {shard.facts_name} tells of; make it again"
            )
        for name in ids:
            if name in seen:
                raise BadTable(
                    f"{folder / shard.name}: {name!r:.200} is in another shard too, or twice in this one; make "
                    "all shards of the same samples"
                )
            seen.add(name)


def fingerprint_of_shards(path: str | os.PathLike[str] | RemotePath) -> str:
    """Return the fingerprint of the backbone that made the rows of a folder of shards.

    Raises
    ------
    BadTable
        There is no index.
    """
    fingerprint: str = index_of_shards(to_path(path))["fingerprint"]
    return fingerprint


def read_shards(path: str | os.PathLike[str] | RemotePath) -> Iterator[Rows]:
    """Give the rows of a folder of shards, a shard at a time, in the order of the samples.

    Raises
    ------
    BadTable
        There is no index, or a shard is not the one that it tells of.
    """
    from featx.tables.parquet import read_parquet

    folder = to_path(path)
    index = index_of_shards(folder)
    for entry in index["shards"]:
        file = folder / entry["name"]
        try:
            size = blob_at(file).size
        except OSError as error:
            raise BadTable(f"{file}: cannot be read: {describe_os_error(error)}") from error
        if size != entry["bytes"]:
            raise BadTable(f"{file}: has {size} bytes, expected {entry['bytes']}; make it again")
        # Another shard, or damage, may have the same size; a digest takes a core beside the reading.
        with _local_copy(file) as copy, ThreadPoolExecutor(1) as beside:
            digest = beside.submit(digest_of_shard, copy)
            rows = read_parquet(copy)
        if digest.result() != entry["sha256"]:
            raise BadTable(f"{file}: not the bytes that were written; make it again")
        if len(rows) != entry["rows"] or rows.fingerprint != index["fingerprint"]:
            raise BadTable(f"{file}: is not the shard that {INDEX} tells of; make it again")
        yield rows


@contextmanager
def _local_copy(path: AnyPath) -> Iterator[Path]:
    """Give a shard as a file of this machine."""
    if isinstance(path, Path):
        yield path
        return
    from featx.storage.remote_output import local_copy

    try:
        with local_copy(path) as copy:
            yield copy
    except OSError as error:
        raise BadTable(f"{path}: cannot be read: {describe_os_error(error)}") from error

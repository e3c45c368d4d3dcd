"""Samples from a tar, without extracting it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from featx.errors import BadLabels, BadSample, BadSource
from featx.sources.columns import LABEL_COLUMNS
from featx.sources.folder import no_matching_files
from featx.sources.sample import Sample, number_repeats, to_label
from featx.sources.source import (
    TAR_ENDINGS,
    Columns,
    Peek,
    Readable,
    count_suffixes,
    is_hidden,
    refuse_columns,
)
from featx.sources.splits import choose, label_within, splits_among
from featx.storage.blob import Blob, describe_os_error, read_bytes, suffix_of, to_text

if TYPE_CHECKING:
    import tarfile

__all__ = ["COMPRESSED_LIMIT", "Tar"]

# How many bytes of content are held in memory for a compressed tar.
COMPRESSED_LIMIT = 256 << 20

# The first bytes of a compressed tar, and what tarfile calls the compression.
_COMPRESSIONS = MappingProxyType({b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ": "xz"})
# Files that only say the label of a sample beside them, and how many bytes one may have.
_PARTNERS = (".cls", ".json")
_PARTNER_LIMIT = 1 << 20
# Bytes of a header of a tar.
_BLOCK = 512

Parts = tuple[str, ...]


class Tar:
    """A tar, compressed or not.

    Parameters
    ----------
    uri, columns, stdin
        As ``open_source`` takes them.
    compressed_limit : int, default=COMPRESSED_LIMIT
        How many bytes of content are held in memory where it is compressed.
    """

    def __init__(
        self,
        uri: str,
        columns: Columns,
        stdin: Iterable[bytes | str] | None = None,
        *,
        compressed_limit: int = COMPRESSED_LIMIT,
    ) -> None:
        self._path = Path(uri)
        self._limit = compressed_limit
        self._where = to_text(uri)
        self._columns = columns

    @classmethod
    def accepts(cls, uri: str) -> bool:
        """Return whether the name of ``uri`` is that of a tar, and it is there."""
        path = Path(uri)
        try:
            return path.name.lower().endswith(TAR_ENDINGS) and path.exists() and not path.is_dir()
        except (OSError, ValueError):
            return False

    def samples(self, readable: Readable, split: str | None = None) -> list[Sample]:
        """Return the members that have one of the suffixes, in the order of the archive.

        A label is what ``key.cls`` or ``key.json`` beside ``key.jpg`` says: a bare value, or the value of
        the label column in an object (by default label, class, target or category). In a tar without any,
        the class folders are the labels, as in a folder. Members of a plain tar are read when they are
        needed. A compressed one can only be read from its start, so its samples are held in memory, up to
        ``compressed_limit``. Links that leave the archive, or lead to folders, are no samples.
        """
        label_key = self._columns.label
        refuse_columns(replace(self._columns, label=None), f"{self._where} is a tar and")
        members, partners = self._sorted_members(readable.suffixes)
        splits = splits_among({m.parts[0] for m in members if len(m.parts) > 1})
        if split and splits:
            chosen = choose(split, splits, self._where)
            members = [member for member in members if member.parts[0] in chosen]
        labels = [_partner_label(m.parts, partners, label_key, self._where) for m in members]
        if label_key is not None and not any(labels):
            raise BadSource(
                f"{self._where}: expected a .json with {label_key!r} beside a sample, found none"
            )
        if not any(labels):
            folders = (label_within(member.parts, splits) for member in members)
            labels = [to_text(folder) if folder else None for folder in folders]
        ids = number_repeats(to_text("/".join(member.parts)) for member in members)
        return [
            Sample(name, member.blob, label)
            for name, member, label in zip(ids, members, labels, strict=True)
        ]

    def peek(self) -> Peek:
        """Return the suffixes of the first members."""
        with _opened(self._path, self._where) as (archive, _):
            return Peek(count_suffixes(member.name for member in archive if member.isfile()))

    def _sorted_members(self, suffixes: frozenset[str]) -> tuple[list[_Member], dict[str, _Member]]:
        """Return the samples, and the files that may say their labels by name; refuse a tar without any."""
        samples: list[_Member] = []
        partners: dict[str, _Member] = {}
        others: list[str] = []
        for member in _members(self._path, self._where, suffixes, self._limit):
            name = "/".join(member.parts)
            if suffix_of(name) in suffixes:
                samples.append(member)
            elif suffix_of(name) in _PARTNERS:
                partners[name] = member
            else:
                others.append(name)
        if not samples:
            others += partners
            example = to_text(min(others)) if others else ""
            raise no_matching_files(self._where, suffixes, len(others), example)
        return samples, partners


@dataclass(frozen=True, slots=True)
class _Member:
    """A visible file of an archive, with the names on the way to it."""

    parts: Parts
    blob: Blob


@contextmanager
def _opened(path: Path, where: str) -> Iterator[tuple[tarfile.TarFile, str]]:
    """Open a tar, and say how it is compressed; whatever is wrong with it becomes BadSource."""
    # These take a hundredth of a second to import, and few sources are tars.
    import lzma
    import tarfile

    try:
        with path.open("rb") as file:
            start = file.read(6)
        kinds = (name for magic, name in _COMPRESSIONS.items() if start.startswith(magic))
        compression = next(kinds, "")
        mode: Any = f"r:{compression}"
        with tarfile.open(path, mode, encoding="utf-8", errors="surrogateescape") as archive:
            yield archive, compression
    except (OSError, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno:
            raise BadSource(f"{where}: cannot be read: {describe_os_error(error)}") from error
        raise BadSource(f"{where}: not a tar, or a damaged one: {error}") from error


def _members(path: Path, where: str, suffixes: frozenset[str], limit: int) -> Iterator[_Member]:
    """Give every visible file of the archive; of a compressed one, what cannot matter has no bytes."""
    with _opened(path, where) as (archive, compression):
        if compression:
            yield from _unpack(archive, where, (*suffixes, *_PARTNERS), limit)
        else:
            yield from _locate(archive, path, where)
        if _has_more(archive):
            raise BadSource(f"{where}: damaged after {archive.offset:,} bytes")


def _locate(archive: tarfile.TarFile, path: Path, where: str) -> Iterator[_Member]:
    files: dict[str, tarfile.TarInfo] = {}
    length = path.stat().st_size
    for info in archive:
        # A hard link is an earlier member once more.
        target = files.get(info.linkname) if info.islnk() else info
        parts = _parts(info.name)
        if target is None or not target.isreg() or not parts:
            continue
        name = to_text("/".join(parts))
        if target.issparse():
            raise BadSource(f"{where}: {name} is sparse; make the tar without --sparse")
        if target.size < 0 or target.offset_data + target.size > length:
            raise BadSource(f"{where}: {name} does not end within it; the archive is damaged")
        files[info.name] = target
        yield _Member(parts, Blob.of_section(path, name, target.offset_data, target.size))


def _unpack(
    archive: tarfile.TarFile, where: str, suffixes: Collection[str], limit: int
) -> Iterator[_Member]:
    files: dict[str, bytes] = {}
    held = 0
    for info in archive:
        parts = _parts(info.name)
        if not parts or not (info.isreg() or (info.islnk() and info.linkname in files)):
            continue
        content = b""
        if info.islnk():
            content = files[info.linkname]
        elif suffix_of(parts[-1]) in suffixes:
            held += info.size
            if info.size < 0 or held > limit:
                raise BadSource(
                    f"{where}: holds more than {limit >> 20} MiB and is compressed, so "
                    "it cannot be read in pieces; decompress it first (gunzip, bunzip2 or unxz)"
                )
            file = archive.extractfile(info)
            content = file.read() if file else b""
        files[info.name] = content
        yield _Member(parts, Blob.of_bytes(content, to_text("/".join(parts))))


def _has_more(archive: tarfile.TarFile) -> bool:
    """Return whether something follows what ``tarfile`` took for the end: a header that is damaged."""
    archive.fileobj.seek(archive.offset)
    return any(archive.fileobj.read(_BLOCK))


def _parts(name: str) -> Parts:
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    return () if any(is_hidden(part) for part in parts if part != "..") else parts


def _partner_label(
    parts: Parts, partners: dict[str, _Member], label_key: str | None, where: str
) -> str | None:
    """Return the label in a file that shares the sample's name up to the last dot, or the first."""
    folder, file = "/".join(parts[:-1]), parts[-1]
    for key in (file.rpartition(".")[0], file.partition(".")[0]):
        for suffix in _PARTNERS:
            name = f"{folder}/{key}{suffix}".lstrip("/")
            if name not in partners:
                continue
            try:
                label = _label(partners[name], suffix, label_key)
            except (BadLabels, BadSample, ValueError, RecursionError) as error:
                raise BadSource(f"{where}: {to_text(name)}: {error}") from error
            if label is not None:
                return label
    return None


def _label(member: _Member, suffix: str, label_key: str | None) -> str | None:
    if not member.blob.size:
        return None
    text = read_bytes(member.blob, limit=_PARTNER_LIMIT).decode("utf-8-sig")
    if suffix == ".cls":
        return to_label(text)
    value = json.loads(text)
    if isinstance(value, dict):
        keys = (*LABEL_COLUMNS, "cls") if label_key is None else (label_key,)
        value = next((value[key] for key in keys if key in value), None)
    return to_label(value)

"""Samples from a tar, without extracting it."""

from __future__ import annotations

import json
import lzma
import tarfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from featx.errors import BadLabels, BadSample, BadSource
from featx.sources.folder import is_hidden, no_matching_files, suffix_of
from featx.sources.sample import Sample, number_repeats, to_label
from featx.sources.splits import choose, label_within, splits_among
from featx.sources.table import LABEL_COLUMNS
from featx.storage.blob import TarMember, in_words, read_bytes, to_text

__all__ = ["COMPRESSED_LIMIT", "is_tar", "read_tar"]

COMPRESSED_LIMIT = 256 << 20  # bytes of content held in memory for a compressed tar

_ENDINGS = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
_PACKED = MappingProxyType({b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ": "xz"})  # first bytes
_PARTNERS = (".cls", ".json")
_PARTNER_LIMIT = 1 << 20  # bytes of a file that only says a label

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Member:
    parts: Parts
    data: TarMember | bytes


def is_tar(path: Path) -> bool:
    """Whether the name is that of a tar, compressed or not."""
    return path.name.lower().endswith(_ENDINGS)


def read_tar(
    path: Path, suffixes: frozenset[str], split: str | None, label_key: str | None
) -> list[Sample]:
    """The members that have one of the suffixes, in the order of the archive.

    A label is what ``key.cls`` or ``key.json`` beside ``key.jpg`` says: a bare value, or an
    object's ``label_key`` (by default label, class, target or category). In a tar without any, the
    class folders are the labels, as in a folder. Members of a plain tar are read when they are
    needed. A compressed one can only be read from its start, so its samples are held in memory, up
    to ``COMPRESSED_LIMIT``. Links that leave the archive, or lead to folders, are nothing.
    """
    where = to_text(str(path))
    found: list[_Member] = []
    partners: dict[str, _Member] = {}
    others: list[str] = []
    for member in _members(path, where, suffixes):
        name = "/".join(member.parts)
        if suffix_of(name) in suffixes:
            found.append(member)
        elif suffix_of(name) in _PARTNERS:
            partners[name] = member
        else:
            others.append(name)
    if not found:
        others += partners
        example = to_text(min(others)) if others else ""
        raise no_matching_files(where, suffixes, len(others), example)
    splits = splits_among({member.parts[0] for member in found if len(member.parts) > 1})
    if split and splits:
        chosen = choose(split, splits, where)
        found = [member for member in found if member.parts[0] in chosen]
    labels = [_partner_label(member.parts, partners, label_key, where) for member in found]
    if label_key is not None and not any(labels):
        raise BadSource(f"{where}: expected a .json with {label_key!r} beside a sample, found none")
    if not any(labels):
        folders = (label_within(member.parts, splits) for member in found)
        labels = [to_text(folder) if folder else None for folder in folders]
    ids = number_repeats(to_text("/".join(member.parts)) for member in found)
    return [
        Sample(name, member.data, label)
        for name, member, label in zip(ids, found, labels, strict=True)
    ]


def _members(path: Path, where: str, suffixes: frozenset[str]) -> Iterator[_Member]:
    """Every visible file of the archive; of a compressed one, what cannot matter has no bytes."""
    try:
        with path.open("rb") as file:
            start = file.read(6)
        packing = next((name for magic, name in _PACKED.items() if start.startswith(magic)), "")
        mode: Any = f"r:{packing}"
        with tarfile.open(path, mode, encoding="utf-8", errors="surrogateescape") as archive:
            if packing:
                yield from _unpack(archive, where, (*suffixes, *_PARTNERS))
            else:
                yield from _locate(archive, path, where)
            if _has_more(archive):
                raise BadSource(f"{where}: damaged after {archive.offset:,} bytes")
    except (OSError, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno:
            raise BadSource(f"{where}: cannot be read: {in_words(error)}") from error
        raise BadSource(f"{where}: not a tar, or a damaged one: {error}") from error


def _locate(archive: tarfile.TarFile, path: Path, where: str) -> Iterator[_Member]:
    files: dict[str, tarfile.TarInfo] = {}
    length = path.stat().st_size
    for info in archive:
        target = files.get(info.linkname) if info.islnk() else info  # an earlier member, once more
        parts = _parts(info.name)
        if target is None or not target.isreg() or not parts:
            continue
        name = to_text("/".join(parts))
        if target.issparse():
            raise BadSource(f"{where}: {name} is sparse; make the tar without --sparse")
        if target.size < 0 or target.offset_data + target.size > length:
            raise BadSource(f"{where}: {name} does not end within it; the archive is damaged")
        files[info.name] = target
        yield _Member(parts, TarMember(path, name, target.offset_data, target.size))


def _unpack(archive: tarfile.TarFile, where: str, suffixes: Collection[str]) -> Iterator[_Member]:
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
            if info.size < 0 or held > COMPRESSED_LIMIT:
                raise BadSource(
                    f"{where}: holds more than {COMPRESSED_LIMIT >> 20} MiB and is compressed, so "
                    "it cannot be read in pieces; decompress it first (gunzip, bunzip2 or unxz)"
                )
            file = archive.extractfile(info)
            content = file.read() if file else b""
        files[info.name] = content
        yield _Member(parts, content)


def _has_more(archive: tarfile.TarFile) -> bool:
    """Whether something follows what ``tarfile`` took for the end: a header that is damaged."""
    archive.fileobj.seek(archive.offset)
    return any(archive.fileobj.read(tarfile.BLOCKSIZE))


def _parts(name: str) -> Parts:
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    return () if any(is_hidden(part) for part in parts if part != "..") else parts


def _partner_label(
    parts: Parts, partners: dict[str, _Member], label_key: str | None, where: str
) -> str | None:
    """What the files that share the sample's name up to the last dot, or the first, say of it."""
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
    if not (member.data.size if isinstance(member.data, TarMember) else member.data):
        return None
    text = read_bytes(member.data, limit=_PARTNER_LIMIT).decode("utf-8-sig")
    if suffix == ".cls":
        return to_label(text)
    value = json.loads(text)
    if isinstance(value, dict):
        keys = (*LABEL_COLUMNS, "cls") if label_key is None else (label_key,)
        value = next((value[key] for key in keys if key in value), None)
    return to_label(value)

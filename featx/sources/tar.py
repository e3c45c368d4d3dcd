"""Samples from a tar, without extracting it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any

from featx.errors import BadLabels, BadSample, BadSource, FeatxError, FeatxWarning, first_line
from featx.sources.columns import LABEL_COLUMNS
from featx.sources.folder import no_matching_files
from featx.sources.left_out import HEAD, OtherFiles, first_bytes, warn_of_obstacles
from featx.sources.sample import Sample, number_repeats, to_label
from featx.sources.source import (
    ENOUGH,
    TAR_ENDINGS,
    Columns,
    Peek,
    Readable,
    count_suffixes,
    is_hidden,
    refuse_columns,
)
from featx.sources.splits import choose, label_within, splits_among
from featx.sources.targets import to_target
from featx.storage.address import blob_at, pinned, to_path
from featx.storage.blob import Blob, describe_os_error, read_bytes, suffix_of, to_text
from featx.storage.bounded import BoundedReader

if TYPE_CHECKING:
    import tarfile

    from featx.storage.remote import AnyPath

__all__ = ["COMPRESSED_LIMIT", "Tar"]

# How many bytes of content are held in memory for a compressed tar.
COMPRESSED_LIMIT = 256 << 20

# The first bytes of a compressed tar, and the module that decompresses it.
_COMPRESSIONS = MappingProxyType({b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ": "lzma"})
# Files that only say the label of a sample beside them, and how many bytes one may have.
_PARTNERS = (".cls", ".json")
_PARTNER_LIMIT = 1 << 20
# Bytes of a header of a tar, and of all the headers of one member: paths have at most 4096.
_BLOCK = 512
_HEADERS = 1 << 16
# Bytes after the end that are looked at.
_TAIL = 1 << 20
# The most members, of a compressed tar as well: 500 MB of headers would be 500 KB.
_MOST = 10_000_000
_MOST_COMPRESSED = 250_000
# A compressed tar may unpack to so many bytes, or to so many times its size.
_UNPACKED = 1 << 30
_RATIO = 100

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
        uri: str | AnyPath,
        columns: Columns,
        stdin: Iterable[bytes | str] | None = None,
        *,
        compressed_limit: int = COMPRESSED_LIMIT,
    ) -> None:
        self._path = to_path(uri)
        self._limit = compressed_limit
        self._where = to_text(str(self._path))
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
        """Return the members that the modality reads, in the order of the archive.

        They are those with one of the suffixes, and those with another or none whose first bytes tell; a
        warning counts all others by kind, but for hidden ones.

        A label is what ``key.cls`` or ``key.json`` beside ``key.jpg`` says: a bare value, or the value of
        the label column in an object (by default label, class, target or category). In a tar without any,
        the class folders are the labels, as in a folder. Members of a plain tar are read when they are
        needed. A compressed one can only be read from its start, so its samples are held in memory, up to
        ``compressed_limit``. Hard links to an earlier member are samples; other links are not.
        """
        label_keys = self._columns.target
        asked = replace(self._columns, target=(), separator=None)
        refuse_columns(asked, f"{self._where} is a tar and")
        members, partners, left_out = self._sorted_members(readable)
        splits = splits_among({m.parts[0] for m in members if len(m.parts) > 1})
        if split and splits:
            chosen = choose(split, splits, self._where)
            members = [member for member in members if member.parts[0] in chosen]
        separator = self._columns.separator
        labels = [
            _partner_label(m.parts, partners, label_keys, separator, self._where) for m in members
        ]
        if label_keys and not any(labels):
            raise BadSource(
                f"{self._where}: expected a .json with {', '.join(map(repr, label_keys))} beside a sample, "
                "found none"
            )
        if not any(labels):
            folders = (label_within(member.parts, splits) for member in members)
            labels = [to_label(folder) for folder in folders]
        left_out.warn(self._where, len(members))
        ids = number_repeats(to_text("/".join(member.parts)) for member in members)
        samples = [
            Sample(name, member.blob, label)
            for name, member, label in zip(ids, members, labels, strict=True)
        ]
        warn_of_obstacles(self._where, samples, readable)
        return samples

    def peek(self) -> Peek:
        """Return the suffixes of the first members, and those that can be looked into."""
        names, files = [], []
        path = _pinned(self._path, self._where)
        with _opened(path, self._where) as opened:
            for info in islice((info for info in _infos(opened) if info.isreg()), ENOUGH):
                names.append(info.name)
                if opened.compressed:
                    files.append(Blob.of_bytes(_content(opened, info, HEAD), info.name))
                else:
                    place = (path, info.name, info.offset_data, info.size)
                    files.append(Blob.of_section(*place))
        return Peek(count_suffixes(names), files=tuple(files))

    def _sorted_members(
        self, readable: Readable
    ) -> tuple[list[_Member], dict[str, _Member], OtherFiles]:
        """Return the samples, the files that may say their labels by name, and what is neither."""
        samples: list[_Member] = []
        partners: dict[str, _Member] = {}
        left_out = OtherFiles()
        path = _pinned(self._path, self._where)
        for member in _members(path, self._where, readable, self._limit, left_out):
            name = "/".join(member.parts)
            if suffix_of(name) in readable.suffixes or member.recognized:
                samples.append(member)
            elif suffix_of(name) in _PARTNERS:
                partners[name] = member
            else:
                left_out.add(name)
        beside = {name for member in samples for name in _partner_names(member.parts)}
        for name in partners.keys() - beside:
            left_out.add(name)
        if not samples:
            raise no_matching_files(self._where, readable.suffixes, left_out)
        return samples, partners, left_out


@dataclass(frozen=True, slots=True)
class _Member:
    """A visible file of an archive, with the names on the way to it; ``recognized`` by its content alone."""

    parts: Parts
    blob: Blob
    recognized: bool = False


@dataclass(frozen=True, slots=True)
class _Open:
    """A tar that is being read: headers through ``headers``, which bounds them, and content from ``file``."""

    archive: tarfile.TarFile
    file: IO[bytes]
    headers: BoundedReader
    compressed: bool
    where: str


def _pinned(path: AnyPath, where: str) -> AnyPath:
    with _refusing(where):
        return pinned(path)


@contextmanager
def _opened(path: AnyPath, where: str) -> Iterator[_Open]:
    """Open a tar; whatever is wrong with it becomes BadSource."""
    # It takes a hundredth of a second to import, and few sources are tars.
    import tarfile

    def refusal(reason: str) -> BadSource:
        return BadSource(f"{where}: {reason}; no tar of samples has such")

    with ExitStack() as stack:
        with _refusing(where):
            size = blob_at(path).size
            file, compressed = _decompressed(path, stack)
            end = max(_UNPACKED, size * _RATIO) if compressed else None
            headers = stack.enter_context(BoundedReader(file, _HEADERS, refusal, end))
            archive = stack.enter_context(
                tarfile.open(fileobj=headers, mode="r:", encoding="utf-8", errors="surrogateescape")
            )
        yield _Open(archive, file, headers, compressed, where)


def _decompressed(path: AnyPath, stack: ExitStack) -> tuple[IO[bytes], bool]:
    """Open a file, through the decompressor that its first bytes ask for; say whether they do."""
    file: Any = stack.enter_context(path.open("rb"))
    start = file.read(6)
    file.seek(0)
    for magic, module in _COMPRESSIONS.items():
        if start.startswith(magic):
            return stack.enter_context(import_module(module).open(file)), True
    return file, False


@contextmanager
def _refusing(where: str) -> Iterator[None]:
    """Raise whatever the libraries that read tars say of damaged bytes as one BadSource in words."""
    try:
        yield
    except FeatxError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            raise BadSource(f"{where}: cannot be read: {describe_os_error(error)}") from error
        reason = first_line(error) or type(error).__name__
        raise BadSource(f"{where}: not a tar, or a damaged one: {reason}") from error


def _infos(opened: _Open) -> Iterator[tarfile.TarInfo]:
    """Give the header of each member, with a bound on what it may hold, and keep none."""
    archive, where = opened.archive, opened.where
    most = _MOST_COMPRESSED if opened.compressed else _MOST
    last = -1
    for _ in range(most):
        opened.headers.renew()
        with _refusing(where):
            info = archive.next()
        if info is None:
            return
        # The stubs leave it out. A million headers would take a gigabyte.
        archive.members.clear()  # type: ignore[attr-defined]
        if archive.offset <= last or info.size < 0:
            raise BadSource(f"{where}: damaged after {max(last, 0):,} bytes")
        last = archive.offset
        yield info
    raise BadSource(f"{where}: more than {most:,} members; make several tars of it")


def _members(
    path: AnyPath, where: str, readable: Readable, limit: int, left_out: OtherFiles
) -> Iterator[_Member]:
    """Give every visible file of the archive; of a compressed one, what cannot matter has no bytes."""
    with _opened(path, where) as opened:
        if opened.compressed:
            yield from _unpack(opened, readable, limit, left_out)
        else:
            yield from _locate(opened, path, readable, left_out)
        with _refusing(where):
            _check_end(opened)


def _locate(
    opened: _Open, path: AnyPath, readable: Readable, left_out: OtherFiles
) -> Iterator[_Member]:
    files: dict[str, tarfile.TarInfo] = {}
    length = blob_at(path).size
    for info in _infos(opened):
        # A hard link is an earlier member once more.
        target = files.get(info.linkname) if info.islnk() else info
        parts = _parts(info.name)
        if not parts or info.isdir():
            continue
        name = to_text("/".join(parts))
        if target is None or not target.isreg():
            left_out.add(name, _kind(info))
            continue
        if target.issparse():
            raise BadSource(f"{opened.where}: {name} is sparse; make the tar without --sparse")
        if target.offset_data + target.size > length:
            raise BadSource(
                f"{opened.where}: {name} does not end within it; the archive is damaged"
            )
        files[info.name] = target
        blob = Blob.of_section(path, name, target.offset_data, target.size)
        yield _Member(parts, blob, _is_recognized(parts[-1], readable, partial(first_bytes, blob)))


def _unpack(
    opened: _Open, readable: Readable, limit: int, left_out: OtherFiles
) -> Iterator[_Member]:
    files: dict[str, bytes] = {}
    held = 0
    for info in _infos(opened):
        parts = _parts(info.name)
        if not parts or info.isdir():
            continue
        name = to_text("/".join(parts))
        if not (info.isreg() or (info.islnk() and info.linkname in files)):
            left_out.add(name, _kind(info))
            continue
        if info.issparse():
            raise BadSource(f"{opened.where}: {name} is sparse; make the tar without --sparse")
        held += len(name)
        content, recognized = b"", False
        if info.islnk():
            content = files[info.linkname]
        else:
            head = partial(_content, opened, info, HEAD)
            recognized = _is_recognized(parts[-1], readable, head)
            if recognized or suffix_of(parts[-1]) in (*readable.suffixes, *_PARTNERS):
                held += info.size
                _check_held(opened.where, held, limit)
                content = _content(opened, info, info.size)
        _check_held(opened.where, held, limit)
        files[info.name] = content
        yield _Member(parts, Blob.of_bytes(content, name), recognized)


def _check_held(where: str, held: int, limit: int) -> None:
    if held > limit:
        raise BadSource(
            f"{where}: holds more than {limit >> 20} MiB and is compressed, so "
            "it cannot be read in pieces; decompress it first (gunzip, bunzip2 or unxz)"
        )


def _content(opened: _Open, info: tarfile.TarInfo, most: int) -> bytes:
    """Return the first bytes of a member of a compressed tar."""
    with _refusing(opened.where):
        size = min(most, info.size)
        opened.file.seek(info.offset_data)
        content = opened.file.read(size)
        if len(content) < size:
            raise EOFError("unexpected end of data")
        return content


def _is_recognized(name: str, readable: Readable, head: Callable[[], bytes]) -> bool:
    """Return whether a member whose suffix is none of the modality's is one by its content."""
    suffix = suffix_of(name)
    if suffix in readable.suffixes or suffix in _PARTNERS:
        return False
    return readable.recognizes(head())


def _kind(info: tarfile.TarInfo) -> str:
    """Return what a member is that is no file."""
    return "link" if info.issym() or info.islnk() else "pipe, socket or device file"


def _check_end(opened: _Open) -> None:
    """Refuse what follows instead of the end, a damaged header; warn of what follows the end."""
    opened.file.seek(opened.archive.offset)
    if any(opened.file.read(_BLOCK)):
        raise BadSource(f"{opened.where}: damaged after {opened.archive.offset:,} bytes")
    if any(opened.file.read(_TAIL)):
        text = (
            f"{opened.where}: what follows the end of the archive is left out; was it joined of several "
            "with cat? Name each of them"
        )
        warnings.warn(text, FeatxWarning, stacklevel=4)


def _parts(name: str) -> Parts:
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    return () if any(is_hidden(part) for part in parts if part != "..") else parts


def _partner_names(parts: Parts) -> Iterator[str]:
    """Give the names of files that may say a sample's label: it shares them to the last dot, or the first."""
    folder, file = "/".join(parts[:-1]), parts[-1]
    for key in (file.rpartition(".")[0] or file, file.partition(".")[0]):
        for suffix in _PARTNERS:
            yield f"{folder}/{key}{suffix}".lstrip("/")


def _partner_label(
    parts: Parts,
    partners: dict[str, _Member],
    keys: tuple[str, ...],
    separator: str | None,
    where: str,
) -> str | None:
    """Return the label in a file beside the sample; None where there is none."""
    for name in _partner_names(parts):
        if name not in partners:
            continue
        try:
            label = _label(partners[name], suffix_of(name), keys, separator)
        except (BadLabels, BadSample, ValueError, RecursionError) as error:
            raise BadSource(f"{where}: {to_text(name)}: {error}") from error
        if label is not None:
            return label
    return None


def _label(
    member: _Member, suffix: str, keys: tuple[str, ...], separator: str | None
) -> str | None:
    if not member.blob.size:
        return None
    text = read_bytes(member.blob, limit=_PARTNER_LIMIT).decode("utf-8-sig")
    if suffix == ".cls":
        return to_target(text, separator)
    value = json.loads(text)
    if isinstance(value, dict):
        if len(keys) > 1:
            return to_target({key: value.get(key) for key in keys})
        usual = keys or (*LABEL_COLUMNS, "cls")
        value = next((value[key] for key in usual if key in value), None)
    return to_target(value, separator)

"""The members of a zip in memory, bounded before any of them is read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from featx.errors import BadArtifact
from featx.storage.border import library_border

__all__ = ["ArchiveMembers", "open_members"]

# The most members: boosted trees of a hundred classes have some ten thousand.
_MOST_MEMBERS = 200_000
# The bytes of a local header without its name.
_LOCAL_HEADER = 30


@dataclass(frozen=True, slots=True)
class ArchiveMembers:
    """The members of an open zip, by name.

    Attributes
    ----------
    archive : ZipFile
    infos : mapping of str to ZipInfo
    """

    archive: zipfile.ZipFile
    infos: Mapping[str, zipfile.ZipInfo]

    def size(self, name: str) -> int:
        """Return the size of a member as the zip declares it, in bytes."""
        return self._info(name).file_size

    def open(self, name: str) -> IO[bytes]:
        """Return a member as a file object, which gives no more than the declared bytes."""
        return self.archive.open(self._info(name))

    def read(self, name: str) -> bytes:
        """Return all bytes of a member.

        Raises
        ------
        BadArtifact
            There is no such member, or it is not of the size that it declares.
        """
        info = self._info(name)
        with self.archive.open(info) as file:
            content = file.read(info.file_size + 1)
        if len(content) != info.file_size:
            raise BadArtifact(
                f"{name!r:.60}: has {len(content)} bytes, expected {info.file_size} as declared"
            )
        return content

    def _info(self, name: str) -> zipfile.ZipInfo:
        if name not in self.infos:
            raise BadArtifact(f"has no member {name!r:.60}")
        return self.infos[name]


@contextmanager
def open_members(data: bytes, *, compressed_limit: int = 0) -> Iterator[ArchiveMembers]:
    """Open a zip whose members are stored, each once, none over another.

    Parameters
    ----------
    data : bytes
    compressed_limit : int, default=0
        Where members may be deflated as well: the most bytes that all of them together declare. With 0
        nothing can be larger than ``data``.

    Raises
    ------
    BadArtifact
        The bytes are no such zip; what ``zipfile`` raises while the zip is in use becomes one as well.
    """
    with library_border("not a zip that can be read"), zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        if len(infos) > _MOST_MEMBERS:
            raise BadArtifact(f"holds {len(infos)} members, expected at most {_MOST_MEMBERS}")
        _check_infos(infos, len(data), compressed_limit)
        yield ArchiveMembers(archive, {info.filename: info for info in infos})


def _check_infos(infos: list[zipfile.ZipInfo], n_bytes: int, compressed_limit: int) -> None:
    """Refuse members that are encrypted, packed in other ways, doubled, overlapping or too large."""
    methods = {zipfile.ZIP_STORED} | ({zipfile.ZIP_DEFLATED} if compressed_limit else set())
    names: set[str] = set()
    for info in infos:
        name = f"{info.filename!r:.60}"
        if info.filename in names:
            raise BadArtifact(f"holds {name} twice")
        names.add(info.filename)
        if info.flag_bits & 1:
            raise BadArtifact(f"{name}: is encrypted")
        if info.compress_type not in methods:
            raise BadArtifact(
                f"{name}: is compressed (method {info.compress_type}), expected it as it is"
            )
        if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
            raise BadArtifact(f"{name}: declares {info.file_size} bytes and takes another number")
    total = sum(info.file_size for info in infos)
    if total > max(n_bytes, compressed_limit):
        most = max(n_bytes, compressed_limit)
        raise BadArtifact(f"declares {total:,} bytes, expected at most {most:,}")
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise BadArtifact(f"{info.filename!r:.60}: lies over another member")
        end = info.header_offset + _LOCAL_HEADER + info.compress_size
    if end > n_bytes:
        raise BadArtifact(f"ends at {end:,} of {n_bytes:,} bytes")

"""The files of a saved predictor, by relative name: in a folder, or stored in one zip and read in place."""

from __future__ import annotations

import errno
import io
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from featx.errors import BadArtifact, FeatxError, first_line
from featx.storage.atomic import recover, replacing, replacing_folder
from featx.storage.blob import Blob, Location, describe_os_error
from featx.storage.bounded import BoundedReader

__all__ = [
    "ZipMember",
    "container_names",
    "is_archive",
    "is_inner",
    "is_there",
    "member_at",
    "write_container",
]

# Bytes of the directory of an archive: featx writes less than a thousandth of it.
_DIRECTORY = 1 << 20
# The most files of a zip: a card, a graph with its weights, a head, a tokenizer.
_MOST_MEMBERS = 10_000
# The time of every member: the same files give the same archive.
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ZipMember(Location):
    """The location of a file that lies uncompressed inside a zip such as featx writes."""

    archive: Path
    name: str

    @property
    def container(self) -> str:
        """The path of the zip."""
        return str(self.archive)

    def size(self) -> int:
        """Return how many bytes the member has.

        Raises
        ------
        BadArtifact
            The archive is damaged, or has members that featx never writes.
        OSError
            There is no such member, or no such archive.
        """
        with self._found() as (_, info):
            return info.file_size

    def open(self) -> IO[bytes]:
        """Return the member as a file object, its bytes read and compared with its checksum.

        Raises
        ------
        BadArtifact
            The archive is damaged, or has members that featx never writes.
        OSError
            There is no such member, or no such archive.
        """
        with self._found() as (archive, info):
            return io.BytesIO(archive.read(info))

    @contextmanager
    def _found(self) -> Iterator[tuple[zipfile.ZipFile, zipfile.ZipInfo]]:
        """Open the archive and find the member; what zipfile refuses becomes BadArtifact."""
        with _opened(self.archive, "damaged") as (archive, members):
            if self.name not in members:
                raise FileNotFoundError(
                    errno.ENOENT, "no such file in the archive", str(self.archive)
                )
            yield archive, members[self.name]


def is_there(path: Path) -> bool:
    """Return whether there is anything of that name; a link that leads nowhere is nothing.

    Raises
    ------
    BadArtifact
        It cannot be known: a right is missing, or no file can have that name.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        reason = describe_os_error(error) if isinstance(error, OSError) else str(error)
        raise BadArtifact(f"{path}: cannot be read: {reason}") from error
    return True


def is_archive(path: Path) -> bool:
    """Return whether a container of this name is one file, or would be: its name ends in ``.zip``."""
    return path.is_file() or (not path.exists() and path.suffix.lower() == ".zip")


def member_at(path: Path, name: str) -> Blob:
    """Return the file of that name in a container; that it is there is not looked at.

    Raises
    ------
    BadArtifact
        The name leads out of the container.
    """
    if not is_inner(name):
        raise BadArtifact(f"{path}: {name!r}: expected a relative name without '..'")
    return Blob(name, ZipMember(path, name)) if is_archive(path) else Blob.of_path(path / name)


def container_names(path: Path) -> set[str]:
    """Return the names of a container's files; folders in it are looked into.

    Raises
    ------
    BadArtifact
        A file is a symbolic link, or the archive is damaged or not one of featx's.
    """
    if not path.exists():
        # A writer that was killed between two renames left the old one aside.
        recover(path)
    if not is_archive(path):
        inner = [file for file in path.rglob("*") if file.is_symlink() or not file.is_dir()]
        if link := next((file for file in inner if file.is_symlink()), None):
            raise BadArtifact(f"{link}: is a symbolic link; expected the file itself")
        return {file.relative_to(path).as_posix() for file in inner}
    try:
        with _opened(path, "not a featx classifier, nor a zip of one") as (_, members):
            return set(members)
    except OSError as error:
        reason = describe_os_error(error)
        raise BadArtifact(f"{path}: not a featx classifier, nor a zip of one: {reason}") from error


def write_container(path: Path, files: Mapping[str, bytes]) -> None:
    """Write files as a folder, or as one zip where ``path`` ends in ``.zip``, whole or not at all.

    Raises
    ------
    OutputFailed
        They cannot be written there.
    """
    if path.suffix.lower() == ".zip":
        with (
            replacing(path) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive,
        ):
            for name, data in files.items():
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)
        return
    with replacing_folder(path) as folder:
        for name, data in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def is_inner(name: str) -> bool:
    """Return whether a name is relative, leads nowhere else, and means the same on every system."""
    parts = PurePosixPath(name).parts
    return (
        bool(parts)
        and not name.startswith("/")
        and not {"..", "."} & set(parts)
        and (not set("\\:\0") & set(name))
    )


@contextmanager
def _opened(path: Path, what: str) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """Open an archive and check its members; whatever zipfile refuses becomes BadArtifact.

    Its directory, which zipfile reads whole, has at most ``_DIRECTORY`` bytes.

    Raises
    ------
    OSError
        There is no such archive, or it cannot be read.
    """

    def refusal(reason: str) -> BadArtifact:
        return BadArtifact(f"{path}: {what}: {reason}")

    try:
        blob = Blob.of_path(path)
        size = blob.size
        with (
            BoundedReader(blob.open(), _DIRECTORY, refusal) as file,
            zipfile.ZipFile(file) as archive,
        ):
            members = _checked_members(path, archive, size)
            file.lift()
            yield archive, members
    except (FeatxError, OSError):
        raise
    # Of damaged bytes zipfile raises what it likes.
    except Exception as error:
        raise refusal(first_line(error) or type(error).__name__) from error


def _checked_members(path: Path, archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """Return the members by name, once all of them are such as featx writes, within ``size`` bytes."""
    members: dict[str, zipfile.ZipInfo] = {}
    if len(archive.infolist()) > _MOST_MEMBERS:
        raise BadArtifact(f"{path}: holds {len(archive.infolist())} files, expected a few")
    for info in archive.infolist():
        if info.is_dir() and is_inner(info.filename):
            continue
        kind = stat.S_IFMT(info.external_attr >> 16)
        if not is_inner(info.filename) or info.filename in members or kind not in (0, stat.S_IFREG):
            raise BadArtifact(
                f"{path}: holds {info.filename!r}: expected plain files of relative names, each once"
            )
        stored = info.compress_type == zipfile.ZIP_STORED and info.file_size == info.compress_size
        if not stored or info.flag_bits & 1:
            raise BadArtifact(
                f"{path}: {info.filename} is compressed; expected it stored as it is (zip -0)"
            )
        members[info.filename] = info
    if sum(info.file_size for info in members.values()) > size:
        raise BadArtifact(f"{path}: damaged: its members have more bytes than it has itself")
    return members

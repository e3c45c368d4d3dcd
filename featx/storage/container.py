"""The files of a classifier, by relative name: in a folder, or stored in one zip and read in place."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from featx.errors import BadArtifact
from featx.storage.atomic import recover, replacing, replacing_folder

__all__ = [
    "Location",
    "ZipMember",
    "container_names",
    "is_archive",
    "is_inner",
    "member_at",
    "read_location",
    "write_container",
]

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same files give the same archive


@dataclass(frozen=True, slots=True)
class ZipMember:
    """A file that lies uncompressed inside a zip."""

    archive: Path
    name: str

    def __str__(self) -> str:
        return f"{self.archive}:{self.name}"


Location = Path | ZipMember


def is_archive(path: Path) -> bool:
    """Whether a pack of this name is one file: it is one, or nothing is there and it ends in ``.zip``."""
    return path.is_file() or (not path.exists() and path.suffix.lower() == ".zip")


def member_at(path: Path, name: str) -> Location:
    """Where a pack has the file of that name, if it has.

    Raises
    ------
    BadArtifact
        The name leads out of the pack.
    """
    if not is_inner(name):
        raise BadArtifact(f"{path}: {name!r}: expected a relative name without '..'")
    return ZipMember(path, name) if is_archive(path) else path / name


def read_location(place: Location) -> bytes:
    """The bytes that lie there.

    Raises
    ------
    BadArtifact
        The archive is damaged, or has members that featx never writes.
    OSError
        There are none, or they cannot be read.
    """
    if isinstance(place, Path):
        return place.read_bytes()
    try:
        with zipfile.ZipFile(place.archive) as archive:
            return archive.read(_checked(place.archive, archive)[place.name])
    except KeyError:
        raise FileNotFoundError(2, "no such file in the archive", str(place)) from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        if isinstance(error, BadArtifact):
            raise
        raise BadArtifact(f"{place.archive}: damaged: {error}") from error


def container_names(path: Path) -> set[str]:
    """The names of a pack's files, symbolic links refused; folders are looked into.

    Raises
    ------
    BadArtifact
        A file is a symbolic link, or the archive is damaged or not one of featx's.
    """
    if not path.exists():
        recover(path)  # a writer that was killed between two renames left the old one aside
    if not is_archive(path):
        inner = [place for place in path.rglob("*") if place.is_symlink() or not place.is_dir()]
        if link := next((place for place in inner if place.is_symlink()), None):
            raise BadArtifact(f"{link}: is a symbolic link; expected the file itself")
        return {place.relative_to(path).as_posix() for place in inner}
    try:
        with zipfile.ZipFile(path) as archive:
            return set(_checked(path, archive))
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        if isinstance(error, BadArtifact):
            raise
        raise BadArtifact(f"{path}: not a featx classifier, nor a zip of one: {error}") from error


def write_container(path: Path, files: Mapping[str, bytes]) -> None:
    """Write files as a folder, or as one zip where ``path`` ends in ``.zip``, whole or not at all.

    Raises
    ------
    OutputFailed
        It cannot be written there.
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
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)


def is_inner(name: str) -> bool:
    """Whether a name is relative, leads nowhere else, and means the same on every system."""
    parts = PurePosixPath(name).parts
    return (
        bool(parts)
        and not name.startswith("/")
        and not {"..", "."} & set(parts)
        and (not set("\\:\0") & set(name))
    )


def _checked(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members by name, once all of them are such as featx writes."""
    members: dict[str, zipfile.ZipInfo] = {}
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
    return members

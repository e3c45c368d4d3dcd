"""The files that a table, or a list of paths, names: below which folder, with which separators and suffix."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Never, Protocol

from featx.errors import BadOption
from featx.storage.address import is_remote, to_path
from featx.storage.blob import Blob, Location, suffix_of, to_text

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath

__all__ = ["FileFinder", "Finder", "find_below", "refusal_of", "refused"]

_HERE = Path()


class Finder(Protocol):
    """The finder of the files that a table, or a list, names."""

    def find(self, name: str) -> tuple[str, Blob]:
        """Return a name as it is meant, and the file; one that is not there, or not known, has no bytes."""


@dataclass(slots=True)
class FileFinder:
    """A finder of the files that a list names.

    Parameters
    ----------
    folder : Path
        Relative names are below it.
    suffixes : collection of str, or None
        Those of the files of the modality, lower case and with their dot; None for any.
    """

    folder: Path
    suffixes: Collection[str] | None
    _listings: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def find(self, name: str) -> tuple[str, Blob]:
        """Return a name as it is meant, and the file; one that is not there, or not known, has no bytes.

        A name is taken as it is where there is such a file. Else spaces around it are left out, backslashes
        are separators, and where it has no suffix of the modality, the one that a file of its folder has. An
        address is not asked: who writes a table shall not decide which hosts are.
        """
        if is_remote(name):
            from featx.storage.remote import redact

            reason = (
                "is an address; those of a table are read below root=, such as root='s3://bucket'"
            )
            return redact(name), refused(redact(name), reason)
        forms = self._forms(name)
        if len(forms) == 1 and self._suffix(name):
            # The usual case asks nothing of the disk.
            return name, Blob.of_path(self._path(name))
        for form in forms:
            path = Path(self._path(form))
            if _exists(path):
                return self._meant(name, form), Blob.of_path(path)
            if self._suffix(form):
                continue
            found = self._with_suffix(path)
            if len(found) == 1:
                return self._meant(name, form), Blob.of_path(path.with_name(found[0]))
            if found:
                listed = to_text(", ".join(sorted(found)[:3]))
                return name, refused(form, f"expected one file of that name, found {listed}")
        return self._meant(name, forms[-1]), Blob.of_path(self._path(forms[-1]))

    def _path(self, name: str) -> str | Path:
        # Below the working directory a name is its own path.
        return name if self.folder == _HERE else self.folder / name

    def _forms(self, name: str) -> list[str]:
        """Return the ways in which a name may be meant, the likeliest first; all differ."""
        forms = [name, name.strip()]
        if os.sep != "\\":
            forms += [form.replace("\\", "/") for form in forms]
        return list(dict.fromkeys(forms))

    def _meant(self, name: str, form: str) -> str:
        """Return a name for an id: as it was written, but for spaces around it that were not meant."""
        return name if form.strip() != form else name.strip()

    def _with_suffix(self, path: Path) -> list[str]:
        """Return the files beside a path that have its name and a suffix of the modality."""
        folder = str(path.parent)
        if folder not in self._listings:
            self._listings[folder] = self._list(folder)
        return self._listings[folder].get(path.name, [])

    def _list(self, folder: str) -> dict[str, list[str]]:
        files: dict[str, list[str]] = {}
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if suffix := self._suffix(entry.name):
                        files.setdefault(entry.name[: -len(suffix)], []).append(entry.name)
        except (OSError, ValueError):
            # The file is then missing, which its reader says.
            return {}
        return files

    def _suffix(self, name: str) -> str:
        """Return the suffix of a name where it is one of the modality, else ''."""
        suffix = suffix_of(name.rpartition("/")[2])
        return suffix if self.suffixes is None or suffix in self.suffixes else ""


def find_below(root: str | None, folder: AnyPath, suffixes: Collection[str] | None) -> Finder:
    """Return the finder below ``root``, or below ``folder`` where there is none.

    Raises
    ------
    BadOption
        ``root`` is no folder.
    """
    place = folder if root is None else to_path(root)
    if not isinstance(place, Path):
        from featx.sources.remote_names import RemoteFinder

        return RemoteFinder(place.check_readable())
    if root is None:
        return FileFinder(place, suffixes)
    try:
        there = place.is_dir()
    except (OSError, ValueError):
        there = False
    if not there:
        raise BadOption(f"root {to_text(root)!r}: expected the folder of the files, found none")
    return FileFinder(place, suffixes)


def refused(name: str, reason: str) -> Blob:
    """Return a blob that cannot be read, so that its sample is a reject of that reason."""
    return Blob(name, _Refused(reason))


def refusal_of(data: object) -> str | None:
    """Return the reason of a blob that ``refused`` made; None for other data."""
    location = data.location if isinstance(data, Blob) else None
    return location.reason if isinstance(location, _Refused) else None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class _Refused(Location):
    """The location of bytes that a source knows not to be there."""

    reason: str

    def size(self) -> int:
        return self._refuse()

    def open(self) -> IO[bytes]:
        return self._refuse()

    def _refuse(self) -> Never:
        raise OSError(errno.EINVAL, self.reason)

"""The objects that a table at an address names, or one whose files lie at an address: of one bucket or host."""

from __future__ import annotations

from dataclasses import dataclass

from featx.sources.file_names import refused
from featx.storage.address import blob_at, is_remote
from featx.storage.blob import Blob
from featx.storage.remote import RemotePath, redact

__all__ = ["RemoteFinder"]


@dataclass(frozen=True, slots=True)
class RemoteFinder:
    """A finder of the objects that a list names, of one bucket or host alone.

    Parameters
    ----------
    folder : RemotePath
        Relative names are below it.
    """

    folder: RemotePath

    def find(self, name: str) -> tuple[str, Blob]:
        """Return a name as it is meant, and the object; one that lies elsewhere has no bytes.

        Spaces around a name are left out, and backslashes are separators. An address is taken where its scheme
        and its bucket, or host, are those of the folder.
        """
        form = name.strip()
        if is_remote(form):
            path = RemotePath(form)
            if path.owner != self.folder.owner:
                reason = (
                    f"lies elsewhere than {self.folder.owner}; addresses are read below root= alone"
                )
                return redact(form), refused(redact(form), reason)
            return redact(form), blob_at(path)
        form = form.replace("\\", "/")
        names = self._names(form)
        if names is None:
            reason = f"leads out of {self.folder}; expected a name below it, or an address"
            return form, refused(form, reason)
        return form, blob_at(RemotePath(self.folder.owner).joinpath(*names))

    def _names(self, form: str) -> list[str] | None:
        """Return the names from the bucket on; None where a name leads out of it, or of this machine."""
        names = list(RemotePath(self.folder.owner + "/").below(self.folder))
        if form.startswith("/") or not form:
            return None
        for name in form.split("/"):
            if name == ".." and not names:
                return None
            if name == "..":
                names.pop()
            elif name not in ("", "."):
                names.append(name)
        return names

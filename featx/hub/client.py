"""A client of a hub of models: what a repository holds, and its files, each verified.

What a hub answers is a stranger's: every name, size and digest is checked before it is used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from featx.catalog.transfer import (
    Progress,
    RemoteFile,
    Tries,
    address,
    fetch_answer,
    fetch_file,
    host_of,
)
from featx.errors import BadArtifact, BadOption, DownloadFailed
from featx.hub.address import ModelAddress, is_plain_name, is_repository
from featx.storage.json_text import parse_json_text

__all__ = ["DEFAULT_ENDPOINT", "Hub", "HubFile", "Repository"]

DEFAULT_ENDPOINT = "https://huggingface.co"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,500}")
_YES = {"1", "on", "yes", "true"}
# Bytes of what a hub says of a repository, and the files that it may have.
_LARGEST_ANSWER = 1 << 24
_MOST_FILES = 50_000
# Bytes of a file: no model has more in one.
_LARGEST_FILE = 1 << 41
_PATIENCE = Tries()


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository: its name, its bytes by number, and what they must be.

    Attributes
    ----------
    name : str
    size : int
        Bytes.
    sha256 : str or None
        64 hex digits; None of a small file, which a hub knows by its name in git alone.
    blob : str or None
        40 hex digits, the name of its object in git.
    """

    name: str
    size: int
    sha256: str | None = None
    blob: str | None = None


@dataclass(frozen=True, slots=True)
class Repository:
    """The state of a repository at one commit.

    Attributes
    ----------
    name : str
        ``OWNER/NAME``, as it is called now.
    commit : str
        40 hex digits.
    card, tags : object
        What it says of itself, unchecked.
    """

    name: str
    commit: str
    card: Any = None
    tags: Any = None
    _files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its files, sorted; one that no folder here can hold is refused when it is asked for."""
        return tuple(sorted(self._files))

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def file(self, name: str) -> HubFile:
        """Return one of its files.

        Raises
        ------
        DownloadFailed
            There is none of that name, or what the hub says of it cannot be.
        """
        entry = self._files.get(name)
        if entry is None:
            raise DownloadFailed(f"{self.name}: has no file {name!r:.200} at {self.commit[:12]}")
        if not is_plain_name(name):
            raise DownloadFailed(
                f"{self.name}: has a file {name!r:.200}, which no folder here can hold"
            )
        large = entry.get("lfs")
        sizes = [entry.get("size"), large.get("size") if isinstance(large, Mapping) else None]
        sha256 = large.get("sha256") if isinstance(large, Mapping) else None
        blob = entry.get("blobId")
        known = [size for size in sizes if size is not None]
        numbers = all(type(size) is int and 0 <= size <= _LARGEST_FILE for size in known)
        if not numbers or len(set(known)) != 1:
            raise DownloadFailed(f"{self.name}: the hub says no size of {name} that can be")
        if _is_hex(_SHA256, sha256):
            return HubFile(name, known[0], sha256=sha256)
        if large is None and _is_hex(_COMMIT, blob):
            return HubFile(name, known[0], blob=blob)
        raise DownloadFailed(
            f"{self.name}: the hub gives no digest of {name}, so it cannot be verified"
        )


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub, and who asks it.

    Parameters
    ----------
    endpoint : str, default="https://huggingface.co"
        The address of a hub or of its mirror.
    token : str or None, default=None
        Whom the hub lets read what is not for all. It goes to the endpoint alone, and is never printed.
    offline : bool, default=False
        Whether nothing may be asked.
    tries : Tries, default=Tries()
        How long it is waited for.

    Raises
    ------
    BadOption
        The endpoint is no address of a server, a token would go over a connection that is not encrypted, or it
        has characters that no token has.

    Examples
    --------
    >>> Hub("https://mirror.example/", token="hf_secret")
    Hub(endpoint='https://mirror.example', offline=False)
    """

    endpoint: str = DEFAULT_ENDPOINT
    token: str | None = field(default=None, repr=False)
    offline: bool = False
    tries: Tries = field(default=_PATIENCE, repr=False)

    def __post_init__(self) -> None:
        host = host_of(self.endpoint)
        if not host:
            raise BadOption(
                "HF_ENDPOINT: expected the address of a hub such as https://huggingface.co, without a user, "
                "a password or a query"
            )
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise BadOption("HF_TOKEN: has characters that no token has; copy it again")
        local = host in ("localhost", "::1") or host.startswith("127.")
        if self.token and not self.endpoint.lower().startswith("https://") and not local:
            raise BadOption(
                f"HF_ENDPOINT: {self.endpoint} is not encrypted, and HF_TOKEN would go over it for all to "
                "read; use https://, or unset HF_TOKEN"
            )
        object.__setattr__(self, "endpoint", self.endpoint.rstrip("/"))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Hub:
        """Return the hub that ``HF_ENDPOINT``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` mean.

        >>> Hub.from_environment({"HF_HUB_OFFLINE": "1"})
        Hub(endpoint='https://huggingface.co', offline=True)
        """
        return cls(
            environment.get("HF_ENDPOINT", "").strip() or DEFAULT_ENDPOINT,
            environment.get("HF_TOKEN", "").strip() or None,
            environment.get("HF_HUB_OFFLINE", "").strip().lower() in _YES,
        )

    def repository(self, model: ModelAddress) -> Repository:
        """Return what a repository holds, at the commit that its revision means now.

        Raises
        ------
        DownloadFailed
            The hub is not to be asked, refuses, or answers with something else.
        """
        if self.offline:
            raise DownloadFailed(
                f"{model}: HF_HUB_OFFLINE is set, so {self.endpoint} is not asked; unset it, or add a folder "
                "that you have: featx backbones add FOLDER"
            )
        name = model.repository.split("/")
        where = ("api", "models", *name, "revision", model.revision)
        url = address(self.endpoint, *where, blobs="true")
        answer = fetch_answer(
            url,
            limit=_LARGEST_ANSWER,
            secret=self._secret,
            explain=self._explainer(model.repository),
            tries=self.tries,
        )
        try:
            table = parse_json_text(answer, url, limit=_LARGEST_ANSWER)
        except BadArtifact as error:
            raise DownloadFailed(f"{error}; expected what a hub says of a repository") from error
        return _read(table, model, url)

    def fetch(
        self, repository: Repository, file: HubFile, folder: Path, progress: Progress | None = None
    ) -> Path:
        """Put a file of a repository into a folder, under its own name, and return where it is.

        What an earlier call has left is continued. A file that is there already is taken where its bytes are
        the right ones.

        Raises
        ------
        DownloadFailed, WrongDigest, OutputFailed
            As ``featx.catalog.transfer.fetch_file``.
        """
        parts = (*repository.name.split("/"), "resolve", repository.commit, *file.name.split("/"))
        url = address(self.endpoint, *parts)
        remote = RemoteFile(
            url,
            file.sha256 or file.blob or "",
            file.size,
            "sha256" if file.sha256 else "git",
            f"{repository.name} at {repository.commit[:12]}",
            self._secret,
            self._explainer(repository.name),
        )
        target = folder / file.name
        fetch_file(remote, target, progress=progress, tries=self.tries)
        return target

    @property
    def _secret(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def _explainer(self, repository: str) -> Callable[[int], str]:
        """Return what says in words what to do about a status."""
        page = f"{self.endpoint}/{repository}"
        if self.token:
            unknown = f"it is not there, or HF_TOKEN may not read it; see {page}"
            closed = f"accept its conditions at {page} with the account that HF_TOKEN is of"
        else:
            unknown = f"it is not there, or not for all: see {page}, and set HF_TOKEN to one that may read it"
            closed = f"accept its conditions at {page}, and set HF_TOKEN to a token of that account"
        words = {401: unknown, 403: closed, 404: f"see what there is at {page}/tree/main"}
        return lambda status: words.get(status, "")


def _read(table: Any, model: ModelAddress, url: str) -> Repository:
    """Return the repository that an answer describes, as far as it is looked at whole."""
    if not isinstance(table, dict):
        raise DownloadFailed(f"{url}: expected a table, found {type(table).__name__}")
    commit, name = table.get("sha"), table.get("id", model.repository)
    if not _is_hex(_COMMIT, commit):
        raise DownloadFailed(f"{url}: expected a commit of 40 hex digits, found {commit!r:.60}")
    if _COMMIT.fullmatch(model.revision) and commit != model.revision:
        raise DownloadFailed(f"{url}: answers with the commit {commit}, expected the one asked for")
    if not isinstance(name, str) or not is_repository(name):
        raise DownloadFailed(f"{url}: expected OWNER/NAME, found {name!r:.100}")
    entries = table.get("siblings")
    if not isinstance(entries, list) or len(entries) > _MOST_FILES:
        raise DownloadFailed(f"{url}: expected a list of at most {_MOST_FILES:,} files")
    files: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        file = entry.get("rfilename") if isinstance(entry, dict) else None
        if not isinstance(file, str) or file in files:
            raise DownloadFailed(
                f"{url}: expected a name for each file, each once; found {file!r:.100}"
            )
        files[file] = entry
    return Repository(name, str(commit), table.get("cardData"), table.get("tags"), files)


def _is_hex(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and bool(pattern.fullmatch(value))

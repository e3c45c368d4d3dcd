"""Addresses of models on a hub: ``hf:OWNER/NAME[@REVISION][:FILE]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from featx.errors import BadOption
from featx.storage.container import is_inner

__all__ = ["PREFIX", "ModelAddress", "is_plain_name", "is_repository"]

PREFIX = "hf:"
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,95})"
_REPOSITORY = re.compile(rf"{_PART}/{_PART}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class ModelAddress:
    """A repository of a hub, a state of it, and one of its graphs.

    Attributes
    ----------
    repository : str
        ``OWNER/NAME``.
    revision : str
        A branch, a tag or a commit.
    file : str or None
        A graph, such as ``onnx/model_fp16.onnx``; None is the one that is usual.

    Examples
    --------
    >>> ModelAddress.read("hf:onnx-community/dinov2-small@main:onnx/model.onnx")
    ModelAddress(repository='onnx-community/dinov2-small', revision='main', file='onnx/model.onnx')
    >>> str(ModelAddress("onnx-community/dinov2-small"))
    'hf:onnx-community/dinov2-small@main'
    """

    repository: str
    revision: str = "main"
    file: str | None = None

    @classmethod
    def read(cls, text: str) -> ModelAddress:
        """Return the address that a text means.

        Raises
        ------
        BadOption
            It is none.
        """
        rest, colon, file = text.removeprefix(PREFIX).partition(":")
        repository, at, revision = rest.partition("@")
        if not is_repository(repository):
            raise BadOption(f"{text!r:.200}: expected {PREFIX}OWNER/NAME[@REVISION][:FILE]")
        if at and (not _REVISION.fullmatch(revision) or {"", ".."} & set(revision.split("/"))):
            raise BadOption(f"{text!r:.200}: expected a branch, a tag or a commit after @")
        if colon and not (is_plain_name(file) and file.endswith(".onnx")):
            raise BadOption(
                f"{text!r:.200}: expected the name of a graph after the colon, as in :onnx/model.onnx"
            )
        return cls(repository, revision or "main", file or None)

    def __str__(self) -> str:
        return f"{PREFIX}{self.repository}@{self.revision}" + (f":{self.file}" if self.file else "")

    @property
    def name(self) -> str:
        """The last part of the repository's name."""
        return self.repository.partition("/")[2]


def is_repository(text: str) -> bool:
    """Return whether a text is an owner and a name as a hub allows them.

    >>> is_repository("BAAI/bge-small-en-v1.5"), is_repository("../x"), is_repository("bert")
    (True, False, False)
    """
    return bool(_REPOSITORY.fullmatch(text)) and ".." not in text


def is_plain_name(name: str) -> bool:
    """Return whether a name of a file in a repository may be that of a file here, in the same folder.

    >>> [is_plain_name(name) for name in ("onnx/model.onnx", "../x.json", "a//b", "C:x")]
    [True, False, False, False]
    """
    plain = is_inner(name) and PurePosixPath(name).as_posix() == name
    return plain and name.isprintable() and len(name) <= _LONGEST

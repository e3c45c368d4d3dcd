"""The source of a classifier's training samples: remembered on the machine that trained it, and only there.

A classifier names no folder of its maker's machine; the note lies in the cache, by the digest of its head.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from featx.errors import OutputFailed
from featx.persistence.metadata import HEAD, read_metadata
from featx.storage.dirs import cache_dir
from featx.storage.json_file import read_json_table, write_json_table

__all__ = ["Origin", "recall_source", "remember_source"]

# The most classifiers that are remembered.
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Origin:
    """A source of samples, and the options with which it was read.

    Attributes
    ----------
    source : str
        An absolute path.
    columns : mapping of str to str, bool or None
        The names of the columns that were asked for, and how labels are read.
    """

    source: str
    columns: Mapping[str, Any] = field(default_factory=dict)


def remember_source(classifier: Path, origin: Origin) -> None:
    """Keep where the samples of a saved classifier were; what cannot be written is done without."""
    notes = read_json_table(_path())
    notes.pop(_key(classifier), None)
    recent = list(notes.items())[-_MOST + 1 :]
    with suppress(OutputFailed):
        write_json_table(_path(), dict([*recent, (_key(classifier), asdict(origin))]))


def recall_source(classifier: Path) -> Origin | None:
    """Return where the samples of a saved classifier were; None where nobody knows, or they are gone.

    Raises
    ------
    BadArtifact
        There is no classifier, or it was changed.
    """
    note = read_json_table(_path()).get(_key(classifier))
    try:
        origin = Origin(str(note["source"]), dict(note["columns"])) if note else None
    except (KeyError, TypeError, ValueError):
        return None
    return origin if origin and Path(origin.source).exists() else None


def _key(classifier: Path) -> str:
    return str(read_metadata(classifier).files[HEAD]["sha256"])


def _path() -> Path:
    return cache_dir() / "origins.json"

"""Where a classifier's training samples were: remembered on the machine that trained it, and only there.

A classifier names no folder of its maker's machine; the note lies in the cache, by the digest of its head.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from featx.errors import OutputFailed
from featx.files import cache_dir, read_notes, write_notes
from featx.manifest import HEAD, read_manifest

__all__ = ["Origin", "recall", "remember"]

_MOST = 1000  # classifiers that are remembered


@dataclass(frozen=True, slots=True)
class Origin:
    """A source of samples, and the options with which it was read."""

    source: str  # an absolute path
    columns: Mapping[str, str | None] = field(default_factory=dict)


def remember(classifier: Path, origin: Origin) -> None:
    """Keep where the samples of a saved classifier were; what cannot be written is done without."""
    notes = read_notes(_place())
    notes.pop(_key(classifier), None)
    kept = list(notes.items())[-_MOST + 1 :]
    with suppress(OutputFailed):
        write_notes(_place(), dict([*kept, (_key(classifier), asdict(origin))]))


def recall(classifier: Path) -> Origin | None:
    """Where the samples of a saved classifier were; None where nobody knows, or they are gone.

    Raises
    ------
    BadArtifact
        There is no classifier, or it was changed.
    """
    note = read_notes(_place()).get(_key(classifier))
    try:
        origin = Origin(str(note["source"]), dict(note["columns"])) if note else None
    except (KeyError, TypeError, ValueError):
        return None
    return origin if origin and Path(origin.source).exists() else None


def _key(classifier: Path) -> str:
    return str(read_manifest(classifier)["files"][HEAD]["sha256"])


def _place() -> Path:
    return cache_dir() / "origins.json"

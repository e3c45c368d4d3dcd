"""Where a classifier's training samples were: remembered on the machine that trained it, and only there.

A classifier names no folder of its maker's machine; the note lies in the cache, by the digest of its head.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from featx.errors import OutputFailed
from featx.files import cache_dir, replacing
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
    notes = _notes()
    notes.pop(_key(classifier), None)
    kept = list(notes.items())[-_MOST + 1 :]
    try:
        _place().parent.mkdir(parents=True, exist_ok=True)
        with replacing(_place()) as temporary:
            made = dict([*kept, (_key(classifier), asdict(origin))])
            temporary.write_text(json.dumps(made, indent=1), encoding="utf-8")
    except (OutputFailed, OSError):
        return


def recall(classifier: Path) -> Origin | None:
    """Where the samples of a saved classifier were; None where nobody knows, or they are gone.

    Raises
    ------
    BadArtifact
        There is no classifier, or it was changed.
    """
    note = _notes().get(_key(classifier))
    try:
        origin = Origin(str(note["source"]), dict(note["columns"])) if note else None
    except (KeyError, TypeError, ValueError):
        return None
    return origin if origin and Path(origin.source).exists() else None


def _key(classifier: Path) -> str:
    return str(read_manifest(classifier)["files"][HEAD]["sha256"])


def _place() -> Path:
    return cache_dir() / "origins.json"


def _notes() -> dict[str, Any]:
    try:
        notes = json.loads(_place().read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return notes if isinstance(notes, dict) else {}

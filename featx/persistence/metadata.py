"""What a saved classifier says of itself: a text with a digest of itself and of every other file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from featx.catalog import BUNDLED
from featx.errors import BadArtifact, FeatxError
from featx.storage.container import container_names, member_at

__all__ = [
    "FORMAT",
    "HEAD",
    "MANIFEST",
    "is_bundled",
    "listed",
    "read_file",
    "read_metadata",
    "seal",
]

FORMAT = 1
MANIFEST = "manifest.json"
HEAD = "head.skops"


def read_metadata(path: str | Path) -> dict[str, Any]:
    """What a classifier says of itself, its bytes proven; neither head nor backbone are read.

    Raises
    ------
    BadArtifact
        The folder is not a classifier, has a newer format, or its manifest was changed.
    """
    path = Path(path)
    try:
        raw = member_at(path, MANIFEST).read() if container_names(path) else b""
        manifest = json.loads(raw)
        number = manifest["format"]
        if not isinstance(number, int) or number < 1:
            raise ValueError(number)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, FeatxError):
            raise
        raise BadArtifact(
            f"{path}: not a featx classifier; expected a folder with a {MANIFEST} that says its format"
        ) from error
    if number > FORMAT:
        raise BadArtifact(
            f"{path}: has format {number}, this featx reads up to {FORMAT}; upgrade featx"
        )
    if seal({key: value for key, value in manifest.items() if key != "digest"}) != raw:
        raise BadArtifact(f"{path}: {MANIFEST} was changed since it was saved; save it again")
    _check_form(path, manifest)
    return dict(manifest)


_FORM: Mapping[str, Any] = MappingProxyType(
    {
        "versions": dict,
        "classes": list,
        "temperature": float,
        "head": {"name": str, "parameters": dict},
        "backbone": {"name": str, "fingerprint": str, "dim": int, "card": str},
        "training": dict,
        "files": dict,
    }
)


def _check_form(path: Path, manifest: Mapping[str, Any]) -> None:
    """Refuse what was sealed by someone else and is not as featx writes it."""
    for key, kind in _FORM.items():
        pairs = kind.items() if isinstance(kind, dict) else [(key, kind)]
        table = manifest.get(key) if isinstance(kind, dict) else manifest
        for name, expected in pairs:
            value = table.get(name) if isinstance(table, dict) else None
            if isinstance(value, bool) or not isinstance(
                value, (int, float) if expected is float else expected
            ):
                raise BadArtifact(
                    f"{path}: {MANIFEST} has {name} = {value!r:.40}: not a classifier"
                )
    texts = [*manifest["classes"], *(each.get("sha256") for each in _entries(manifest))]
    if not all(isinstance(each, str) for each in texts):
        raise BadArtifact(f"{path}: {MANIFEST} has classes or digests that are no text")


def _entries(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What it says of each file; an empty table where it is none."""
    return [each if isinstance(each, dict) else {} for each in manifest["files"].values()]


def is_bundled(manifest: Mapping[str, Any]) -> bool:
    """Whether a classifier's backbone goes with it."""
    return any(name.startswith(f"{BUNDLED}/") for name in manifest["files"])


def listed(files: Mapping[str, bytes]) -> dict[str, Any]:
    """What a manifest says of other files: the digest and size of each."""
    return {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in files.items()
    }


def seal(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as text, the digest of all the rest in it: there is one text for one content."""
    body = json.dumps(manifest, sort_keys=True, ensure_ascii=False).encode()
    sealed = {**manifest, "digest": hashlib.sha256(body).hexdigest()}
    return (json.dumps(sealed, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def read_file(path: Path, name: str, manifest: Mapping[str, Any]) -> bytes:
    """The proven bytes of one of a classifier's files.

    Raises
    ------
    BadArtifact
        It is missing, or not what the manifest says.
    """
    try:
        data = member_at(path, name).read()
    except OSError as error:
        raise BadArtifact(f"{path}: {name} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != manifest.get("files", {}).get(name, {}).get("sha256"):
        raise BadArtifact(f"{path}: {name} was changed since it was saved; save it again")
    return data

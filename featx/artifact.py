"""A classifier as a folder that one can read, verify and load without running its code.

``manifest.json`` says everything a person may want to know, and holds a digest of itself and of every other
file; ``head.skops`` holds the estimator's arrays and parameters. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import skops.io
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from skops.io.exceptions import UnsupportedTypeException, UntrustedTypesFoundException

from featx.catalog import Card, find, get_card
from featx.classifier import Classifier
from featx.errors import BadArtifact, BadCard, FeatxError, OutputFailed, UnknownBackbone
from featx.files import recover, replacing_folder
from featx.heads import FittedHead, scores

__all__ = ["FORMAT", "check_target", "load", "read_manifest", "save"]

FORMAT = 1
_MANIFEST, _HEAD = "manifest.json", "head.skops"
_LIBRARIES = ("featx", "numpy", "sklearn", "skops")


def save(classifier: Classifier, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a classifier as a folder, whole or not at all.

    Parameters
    ----------
    path : path
        By custom it ends in ``.featx``; its parent must exist.
    overwrite : bool, default=False
        Whether a classifier that is already there may be replaced; anything else never is.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputFailed
        Something is there already, or the folder cannot be written.
    BadArtifact
        The head's estimator has parts that cannot be written without pickle.
    """
    path = Path(path)
    check_target(path, overwrite=overwrite)
    head = _dump(classifier.head.estimator, path)
    manifest = _manifest(classifier, {_HEAD: head})
    with replacing_folder(path) as folder:
        (folder / _HEAD).write_bytes(head)
        (folder / _MANIFEST).write_bytes(_seal(manifest))
    return path


def check_target(path: Path, *, overwrite: bool) -> None:
    """Refuse a place where ``save`` could not put a classifier, before any work is done for it.

    Raises
    ------
    OutputFailed
        Something is there already, or the parent is missing.
    """
    recover(path)
    if not path.absolute().parent.is_dir():
        raise OutputFailed(f"{path}: the folder {path.absolute().parent} does not exist; create it")
    if path.exists() and not _is_classifier(path):
        raise OutputFailed(f"{path}: exists and is not a featx classifier; choose another name")
    if path.exists() and not overwrite:
        raise OutputFailed(f"{path}: exists; choose another name, or --overwrite (overwrite=True)")


def load(path: str | Path, *, trusted: Iterable[str] = ()) -> Classifier:
    """Read a classifier, proving every byte on the way.

    Parameters
    ----------
    trusted : iterable of str, default=()
        Full names of further types that may be built, for heads with a user's own estimator.

    Raises
    ------
    BadArtifact
        The folder is not a classifier, has a newer format, a changed byte, an unknown type, arrays that
        do not fit, or was trained on another backbone than the one of that name on this machine.
    """
    path = Path(path)
    manifest = read_manifest(path)
    data = _read(path, _HEAD, manifest)
    card = _card(path, manifest)
    estimator = _build(path, data, frozenset(trusted))
    try:
        head = FittedHead(manifest["head"]["name"], estimator, float(manifest["temperature"]))
        _check_shapes(path, head, manifest)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, FeatxError):
            raise
        raise BadArtifact(f"{path}: its head is not a fitted classifier: {error}") from error
    return Classifier(card, head, manifest["training"])


def read_manifest(path: str | Path) -> dict[str, Any]:
    """What a classifier says of itself, its bytes proven; neither head nor backbone are read.

    Raises
    ------
    BadArtifact
        The folder is not a classifier, has a newer format, or its manifest was changed.
    """
    path = Path(path)
    try:
        raw = (path / _MANIFEST).read_bytes()
        manifest = json.loads(raw)
        number = manifest["format"]
        if not isinstance(number, int) or number < 1:
            raise ValueError(number)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadArtifact(
            f"{path}: not a featx classifier; expected a folder with a {_MANIFEST} that says its format"
        ) from error
    if number > FORMAT:
        raise BadArtifact(
            f"{path}: has format {number}, this featx reads up to {FORMAT}; upgrade featx"
        )
    if _seal({key: value for key, value in manifest.items() if key != "digest"}) != raw:
        raise BadArtifact(f"{path}: {_MANIFEST} was changed since it was saved; save it again")
    return dict(manifest)


def _manifest(classifier: Classifier, files: Mapping[str, bytes]) -> dict[str, Any]:
    card, head = classifier.card, classifier.head
    return {
        "format": FORMAT,
        "versions": {name: import_module(name).__version__ for name in _LIBRARIES},
        "classes": list(head.classes),
        "head": {"name": head.name, "parameters": _parameters(head.estimator)},
        "temperature": head.temperature,
        "backbone": {
            "name": card.name,
            "fingerprint": card.fingerprint,
            "dim": head.dim,
            "card": card.to_toml(),
        },
        "training": dict(classifier.training),
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            for name, data in files.items()
        },
    }


def _seal(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as text, the digest of all the rest in it: there is one text for one content."""
    body = json.dumps(manifest, sort_keys=True, ensure_ascii=False).encode()
    sealed = {**manifest, "digest": hashlib.sha256(body).hexdigest()}
    return (json.dumps(sealed, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def _parameters(estimator: BaseEstimator) -> dict[str, Any]:
    """The parameters of the last step, for people."""
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    plain = (str, int, float, bool, type(None))
    return {
        key: value if isinstance(value, plain) else repr(value)
        for key, value in last.get_params(deep=False).items()
    }


def _is_classifier(path: Path) -> bool:
    """Whether a folder is one of ours, however damaged, so that replacing it loses nothing else."""
    if not path.is_dir() or path.is_symlink():
        return False
    names = {entry.name for entry in path.iterdir()}
    return _MANIFEST in names and _HEAD in names


def _dump(estimator: BaseEstimator, path: Path) -> bytes:
    try:
        return bytes(skops.io.dumps(estimator))
    except (UnsupportedTypeException, TypeError, ValueError) as error:
        raise BadArtifact(
            f"{path}: a part of the head cannot be written without pickle: {error}"
        ) from error


def _read(path: Path, name: str, manifest: Mapping[str, Any]) -> bytes:
    try:
        data = (path / name).read_bytes()
    except OSError as error:
        raise BadArtifact(f"{path}: {name} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != manifest.get("files", {}).get(name, {}).get("sha256"):
        raise BadArtifact(f"{path}: {name} was changed since it was saved; save it again")
    return data


def _card(path: Path, manifest: Mapping[str, Any]) -> Card:
    """The card that the head was trained with, and no other backbone of its name in its place."""
    backbone = manifest["backbone"]
    try:
        card = Card.from_toml(backbone["card"])
    except BadCard as error:
        raise BadArtifact(f"{path}: its card cannot be read: {error}") from error
    if card.fingerprint != backbone["fingerprint"]:
        raise BadArtifact(
            f"{path}: was trained on rows of fingerprint {backbone['fingerprint'][:12]}…, this featx "
            f"makes {card.fingerprint[:12]}… from the same card; train it again"
        )
    try:
        named = get_card(card.name)
    except (UnknownBackbone, BadCard):
        return card
    if named.graph.sha256 != card.graph.sha256 and find(card, card.graph) is None:
        raise BadArtifact(
            f"{path}: was trained on the {card.name} of sha256 {card.graph.sha256[:12]}…, the one on "
            f"this machine is {named.graph.sha256[:12]}…; train it again, or put back the other"
        )
    return card


def _build(path: Path, data: bytes, trusted: frozenset[str]) -> BaseEstimator:
    """The estimator, once every type in it is one that skops knows to be harmless or the user named."""
    try:
        strangers = sorted(set(skops.io.get_untrusted_types(data=data)) - trusted)
        if strangers:
            raise BadArtifact(
                f"{path}: holds types that featx does not trust: {', '.join(strangers)}; "
                "if you do, load it with trusted=[…]"
            )
        return skops.io.loads(data, trusted=sorted(trusted))
    except (
        BadZipFile,
        UntrustedTypesFoundException,
        UnsupportedTypeException,
        AttributeError,
        ImportError,
        KeyError,
        TypeError,
        IndexError,
        RecursionError,
        EOFError,
        OSError,
        ValueError,
    ) as error:
        if isinstance(error, FeatxError):
            raise
        raise BadArtifact(f"{path}: {_HEAD} cannot be read: {error}") from error


def _check_shapes(path: Path, head: FittedHead, manifest: Mapping[str, Any]) -> None:
    """Dimensions agree between manifest, card and arrays, shown by running one row of zeros."""
    dim, classes = manifest["backbone"]["dim"], manifest["classes"]
    if head.dim != dim:
        raise BadArtifact(f"{path}: its head takes rows of {head.dim}, its backbone gives {dim}")
    if list(head.classes) != classes or head.temperature <= 0:
        raise BadArtifact(f"{path}: its head and its manifest do not agree on the classes")
    shape = scores(head.estimator, np.zeros((1, dim), np.float32)).shape
    if shape != (1, len(classes)):
        raise BadArtifact(f"{path}: its arrays give {shape[1]} scores for {len(classes)} classes")

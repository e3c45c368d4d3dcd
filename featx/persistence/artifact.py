"""A classifier as a folder that one can read, verify and load without running its code.

``manifest.json`` says everything a person may want to know, and holds a digest of itself and of every other
file; ``featx.persistence.head`` says what the head's files are. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featx.backbones.providers import CPU, Provider, read_provider
from featx.catalog import BUNDLED, Card, find, get_card, verify_files
from featx.errors import BadArtifact, BadCard, FeatxError, OutputFailed, UnknownBackbone
from featx.heads import FittedHead, StoredHead
from featx.persistence.head import ARRAYS, read_head, write_head
from featx.persistence.metadata import (
    FORMAT,
    HEAD,
    MANIFEST,
    is_bundled,
    listed,
    read_file,
    read_metadata,
    seal,
)
from featx.predictor import Classifier
from featx.storage.atomic import recover
from featx.storage.container import container_names, write_container

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["bundle", "check_target", "load", "save"]

_LIBRARIES = ("featx", "numpy", "sklearn", "skops")


def save(
    classifier: Classifier, path: str | Path, *, overwrite: bool = False, bundle: bool = False
) -> Path:
    """Write a classifier as a folder, or as one file that ends in ``.zip``, whole or not at all.

    Parameters
    ----------
    path : path
        By custom it ends in ``.featx``; its parent must exist.
    overwrite : bool, default=False
        Whether a classifier that is already there may be replaced; anything else never is.
    bundle : bool, default=False
        Whether the backbone's bytes go with it, so that it needs none on the machine that loads it.

    Returns
    -------
    Path
        The folder or file.

    Raises
    ------
    OutputFailed
        Something is there already, or the folder cannot be written.
    BadArtifact
        The head's estimator has parts that cannot be written without pickle.
    MissingWeights, WrongDigest
        The bytes to bundle are not on this machine, or others are in their place.
    """
    path = Path(path)
    check_target(path, overwrite=overwrite)
    files = write_head(classifier.head, path)
    files |= _backbone_files(classifier.card) if bundle else {}
    manifest = _manifest(classifier, files)
    write_container(path, {MANIFEST: seal(manifest), **files})
    return path


def bundle(path: str | Path, output: str | Path | None = None, *, overwrite: bool = False) -> Path:
    """Put the backbone's bytes into a saved classifier; its head is copied and never built.

    Parameters
    ----------
    output : path, default=None
        Another folder, or one file that ends in ``.zip``; None puts them into ``path`` itself.

    Raises
    ------
    BadArtifact
        There is no classifier, or it was changed.
    MissingWeights, WrongDigest
        The backbone's bytes are not on this machine, or others are in their place.
    OutputFailed
        Something is there already, or it cannot be written.
    """
    path = Path(path)
    manifest = read_metadata(path)
    target = path if output is None else Path(output)
    if target == path and path.is_file() and path.suffix.lower() != ".zip":
        raise OutputFailed(
            f"{path}: is one file; name one that ends in .zip: --output NAME.featx.zip"
        )
    check_target(target, overwrite=overwrite or target == path)
    files = _head_files(path, manifest) | _backbone_files(_card(path, manifest))
    del manifest["digest"]
    manifest["files"] = listed(files)
    write_container(target, {MANIFEST: seal(manifest), **files})
    return target


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


def load(
    path: str | Path, *, trusted: Iterable[str] = (), provider: str | Provider = CPU
) -> Classifier:
    """Read a classifier, proving every byte on the way.

    Parameters
    ----------
    trusted : iterable of str, default=()
        Full names of further types that may be built, for heads with a user's own estimator.
    provider : str or Provider, default="cpu"
        Where its backbone is computed, as ``featx.backbones.providers.read_provider`` reads it.

    Raises
    ------
    BadArtifact
        The folder is not a classifier, has a newer format, a changed byte, an unknown type, arrays that
        do not fit, or was trained on another backbone than the one of that name on this machine.
    """
    path = Path(path)
    manifest = read_metadata(path)
    files = _head_files(path, manifest)
    card = _card(path, manifest)
    try:
        name, temperature = manifest["head"]["name"], float(manifest["temperature"])
        head = read_head(path, files, name, temperature, frozenset(trusted))
        _check_shapes(path, head, manifest)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, FeatxError):
            raise
        raise BadArtifact(f"{path}: its head is not a fitted classifier: {error}") from error
    where = read_provider(provider) if isinstance(provider, str) else provider
    return Classifier(card, head, manifest["training"], where)


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
        "files": listed(files),
    }


def _head_files(path: Path, manifest: Mapping[str, Any]) -> dict[str, bytes]:
    """The proven bytes of a head's files, by name."""
    names = [HEAD, *({ARRAYS} & set(manifest["files"]))]
    return {name: read_file(path, name, manifest) for name in names}


def _backbone_files(card: Card) -> dict[str, bytes]:
    """A backbone's proven bytes, by their names in a bundle."""
    return {f"{BUNDLED}/{name}": blob.read() for name, blob in verify_files(card).items()}


def _parameters(estimator: BaseEstimator) -> dict[str, Any]:
    """The parameters of the last step, for people."""
    from sklearn.pipeline import Pipeline

    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    plain = (str, int, float, bool, type(None))
    return {
        key: value if isinstance(value, plain) else repr(value)
        for key, value in last.get_params(deep=False).items()
    }


def _is_classifier(path: Path) -> bool:
    """Whether a folder is one of ours, however damaged, so that replacing it loses nothing else."""
    if path.is_symlink():
        return False
    try:
        names = container_names(path)
    except BadArtifact:
        return False
    return MANIFEST in names and HEAD in names


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
    if is_bundled(manifest):
        return _bundled(path, card, manifest)
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


def _bundled(path: Path, card: Card, manifest: Mapping[str, Any]) -> Card:
    """The card with its bytes in the pack, every one of them proven."""
    names = {file.name for file in card.files}
    for file in (card.graph, *card.files):
        data = read_file(path, f"{BUNDLED}/{file.name}", manifest)
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise BadArtifact(f"{path}: its {file.name} is not the one that its card promises")
        if file == card.graph and b"location" in data:  # the key that names a file of weights
            from featx.graphs import external_data  # onnx takes 0.3 s to import

            beside = external_data(data)
            if beside and (path.is_file() or not beside <= names):
                raise BadArtifact(
                    f"{path}: its graph keeps weights in {min(beside)!r}; expected a graph in one "
                    "file, or weights among the files of a bundled folder"
                )
    return replace(card, pack=path.absolute())


def _check_shapes(path: Path, head: FittedHead | StoredHead, manifest: Mapping[str, Any]) -> None:
    """Dimensions agree between manifest, card and arrays, shown by running one row of zeros."""
    dim, classes = manifest["backbone"]["dim"], manifest["classes"]
    if head.dim != dim:
        raise BadArtifact(f"{path}: its head takes rows of {head.dim}, its backbone gives {dim}")
    if list(head.classes) != classes or head.temperature <= 0:
        raise BadArtifact(f"{path}: its head and its manifest do not agree on the classes")
    shape = head.predict_proba(np.zeros((1, dim), np.float32)).shape
    if shape != (1, len(classes)):
        raise BadArtifact(f"{path}: its arrays give {shape[1]} scores for {len(classes)} classes")

"""A classifier as a folder that one can read, verify and load without running its code.

``manifest.json`` says everything a person may want to know, and holds a digest of itself and of every other
file; ``featx.persistence.head`` says what the head's files are. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from featx.backbones.providers import CPU, Provider, read_provider
from featx.catalog import BUNDLED, Card, find, get_card, names_beside, verify_files
from featx.errors import (
    BadArtifact,
    BadCard,
    BadOption,
    FeatxError,
    OutputFailed,
    UnknownBackbone,
    check_iterable,
)
from featx.heads import TrainedHead, read_calibrator
from featx.heads.label_types import typed_labels
from featx.inputs.input import is_joint
from featx.persistence.head import ARRAYS, read_head, write_head
from featx.persistence.inputs import filling_files, input_tables, read_inputs
from featx.persistence.metadata import (
    CONFORMAL,
    FILLINGS,
    FORMAT,
    HEAD,
    JOINT_FORMAT,
    MANIFEST,
    SAMPLES,
    InputMetadata,
    Metadata,
    file_table,
    read_file,
    read_metadata,
    seal,
)
from featx.persistence.remote_predictor import (
    check_remote_target,
    local_predictor,
    put_predictor,
)
from featx.predictor import Predictor, predictor_class
from featx.storage.address import to_path
from featx.storage.atomic import os_errors_in_words, recover
from featx.storage.border import library_border
from featx.storage.container import container_names, write_container
from featx.storage.writable import check_writable
from featx.tasks import get_task

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from featx.fit_config import FitConfig
    from featx.heads.conformity import Conformity
    from featx.heads.selective import ErrorThreshold
    from featx.reporting.fit_report import FitReport
    from featx.reporting.training_samples import TrainingSamples
    from featx.storage.remote import AnyPath, RemotePath

__all__ = ["bundle", "check_target", "load", "save"]

_LIBRARIES = ("featx", "numpy", "sklearn", "skops")


def save(
    predictor: Predictor | Any,
    path: str | Path | RemotePath,
    *,
    overwrite: bool = False,
    bundle: bool = False,
    trusted: Iterable[str] = (),
) -> Path | RemotePath:
    """Write a predictor as a folder, or as one file that ends in ``.zip``, whole or not at all.

    Parameters
    ----------
    predictor : Predictor, or a fitted scikit-learn pipeline
        What ``featx.fit`` gave, or what ``featx.from_pipeline`` takes.
    path : path
        The name ends in ``.featx`` by custom; its parent must exist. An address such as
        ``s3://bucket/flowers.featx`` gets the files one by one, and the one that vouches for them last.
    overwrite : bool, default=False
        Whether a classifier that is already there may be replaced; anything else never is.
    bundle : bool, default=False
        Whether the backbone's bytes go with it, so that it needs none on the machine that loads it.
    trusted : iterable of str, default=()
        Full names of types in a head of your own that ``load`` will be given as ``trusted`` as well; a head
        with others could not be loaded again.

    Returns
    -------
    Path, or RemotePath of an address
        The folder or file.

    Raises
    ------
    OutputFailed
        Something is there already, or the folder cannot be written.
    BadArtifact
        The head's estimator has parts that cannot be written without pickle, or that could not be loaded
        again without trust.
    MissingWeights, WrongDigest
        The bytes to bundle are not on this machine, or others are in their place.

    Examples
    --------
    >>> import tempfile
    >>> import featx, numpy as np
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> classifier = featx.fit(images, ["dark"] * 3 + ["light"] * 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save(classifier, f"{folder}/shade.featx")
    ...     again = featx.load(path)
    >>> path.name, [str(label) for label in again.predict(images[:1])]
    ('shade.featx', ['dark'])
    """
    path = to_path(path)
    check_target(path, overwrite=overwrite)
    if not isinstance(path, Path):
        return put_predictor(
            path, lambda local: save(predictor, local, bundle=bundle, trusted=trusted)
        )
    if not isinstance(predictor, Predictor):
        # Not above: it imports scikit-learn, which a saved linear head does without.
        from featx.pipelines import from_pipeline

        predictor = from_pipeline(predictor)
    files = write_head(predictor.head, path, _check_names(trusted))
    if (samples := predictor.samples) is not None:
        files[SAMPLES] = samples.to_bytes()
    if (conformity := predictor.conformity) is not None:
        files[CONFORMAL] = conformity.to_bytes()
    if bundle:
        joint = is_joint(predictor.inputs)
        files |= _backbone_files([one.card for one in predictor.inputs if one.has_backbone], joint)
    files |= filling_files(predictor.inputs)
    manifest = _manifest(predictor, files)
    write_container(path, {MANIFEST: seal(manifest), **files})
    return path


def bundle(
    path: str | Path | RemotePath,
    output: str | Path | RemotePath | None = None,
    *,
    overwrite: bool = False,
) -> AnyPath:
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
    target = to_path(path if output is None else output)
    path = local_predictor(to_path(path))
    if not isinstance(target, Path):
        check_target(target, overwrite=overwrite or output is None)
        return put_predictor(target, lambda local: bundle(path, local))
    metadata = read_metadata(path)
    if target == path and path.is_file() and path.suffix.lower() != ".zip":
        raise OutputFailed(
            f"{path}: is one file; name one that ends in .zip: output='NAME.featx.zip'"
        )
    check_target(target, overwrite=overwrite or target == path)
    files = _read_files(path, metadata, (HEAD, ARRAYS, SAMPLES, CONFORMAL, FILLINGS))
    cards = [_card(path, metadata, one) for one in metadata.inputs if one.encoder is None]
    files |= _backbone_files(cards, metadata.format == JOINT_FORMAT)
    manifest = {key: value for key, value in metadata.manifest.items() if key != "digest"}
    manifest["files"] = file_table(files)
    write_container(target, {MANIFEST: seal(manifest), **files})
    return target


def check_target(path: AnyPath, *, overwrite: bool) -> None:
    """Refuse a place where ``save`` could not put a classifier, before any work is done for it.

    Raises
    ------
    OutputFailed
        Something is there already, or it cannot be written: the parent is missing, read-only or full.
    """
    if not isinstance(path, Path):
        check_remote_target(path, overwrite=overwrite)
        return
    recover(path)
    with os_errors_in_words(path):
        if path.exists() and not _is_classifier(path):
            raise OutputFailed(f"{path}: exists and is not a featx classifier; choose another name")
    check_writable(path, overwrite=overwrite, folder=path.suffix.lower() != ".zip")


def load(
    path: str | Path | RemotePath, *, trusted: Iterable[str] = (), provider: str | Provider = CPU
) -> Any:
    """Read a predictor, verifying every byte that is read.

    The file of training samples is read, and verified, when ``report.samples`` is asked for.

    Parameters
    ----------
    path : path
        Or an address; its files are copied to this machine, until the process ends.
    trusted : iterable of str, default=()
        Full names of further types that may be built, for heads with a user's own estimator.
    provider : str or Provider, default="cpu"
        Where its backbone is computed, as ``featx.backbones.providers.read_provider`` reads it.

    Raises
    ------
    BadArtifact
        The folder is not a classifier, has a newer format, a changed byte, an unknown type, arrays that
        do not fit, or was trained on another backbone than the one of that name on this machine.

    Examples
    --------
    >>> import tempfile
    >>> import featx, numpy as np
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> classifier = featx.fit(images, ["dark"] * 3 + ["light"] * 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = featx.save(classifier, f"{folder}/shade.featx")
    ...     again = load(path)
    >>> path.name, [str(label) for label in again.predict(images[:1])]
    ('shade.featx', ['dark'])
    """
    path = local_predictor(to_path(path))
    known = _check_names(trusted)
    metadata = read_metadata(path)
    with library_border(f"{path}: is not a trained predictor"):
        files = _read_files(path, metadata, (HEAD, ARRAYS))
        inputs = read_inputs(path, metadata, partial(_card, path, metadata))
        try:
            calibrator, task = read_calibrator(metadata.calibration), get_task(metadata.task)
            limit = _limit(metadata)
        except FeatxError as error:
            raise BadArtifact(f"{path}: is not a trained predictor: {error}") from error
        head = read_head(path, files, metadata, calibrator, known)
        _check_shapes(path, head, metadata)
    where = read_provider(provider)
    report, config = _report(path, metadata), _config(path, metadata)
    return predictor_class(task)(
        inputs,
        head,
        report,
        config,
        where,
        task.name,
        conformity_source=_conformity(path, metadata),
        error_threshold=limit,
    )


def _check_names(trusted: Iterable[str]) -> frozenset[str]:
    """Return the names of trusted types; raise BadOption where one is no full name."""
    if not isinstance(trusted, str):
        check_iterable("trusted", trusted, "full names of types")
    given = [trusted] if isinstance(trusted, str) else list(trusted)
    for name in given:
        parts = name.split(".") if isinstance(name, str) else []
        if len(parts) < 2 or not all(part.isidentifier() for part in parts):
            raise BadOption(
                f"trusted={name!r}: expected the full name of a type, such as 'package.module.Class'"
            )
    return frozenset(given)


def _manifest(predictor: Predictor, files: Mapping[str, bytes]) -> dict[str, Any]:
    head, report, config = predictor.head, predictor.report, predictor.config
    limit = predictor.error_threshold
    return {
        "format": JOINT_FORMAT if is_joint(predictor.inputs) else FORMAT,
        "versions": {name: import_module(name).__version__ for name in _LIBRARIES},
        "task": predictor.task_name,
        "targets": {"classes": list(head.classes), "type": head.label_type},
        "inputs": input_tables(predictor.inputs, head.dim),
        "head": {
            "name": head.name,
            "parameters": _parameters(head.estimator),
            "calibration": head.calibrator.to_dict(),
            "own_answers": head.own_answers,
            "target_error": limit.to_dict() if limit else None,
        },
        "report": report.to_dict() if report else None,
        "config": config.to_dict() if config else None,
        "files": file_table(files),
    }


def _read_files(path: Path, metadata: Metadata, names: Iterable[str]) -> dict[str, bytes]:
    """Return the verified bytes of those files that a predictor has; its head must be among them."""
    return {n: read_file(path, n, metadata) for n in names if n == HEAD or n in metadata.files}


def _report(path: Path, metadata: Metadata) -> Callable[[], FitReport] | None:
    """Return what reads the report, which a prediction does without."""
    table = metadata.report
    if table is None:
        return None

    def read_samples() -> TrainingSamples:
        from featx.reporting.training_samples import TrainingSamples

        with library_border(f"{path}: {SAMPLES} cannot be read"):
            samples = TrainingSamples.from_bytes(read_file(path, SAMPLES, metadata))
        known = get_task(metadata.task).is_known(samples.targets.tolist(), metadata.classes)
        if samples.scores.shape[1] != len(metadata.classes) or not known:
            raise BadArtifact(f"{path}: {SAMPLES} is of other classes than its manifest")
        if samples.rows is not None and samples.rows.shape[1] != metadata.dim:
            raise BadArtifact(f"{path}: {SAMPLES} has rows of another backbone than its manifest")
        return samples

    def read_report() -> FitReport:
        from featx.reporting.fit_report import FitReport

        source = read_samples if SAMPLES in metadata.files else None
        with library_border(f"{path}: what it says of its training cannot be read"):
            return FitReport.from_dict(table, source)

    return read_report


def _limit(metadata: Metadata) -> ErrorThreshold | None:
    """Return the confidence from which a predictor answers; raise BadArtifact where it can have none."""
    if metadata.target_error is None:
        return None
    from featx.heads.selective import ErrorThreshold

    if not get_task(metadata.task).answer_sets.abstains:
        raise BadArtifact(f"target_error: a {metadata.task} has none; train it again")
    return ErrorThreshold.from_dict(metadata.target_error)


def _conformity(path: Path, metadata: Metadata) -> Callable[[], Conformity] | None:
    """Return what reads the conformal calibration, once; an answer without a coverage does without."""
    if CONFORMAL not in metadata.files:
        return None

    @cache
    def read_conformity() -> Conformity:
        from featx.heads.conformity import Conformity

        shape = get_task(metadata.task).answer_sets.shape(len(metadata.classes))
        with library_border(f"{path}: {CONFORMAL} cannot be read"):
            return Conformity.from_bytes(read_file(path, CONFORMAL, metadata), shape)

    return read_conformity


def _config(path: Path, metadata: Metadata) -> Callable[[], FitConfig] | None:
    table = metadata.config
    if table is None:
        return None

    def read_config() -> FitConfig:
        from featx.fit_config import FitConfig

        with library_border(f"{path}: what it was trained with cannot be read"):
            return FitConfig.from_dict(table)

    return read_config


def _backbone_files(cards: Iterable[Card], joint: bool) -> dict[str, bytes]:
    """Return the verified bytes of backbones, by their names in a bundle.

    Raises
    ------
    BadOption
        Two backbones of one name have different files.
    """
    files: dict[str, bytes] = {}
    for card in cards:
        for name, blob in verify_files(card).items():
            where, data = f"{_folder(card, joint)}/{name}", blob.read()
            if files.setdefault(where, data) != data:
                raise BadOption(
                    f"bundle: two inputs have backbones named {card.name} with different files"
                )
    return files


def _folder(card: Card, joint: bool) -> str:
    """Return where a bundle has the files of a backbone: each of several has a folder of its name."""
    return f"{BUNDLED}/{card.name}" if joint else BUNDLED


def _parameters(estimator: BaseEstimator) -> dict[str, Any]:
    """Return the parameters of the last step, for people."""
    from sklearn.pipeline import Pipeline

    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    plain = (str, int, float, bool, type(None))
    return {
        key: value if isinstance(value, plain) else repr(value)
        for key, value in last.get_params(deep=False).items()
    }


def _is_classifier(path: Path) -> bool:
    """Return whether a folder is one of ours, however damaged, so that replacing it loses nothing else."""
    if path.is_symlink():
        return False
    try:
        names = container_names(path)
    except BadArtifact:
        return False
    return MANIFEST in names and HEAD in names


def _card(path: Path, metadata: Metadata, one: InputMetadata) -> Card:
    """Return the card that the head was trained with, and no other backbone of its name in its place."""
    try:
        card = Card.from_toml(one.card)
    except BadCard as error:
        raise BadArtifact(f"{path}: its card cannot be read: {error}") from error
    if card.name != one.backbone:
        raise BadArtifact(f"{path}: its card is of {card.name!r}, expected {one.backbone!r:.60}")
    if card.fingerprint != one.fingerprint:
        raise BadArtifact(
            f"{path}: was trained on rows of fingerprint {one.fingerprint[:12]}…, this featx "
            f"makes {card.fingerprint[:12]}… from the same card; train it again"
        )
    if metadata.is_bundled:
        return _bundled(path, card, metadata)
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


def _bundled(path: Path, card: Card, metadata: Metadata) -> Card:
    """Return the card with its bytes in the container, every one of them verified."""
    names, folder = names_beside(card).keys(), _folder(card, metadata.format == JOINT_FORMAT)
    for file in (card.graph, *card.files):
        data = read_file(path, f"{folder}/{file.name}", metadata)
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise BadArtifact(f"{path}: its {file.name} is not the one that its card promises")
        # This key names a file of weights; onnx, which takes 0.3 s to import, is not needed without.
        if file == card.graph and b"location" in data:
            from featx.graphs import external_data

            beside = external_data(data)
            if not beside <= names:
                raise BadArtifact(
                    f"{path}: its graph keeps weights in {min(beside - names)!r}; expected weights among "
                    "the files of its card"
                )
    return replace(card, pack=path.absolute(), pack_folder=folder)


def _check_shapes(path: Path, head: TrainedHead, metadata: Metadata) -> None:
    """Refuse a head whose dimensions disagree with manifest or card; one row of zeros is run through it."""
    dim, classes = metadata.dim, metadata.classes
    if head.dim != dim:
        gives = "backbone gives" if len(metadata.inputs) == 1 else "inputs give"
        raise BadArtifact(f"{path}: its head takes rows of {head.dim}, its {gives} {dim}")
    if head.classes != classes:
        raise BadArtifact(f"{path}: its head and its manifest do not agree on the classes")
    try:
        head.predict_outputs(np.zeros((1, dim), np.float32))
        typed_labels(head.classes, head.label_type)
    except FeatxError as error:
        raise BadArtifact(f"{path}: is not a trained predictor: {error}") from error

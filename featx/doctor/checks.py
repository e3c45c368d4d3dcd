"""The checks of ``featx doctor``: each looks at one thing and says what it found."""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np

from featx import __version__
from featx._typing import FloatArray
from featx.backbones.backbone import Backbone, canary_deviation
from featx.backbones.providers import CPU, PROVIDERS, Provider, read_provider
from featx.backbones.session import available, open_session, runtime_version
from featx.catalog import (
    Card,
    bundled_directory,
    list_cards,
    model_directories,
    user_directory,
    verify_files,
)
from featx.doctor.processor import instruction_sets, processor_name
from featx.embedding.autotune import count_cores
from featx.errors import BadGraph, FeatxError, FeatxWarning, MissingExtra, OutputFailed
from featx.storage.dirs import cache_dir
from featx.storage.writable import check_writable

__all__ = ["Diagnosis", "compare_rows", "diagnose", "runtime_fault"]

Status = Literal["ok", "note", "wrong"]

# Versions of ONNX Runtime whose rows are not to be trusted, and why.
_BAD_RUNTIMES = {
    "1.27.0": "its products of matrices are not the same each time, and it fails silently on ARM"
}
# Distributions that all bring ONNX Runtime, in the same folder.
_RUNTIMES = (
    *("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino", "onnxruntime-directml"),
    *("onnxruntime-silicon", "onnxruntime-training", "onnxruntime-qnn"),
)
_NEEDED = ("numpy", "scipy", "scikit-learn", "onnx", "pillow", "joblib", "skops", "click")
_EXTRAS = {
    "tokenizers": "text",
    "soundfile": "audio",
    "soxr": "audio",
    "pyarrow": "parquet",
    "starlette": "serve",
    "pillow-heif": "heif",
    "pydicom": "dicom",
}
# How often each known row is computed, each time in a session of its own.
_TIMES = 3


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result of one check.

    Attributes
    ----------
    topic : str
        Such as "directories".
    name : str
        What was looked at.
    status : {"ok", "note", "wrong"}
        A note is worth knowing; what is wrong costs rows, or their equality.
    message : str
    """

    topic: str
    name: str
    status: Status
    message: str


def diagnose() -> list[Diagnosis]:
    """Look at all that decides whether featx works here, and gives the same rows as elsewhere.

    It opens no connection, and computes only rows of the backbones that featx ships.

    Returns
    -------
    list of Diagnosis
        In the order of the report.

    Examples
    --------
    >>> [found.message for found in diagnose() if found.name == "featx"] == [__version__]
    True
    """
    checks = (_versions, _processor, _providers, _directories, _cards, _known_rows)
    with warnings.catch_warnings():
        # it is said once, by the check of directories
        warnings.filterwarnings("ignore", "FEATX_MODELS names", FeatxWarning)
        return [found for check in checks for found in check()]


def _versions() -> Iterator[Diagnosis]:
    python = (
        f"{platform.python_implementation()} {platform.python_version()}, {platform.platform()}"
    )
    yield Diagnosis("versions", "python", "ok", python)
    yield Diagnosis("versions", "featx", "ok", __version__)
    yield _runtime()
    brings = [name for name in _RUNTIMES if _version(name)]
    if len(brings) > 1:
        text = f"{', '.join(brings)} lie in one folder and overwrite each other; uninstall all and install one"
        yield Diagnosis("versions", "onnxruntime twice", "wrong", text)
    for name in _NEEDED:
        version = _version(name)
        yield Diagnosis(
            "versions", name, "ok" if version else "note", version or "of unknown version"
        )
    for name, extra in _EXTRAS.items():
        version = _version(name)
        missing = f"not installed; for it: pip install 'featx[{extra}]'"
        yield Diagnosis("versions", name, "ok" if version else "note", version or missing)


def _runtime() -> Diagnosis:
    version = runtime_version()
    bad = runtime_fault(version)
    text = f"{version}: {bad}; install another version" if bad else version
    return Diagnosis("versions", "onnxruntime", "wrong" if bad else "ok", text)


def runtime_fault(version: str) -> str | None:
    """Return why rows of a version of ONNX Runtime are not to be trusted; None where nothing is known.

    >>> runtime_fault("1.26.0") is None, runtime_fault("1.27.0") is None
    (True, False)
    """
    return _BAD_RUNTIMES.get(version.partition("+")[0])


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> Iterator[Diagnosis]:
    cores = count_cores()
    yield Diagnosis("processor", "name", "ok", processor_name())
    usable = f"{cores.usable} of {cores.host} may be used"
    yield Diagnosis("processor", "cores", "ok", usable)
    sets = instruction_sets()
    if sets is None:
        yield Diagnosis("processor", "instructions", "note", "the system does not say")
        return
    text = ", ".join(sets) or "none for vectors that is known"
    if "AVX2" in sets and "VNNI" not in sets:
        text += "; without VNNI sums of eight-bit products may saturate"
    yield Diagnosis("processor", "instructions", "ok" if sets else "note", text)


def _providers() -> Iterator[Diagnosis]:
    offered = available()
    for name in PROVIDERS:
        if name in offered:
            yield _started(name, read_provider(name))
    if not offered:
        yield Diagnosis("providers", "cpu", "wrong", "the installed ONNX Runtime offers none")


def _started(name: str, provider: Provider) -> Diagnosis:
    """Start a provider with the smallest graph that featx ships."""
    cards = [card for card in _shipped() if card.modality == "image"]
    try:
        for card in cards[:1]:
            graph = verify_files(card)[card.graph.name]
            open_session(graph, graph, provider)
    except FeatxError as error:
        wrong: Status = "wrong" if provider == CPU else "note"
        return Diagnosis("providers", name, wrong, f"does not start: {error}")
    return Diagnosis("providers", name, "ok", "starts")


def _directories() -> Iterator[Diagnosis]:
    cache = cache_dir()
    yield _directory("cache", cache, "wrong", "rows and cut graphs are made again each time")
    user = user_directory()
    yield _directory("your models", user, "note", "backbones can be neither added nor pulled")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FeatxWarning)
        known = model_directories()
    for warning in caught:
        yield Diagnosis("directories", "FEATX_MODELS", "wrong", str(warning.message))
    for path in known:
        if path == user:
            continue
        readable = os.access(path, os.R_OK | os.X_OK)
        name = "shipped models" if path == bundled_directory() else "FEATX_MODELS"
        text = f"{path}: can be read" if readable else f"{path}: cannot be read"
        yield Diagnosis("directories", name, "ok" if readable else "wrong", text)


def _directory(name: str, path: Path, otherwise: Status, costs: str) -> Diagnosis:
    there = "" if path.is_dir() else ", not there yet"
    try:
        check_writable(path / "file", parents=True)
    except OutputFailed as error:
        return Diagnosis("directories", name, otherwise, f"{error}: {costs}")
    return Diagnosis("directories", name, "ok", f"{path}: can be written{there}")


def _cards() -> Iterator[Diagnosis]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", FeatxWarning)
        known = list_cards()
    yield Diagnosis("cards", "read", "ok", f"{len(known)} backbones are known")
    for warning in caught:
        if "FEATX_MODELS names" not in str(warning.message):
            yield Diagnosis("cards", "damaged", "wrong", str(warning.message))


def _shipped() -> list[Card]:
    """Return the cards of the backbones that featx ships, whatever other directories call theirs."""
    folder = bundled_directory()
    paths = sorted(folder.glob("*/card.toml"))
    cards = [Card.from_toml(path.read_text(encoding="utf-8"), path=path) for path in paths]
    return [card for card in cards if (folder / card.name / card.graph.name).is_file()]


def _known_rows() -> Iterator[Diagnosis]:
    try:
        cards = _shipped()
    except (FeatxError, OSError, ValueError) as error:
        yield Diagnosis("rows", "shipped backbones", "wrong", f"cannot be read: {error}")
        return
    if not cards:
        yield Diagnosis("rows", "shipped backbones", "wrong", "are not there; install featx again")
    for card in cards:
        try:
            yield compare_rows(card, [_row(card) for _ in range(_TIMES)])
        except MissingExtra as error:
            yield Diagnosis("rows", card.name, "note", f"not computed: {error}")
        except FeatxError as error:
            yield Diagnosis("rows", card.name, "wrong", str(error))


def _row(card: Card) -> FloatArray:
    backbone = Backbone(card)
    item = backbone.reader.read(backbone.reader.load(card.input.canary()))
    rows = backbone.embed_items([item])
    if rows.shape[1] < len(card.canary):
        raise BadGraph(f"rows have {rows.shape[1]} columns, the canary {len(card.canary)}")
    row: FloatArray = rows[0]
    return row


def compare_rows(card: Card, rows: Sequence[FloatArray]) -> Diagnosis:
    """Compare rows of the built-in sample with each other, to the bit, and with the card's canary."""
    name = card.name
    spread = max(float(np.abs(row - rows[0]).max()) for row in rows)
    if any(row.tobytes() != rows[0].tobytes() for row in rows):
        text = (
            f"{len(rows)} runs give other rows, up to {spread:.2g} apart: ONNX Runtime {runtime_version()} "
            "cannot be trusted here; install another version"
        )
        return Diagnosis("rows", name, "wrong", text)
    deviation, limit = canary_deviation(card, rows[0])
    text = f"{len(rows)} runs the same to the bit, {deviation:.2g} from the known row, allowed {limit:.2g}"
    return Diagnosis("rows", name, "ok" if deviation <= limit else "wrong", text)

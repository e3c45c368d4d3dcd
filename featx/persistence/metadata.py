"""The metadata of a saved predictor: a JSON text with a digest of itself and of every other file.

Format 2 is written of one input, and format 3 of several; format 1, of classifications alone, is still read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from featx.catalog import BUNDLED
from featx.errors import BadArtifact, UnknownTask
from featx.storage.atomic import recover
from featx.storage.border import library_border
from featx.storage.container import container_names, is_inner, is_there, member_at
from featx.storage.json_text import parse_json_text
from featx.tasks import get_task

__all__ = [
    "CONFORMAL",
    "FILLINGS",
    "FORMAT",
    "HEAD",
    "JOINT_FORMAT",
    "MANIFEST",
    "SAMPLES",
    "InputMetadata",
    "Metadata",
    "file_table",
    "read_file",
    "read_metadata",
    "seal",
]

FORMAT = 2
JOINT_FORMAT = 3
MANIFEST = "manifest.json"
HEAD = "head.skops"
SAMPLES = "samples.npz"
CONFORMAL = "conformal.npz"
FILLINGS = "fillings.npz"

# The most bytes of a manifest, and of each other file; the most characters of a class's name.
_LARGEST, _LARGEST_FILE = 1 << 26, 1 << 32
_LONGEST_LABEL = 10_000
_DIGEST = re.compile("[0-9a-f]{64}")

# What a manifest must hold, by format: a type, or a table of types
_FORM_1: Mapping[str, Any] = MappingProxyType(
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
_FORM_2: Mapping[str, Any] = MappingProxyType(
    {
        "versions": dict,
        "task": str,
        "targets": {"classes": list},
        "inputs": list,
        "head": {"name": str, "parameters": dict, "calibration": dict},
        "files": dict,
    }
)
_INPUT: Mapping[str, Any] = MappingProxyType(
    {"name": str, "kind": str, "backbone": _FORM_1["backbone"]}
)
# Of several inputs: those with a backbone, and those with an encoder.
_JOINT: Mapping[str, Any] = MappingProxyType(
    {"name": str, "kind": str, "columns": list, "missing": str}
)
_ENCODED: Mapping[str, Any] = MappingProxyType(
    {"name": str, "kind": str, "columns": list, "encoder": dict, "fingerprint": str, "dim": int}
)
# The most inputs, and the most characters of their names.
_MOST_INPUTS, _LONGEST_NAME = 64, 3000


@dataclass(frozen=True, slots=True)
class InputMetadata:
    """The entry of one input of a predictor in a manifest.

    Attributes
    ----------
    name, kind : str
    backbone : str
        Name of the backbone.
    fingerprint : str
        64 hexadecimal digits: of the rows that the head was trained on.
    dim : int
        Columns of a row.
    card : str
        The card, as TOML; "" of an input without a backbone.
    columns : tuple of str, default=()
        The columns that one of several inputs reads.
    missing : str, default="reject"
    encoder : mapping or None
        The JSON of its encoder, where it has no backbone.
    """

    name: str
    kind: str
    backbone: str
    fingerprint: str
    dim: int
    card: str
    columns: tuple[str, ...] = ()
    missing: str = "reject"
    encoder: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """The content of the manifest of a saved predictor.

    Attributes
    ----------
    format : int
    versions : mapping of str to str
        The versions of the libraries that wrote it.
    task : str
    classes : tuple of str
    inputs : tuple of InputMetadata
    head : str
        Name of the head.
    parameters : mapping
        The parameters of the head's estimator, for people.
    calibration : mapping
        What the head's calibrator is made of.
    report : mapping or None
        The JSON of a FitReport.
    config : mapping or None
        The JSON of a FitConfig.
    files : mapping of str to {"sha256": str, "size": int}
    manifest : mapping
        The whole text, as JSON values.
    label_type : str, default="str"
        What labels were before they became texts; earlier versions did not say it.
    own_answers : bool, default=False
        Whether the estimator's own probabilities and labels are taken as they are.
    target_error : JSON value, default=None
        The confidence from which it answers; None answers all.
    """

    format: int
    versions: Mapping[str, str]
    task: str
    classes: tuple[str, ...]
    inputs: tuple[InputMetadata, ...]
    head: str
    parameters: Mapping[str, Any]
    calibration: Mapping[str, Any]
    report: Mapping[str, Any] | None
    config: Mapping[str, Any] | None
    files: Mapping[str, Mapping[str, Any]]
    manifest: Mapping[str, Any]
    label_type: str = "str"
    own_answers: bool = False
    target_error: Any = None

    @property
    def dim(self) -> int:
        """The number of columns of a row: those of the blocks of all inputs."""
        return sum(one.dim for one in self.inputs)

    @property
    def is_bundled(self) -> bool:
        """True where the backbone's bytes are among the files."""
        return any(name.startswith(f"{BUNDLED}/") for name in self.files)


def read_metadata(path: str | Path) -> Metadata:
    """Return what a predictor says of itself, once its digest is verified; no other file is read.

    Raises
    ------
    BadArtifact
        Nothing is there, it is not a predictor, has a newer format, or its manifest was changed.
    """
    path = Path(path)
    with library_border(f"{path}: {MANIFEST} cannot be read"):
        raw = _read_manifest(path)
        manifest = parse_json_text(
            raw, f"{path}: not a featx classifier: {MANIFEST}", limit=_LARGEST
        )
        number = manifest.get("format") if isinstance(manifest, dict) else None
        if type(number) is not int or number < 1:
            raise BadArtifact(
                f"{path}: not a featx classifier; expected a {MANIFEST} that says its format"
            )
        if number > JOINT_FORMAT:
            raise BadArtifact(
                f"{path}: has format {number:.0f}, this featx reads up to {JOINT_FORMAT}; upgrade featx"
            )
        if seal({key: value for key, value in manifest.items() if key != "digest"}) != raw:
            raise BadArtifact(f"{path}: {MANIFEST} was changed since it was saved; save it again")
        _check_form(path, manifest, _FORM_1 if number == 1 else _FORM_2)
        metadata = _from_format_1(manifest) if number == 1 else _from_format_2(path, manifest)
        _check_values(path, metadata)
    return metadata


def _read_manifest(path: Path) -> bytes:
    """Return the bytes of a manifest; say what is there instead."""
    if not is_there(path):
        # A writer that was killed between two renames left the old one aside.
        recover(path)
    if not is_there(path):
        raise BadArtifact(
            f"{path}: nothing is there; expected a folder or .zip that featx.save or featx fit wrote"
        )
    # A folder that is no classifier may be as large as a disk: it is not looked through.
    if path.is_dir() and not is_there(path / MANIFEST):
        names = {file.relative_to(path).as_posix() for file in path.glob(f"*/{MANIFEST}")}
    else:
        names = container_names(path)
    if MANIFEST not in names:
        inner = sorted(name for name in names if name.endswith(f"/{MANIFEST}"))
        hint = f"; it lies one folder deeper, in {inner[0]!r:.80}" if inner else ""
        kind = "zip" if path.is_file() else "folder"
        raise BadArtifact(
            f"{path}: not a featx classifier; expected a {kind} with a {MANIFEST} that says its "
            f"format{hint}"
        )
    try:
        return member_at(path, MANIFEST).read(_LARGEST)
    except OSError as error:
        raise BadArtifact(f"{path}: {MANIFEST} cannot be read: {error.strerror}") from error


def _check_form(path: Path, table: Any, form: Mapping[str, Any]) -> None:
    """Refuse what was sealed by someone else and is not as featx writes it."""
    for key, kind in form.items():
        value = table.get(key) if isinstance(table, dict) else None
        if isinstance(kind, Mapping):
            _check_form(path, value, kind)
            continue
        expected = (int, float) if kind is float else kind
        if isinstance(value, bool) or not isinstance(value, expected):
            raise BadArtifact(f"{path}: {MANIFEST} has {key} = {value!r:.40}: not a classifier")


def _check_values(path: Path, metadata: Metadata) -> None:
    """Refuse classes, inputs and files that no training leaves."""
    classes, versions = metadata.classes, metadata.versions
    _check_texts(path, [*classes, *versions.values(), *metadata.parameters])
    try:
        task = get_task(metadata.task)
    except UnknownTask as error:
        raise BadArtifact(f"{path}: is not a trained predictor: {error}; upgrade featx") from error
    if len(classes) < task.least_outputs or len(set(classes)) != len(classes):
        raise BadArtifact(
            f"{path}: {MANIFEST} has {len(classes)} {task.output_noun[1]}, expected {task.least_outputs} or "
            "more that differ"
        )
    if max(map(len, classes)) > _LONGEST_LABEL:
        raise BadArtifact(f"{path}: {MANIFEST} has a class of {max(map(len, classes))} characters")
    _check_inputs(path, metadata)
    for key, table in (("report", metadata.report), ("config", metadata.config)):
        if table is not None and not isinstance(table, dict):
            raise BadArtifact(f"{path}: {MANIFEST} has {key} = {table!r:.40}: not a classifier")
    for name, entry in metadata.files.items():
        digest = entry.get("sha256") if isinstance(entry, dict) else None
        if not is_inner(name) or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
            raise BadArtifact(f"{path}: {MANIFEST} has no digest of {name!r:.60}: not a classifier")
        if type(size := entry.get("size")) is not int or not 0 <= size <= _LARGEST_FILE:
            raise BadArtifact(f"{path}: {MANIFEST} has no size of {name!r:.60}: not a classifier")
    if HEAD not in metadata.files:
        raise BadArtifact(f"{path}: {MANIFEST} has no digest of {HEAD!r}: not a classifier")


def _check_inputs(path: Path, metadata: Metadata) -> None:
    """Refuse inputs that no training leaves: none, too many, twice the same name."""
    inputs, most = metadata.inputs, 1 if metadata.format < JOINT_FORMAT else _MOST_INPUTS
    if not 0 < len(inputs) <= most:
        raise BadArtifact(
            f"{path}: {MANIFEST} has {len(inputs)} inputs, expected one"
            + (f" to {most}" if most > 1 else "")
        )
    names = [metadata.head, *(text for one in inputs for text in (one.name, one.kind))]
    columns = [column for one in inputs for column in one.columns]
    if not metadata.head or not all(name.isprintable() for name in names):
        raise BadArtifact(f"{path}: {MANIFEST} has no name that can be shown: {str(names)!r:.60}")
    if max(map(len, [*names, *columns])) > _LONGEST_NAME:
        raise BadArtifact(f"{path}: {MANIFEST} has an input whose name is too long")
    if len({one.name for one in inputs}) < len(inputs):
        raise BadArtifact(f"{path}: {MANIFEST} has two inputs of one name")
    if not all(one.dim > 0 for one in inputs) or not metadata.dim < 1 << 31:
        raise BadArtifact(f"{path}: {MANIFEST} has rows of {metadata.dim:.3g} columns")
    for one in inputs:
        if one.missing not in ("reject", "zero"):
            raise BadArtifact(f"{path}: {MANIFEST} has missing = {one.missing!r:.40}")


def _joint_input(path: Path, table: Any) -> InputMetadata:
    """Return one of several inputs."""
    has_backbone = isinstance(table, dict) and "backbone" in table
    for form in (_JOINT, _INPUT) if has_backbone else (_ENCODED,):
        _check_form(path, table, form)
    columns = table["columns"]
    if len(columns) not in ((1, 2) if has_backbone else (1,)):
        raise BadArtifact(f"{path}: {MANIFEST} has an input of {len(columns)} columns")
    _check_texts(path, columns)
    name, kind = table["name"], table["kind"]
    if not has_backbone:
        return InputMetadata(
            *(name, kind, "", table["fingerprint"], table["dim"], ""),
            columns=tuple(columns),
            encoder=table["encoder"],
        )
    backbone = table["backbone"]
    width = backbone["dim"] * len(columns)
    return InputMetadata(
        *(name, kind, backbone["name"], backbone["fingerprint"], width, backbone["card"]),
        columns=tuple(columns),
        missing=table["missing"],
    )


def _input(path: Path, table: Any) -> InputMetadata:
    """Return the only input."""
    _check_form(path, table, _INPUT)
    backbone = table["backbone"]
    return InputMetadata(
        *(table["name"], table["kind"], backbone["name"]),
        *(backbone["fingerprint"], backbone["dim"], backbone["card"]),
    )


def _check_texts(path: Path, texts: list[Any]) -> None:
    if not all(isinstance(text, str) for text in texts):
        raise BadArtifact(f"{path}: {MANIFEST} has classes or versions that are no text")


def _from_format_1(manifest: Mapping[str, Any]) -> Metadata:
    from featx.persistence.format_1 import report_of

    backbone, head = manifest["backbone"], manifest["head"]
    only = InputMetadata(
        "", "", backbone["name"], backbone["fingerprint"], backbone["dim"], backbone["card"]
    )
    return Metadata(
        format=1,
        versions=manifest["versions"],
        task="classification",
        classes=tuple(manifest["classes"]),
        inputs=(only,),
        head=head["name"],
        parameters=head["parameters"],
        calibration={"method": "temperature", "temperature": manifest["temperature"]},
        report=report_of(manifest),
        config=None,
        files=manifest["files"],
        manifest=manifest,
    )


def _from_format_2(path: Path, manifest: Mapping[str, Any]) -> Metadata:
    classes, head = manifest["targets"]["classes"], manifest["head"]
    if len(manifest["inputs"]) > _MOST_INPUTS:
        raise BadArtifact(
            f"{path}: {MANIFEST} has {len(manifest['inputs'])} inputs, expected fewer"
        )
    read = _joint_input if manifest["format"] == JOINT_FORMAT else _input
    return Metadata(
        format=manifest["format"],
        versions=manifest["versions"],
        task=manifest["task"],
        classes=tuple(classes),
        inputs=tuple(read(path, one) for one in manifest["inputs"]),
        head=head["name"],
        parameters=head["parameters"],
        calibration=head["calibration"],
        report=manifest.get("report"),
        config=manifest.get("config"),
        files=manifest["files"],
        manifest=manifest,
        label_type=str(manifest["targets"].get("type", "str")),
        own_answers=head.get("own_answers", False) is True,
        target_error=head.get("target_error"),
    )


def file_table(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return what a manifest says of other files: the digest and size of each."""
    return {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in files.items()
    }


def seal(manifest: Mapping[str, Any]) -> bytes:
    """Return the manifest as text with the digest of all the rest; equal values give equal bytes."""
    body = json.dumps(manifest, sort_keys=True, ensure_ascii=False).encode()
    sealed = {**manifest, "digest": hashlib.sha256(body).hexdigest()}
    return (json.dumps(sealed, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def read_file(path: Path, name: str, metadata: Metadata) -> bytes:
    """Return the verified bytes of one of a predictor's files.

    Raises
    ------
    BadArtifact
        It is missing, or not what the manifest says.
    """
    entry = metadata.files.get(name, {})
    with library_border(f"{path}: {name} cannot be read"):
        try:
            data = member_at(path, name).read(_LARGEST_FILE)
        except OSError as error:
            raise BadArtifact(f"{path}: {name} cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != entry.get("sha256"):
            raise BadArtifact(f"{path}: {name} was changed since it was saved; save it again")
    return data

"""The inputs of a saved predictor: their tables in the manifest, and the blocks of samples without a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from featx._typing import FloatArray
from featx.catalog import Card
from featx.embedding.joint_rows import Missing
from featx.errors import BadArtifact
from featx.inputs.encoder import read_encoder
from featx.inputs.input import Input, is_joint
from featx.persistence.metadata import (
    FILLINGS,
    JOINT_FORMAT,
    InputMetadata,
    Metadata,
    read_file,
)
from featx.storage.arrays import read_arrays, write_arrays
from featx.storage.border import library_border

__all__ = ["filling_files", "input_tables", "read_inputs"]


def input_tables(inputs: Sequence[Input], dim: int) -> list[dict[str, Any]]:
    """Return the entries of inputs in a manifest.

    Parameters
    ----------
    dim : int
        Columns of a row that the head takes.
    """
    joint = is_joint(inputs)
    return [_joint_table(one) if joint else _table(one, dim) for one in inputs]


def _table(one: Input, dim: int) -> dict[str, Any]:
    card = one.card
    return {
        "name": one.name,
        "kind": one.kind,
        "backbone": {
            "name": card.name,
            "fingerprint": card.fingerprint,
            "dim": dim,
            # Names of taps are of no use to a predictor, and featx before them would refuse it.
            "card": replace(card, taps=()).to_toml(),
        },
    }


def _joint_table(one: Input) -> dict[str, Any]:
    columns = {"columns": list(one.columns)}
    if one.has_backbone:
        return {**_table(one, one.source.dim or 0), **columns, "missing": one.missing}
    encoder = one.encoder
    return {
        "name": one.name,
        "kind": one.kind,
        **columns,
        "encoder": encoder.to_dict(),
        "fingerprint": encoder.fingerprint,
        "dim": encoder.dim,
    }


def filling_files(inputs: Sequence[Input]) -> dict[str, bytes]:
    """Return the file of the blocks of samples without a value; none where no input has one."""
    found = {str(i): one.filling for i, one in enumerate(inputs) if one.filling is not None}
    return {FILLINGS: write_arrays(found)} if found else {}


def read_inputs(
    path: Path, metadata: Metadata, read_card: Callable[[InputMetadata], Card]
) -> tuple[Input, ...]:
    """Return the inputs that a manifest describes.

    Parameters
    ----------
    read_card : callable
        Gives the card of an input with a backbone, once it is compared with the one on this machine.

    Raises
    ------
    BadArtifact
        They make no sense, or are not those that the head was trained on.
    """
    if metadata.format < JOINT_FORMAT:
        [only] = metadata.inputs
        card = read_card(only)
        _check_kind(path, only, card)
        return (Input(only.name or card.modality, only.kind or card.modality, card),)
    fillings = _read_fillings(path, metadata)
    inputs = []
    for index, one in enumerate(metadata.inputs):
        if one.encoder is not None:
            inputs.append(_encoded(path, one))
            continue
        card = read_card(one)
        _check_kind(path, one, card)
        if (card.dim or 0) * len(one.columns) != one.dim:
            raise BadArtifact(
                f"{path}: input {one.name!r:.60} has {one.dim} columns, its card others"
            )
        missing: Missing = "zero" if one.missing == "zero" else "reject"
        filling = fillings.get(str(index))
        if (filling is None) != (missing == "reject"):
            raise BadArtifact(
                f"{path}: {FILLINGS} has no row for {one.name!r:.60}, or one too many"
            )
        inputs.append(Input(one.name, one.kind, card, one.columns, missing, filling))
    return tuple(inputs)


def _check_kind(path: Path, one: InputMetadata, card: Card) -> None:
    if one.kind not in ("", card.modality):
        raise BadArtifact(f"{path}: reads {one.kind!r:.40}, its card is of {card.modality}")


def _encoded(path: Path, one: InputMetadata) -> Input:
    """Return an input with an encoder, which must be the one that was saved."""
    with library_border(f"{path}: input {one.name!r:.60} has no encoder"):
        encoder = read_encoder(one.encoder, one.name)
        same = encoder.kind == one.kind and encoder.dim == one.dim
        if not same or encoder.fingerprint != one.fingerprint:
            raise BadArtifact(
                f"{path}: input {one.name!r:.60} was trained with another encoder than the one saved; "
                "train it again"
            )
    return Input(one.name, one.kind, encoder, one.columns)


def _read_fillings(path: Path, metadata: Metadata) -> Mapping[str, FloatArray]:
    """Return the blocks of samples without a value, by the numbers of their inputs."""
    wanted = {str(i): one.dim for i, one in enumerate(metadata.inputs) if one.missing == "zero"}
    if not wanted and FILLINGS not in metadata.files:
        return {}
    if FILLINGS not in metadata.files:
        raise BadArtifact(f"{path}: has no {FILLINGS}, which says what a missing value stands for")
    with library_border(f"{path}: {FILLINGS} cannot be read"):
        arrays = read_arrays(read_file(path, FILLINGS, metadata), FILLINGS, tuple(wanted))
    for name, dim in wanted.items():
        array = arrays[name]
        if array.dtype != np.float32 or array.shape != (dim,) or not np.isfinite(array).all():
            raise BadArtifact(f"{path}: {FILLINGS} has a row that does not fit its input")
    return arrays

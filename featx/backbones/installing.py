"""Install a drafted backbone: its files beside its card, and what running it tells in the card."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from featx.backbones.backbone import Backbone
from featx.backbones.independence import Finding, examine, spread
from featx.catalog import Card, File, digest, new_directory, user_directory
from featx.errors import BadGraph, FeatxWarning
from featx.graphs.external import copy_external
from featx.graphs.inspect import load_model, tensors_of
from featx.graphs.training import refuse_batch_statistics
from featx.storage.atomic import replacing_folder

__all__ = ["install"]

# Of their length, how far rows lie from their mean where something is wrong: pixels that are divided by 255
# twice give 0.01 to 0.08, the backbones that were tried 0.3 and more.
_ALIKE = 0.05


def install(
    card: Card,
    graph: Path,
    files: Mapping[str, Path],
    *,
    made: Mapping[str, bytes] | None = None,
    directory: Path | None = None,
    dry_run: bool = False,
) -> Card:
    """Copy a backbone's files beside its card, run it, and return the card with what that told.

    A FeatxWarning says where samples cannot share a batch, or some rows are not finite.

    Parameters
    ----------
    card : Card
        Complete but for what only its files and running them tell: digests, sizes, ``dim`` and ``batch``.
    graph : Path
    files : mapping of str to Path
        Where each of the card's further files lies, by its name there.
    made : mapping of str to bytes, default=None
        Further files of the card that lie nowhere, by name, and the graph itself where it is another than
        ``graph``, beside which its external weights lie all the same.
    directory : Path, default=None
        The model directory; the user's own.
    dry_run : bool, default=False
        Whether the copies are thrown away.

    Raises
    ------
    BadGraph
        The graph was exported in training mode, gives another row of the same sample each time, or rows that
        are not finite.
    BadOption
        A model directory has a backbone of that name already.
    OutputFailed
        The model directory cannot be written.
    """
    if dry_run:
        with tempfile.TemporaryDirectory() as temporary:
            return replace(_completed(card, graph, files, made or {}, Path(temporary)), path=None)
    folder = new_directory(card.name, directory or user_directory())
    with replacing_folder(folder) as temporary_folder:
        card = _completed(card, graph, files, made or {}, temporary_folder)
        card = replace(card, path=folder / "card.toml")
        (temporary_folder / "card.toml").write_text(card.to_toml(), encoding="utf-8")
    return card


def _completed(
    card: Card,
    graph: Path,
    files: Mapping[str, Path],
    made: Mapping[str, bytes],
    folder: Path,
) -> Card:
    """Return the card of the files that are copied or written into a folder, run once."""
    shutil.copyfile(graph, folder / card.graph.name)
    for name, path in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
    for name, data in made.items():
        (folder / name).write_bytes(data)
    names = [*files, *(name for name in made if name != card.graph.name)]
    beside = _copy_beside(graph, folder, taken=(card.graph.name, "card.toml", *names))
    copy, *others = (_as_it_is(folder, name) for name in (card.graph.name, *names, *beside))
    card = replace(card, graph=copy, files=tuple(others), dim=None, path=folder / "card.toml")
    return _tried(card, folder / card.graph.name, graph)


def _copy_beside(path: Path, folder: Path, *, taken: Collection[str]) -> list[str]:
    """Copy the weights that lie beside a graph, and return their names; failures name the graph."""
    try:
        return copy_external(tensors_of(load_model(path, weights=False)), path, folder, taken=taken)
    except BadGraph as error:
        raise BadGraph(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error


def _as_it_is(folder: Path, name: str) -> File:
    return File(name, digest(folder / name), (folder / name).stat().st_size)


def _tried(card: Card, graph: Path, path: Path) -> Card:
    """Return the card with what running the copied graph tells; failures name the user's file."""
    try:
        refuse_batch_statistics(load_model(graph, weights=False), card.output, path)
        finding = examine(Backbone(replace(card, batch=0)), thorough=True)
        _report(finding, card, path)
        batch = finding.batch or card.batch or 0
        card = replace(card, batch=batch)
        if finding.batch:
            card = replace(
                card, note=f"{card.note} One run takes {finding.batch}: {finding.reason}."
            )
        backbone = Backbone(card)
        _compare(backbone, path)
        return replace(backbone.card, dim=backbone.dim)
    except BadGraph as error:
        raise BadGraph(str(error).replace(str(graph), str(path))) from error


def _compare(backbone: Backbone, path: Path) -> None:
    """Warn where samples that have nothing in common give nearly the same row."""
    apart = spread(backbone)
    if apart is not None and apart < _ALIKE:
        warnings.warn(
            f"{path}: rows of samples that have nothing in common are nearly the same (they lie {apart:.1g} of "
            "their length apart): its preprocessing or its tap is probably wrong",
            FeatxWarning,
            stacklevel=3,
        )


def _report(finding: Finding, card: Card, path: Path) -> None:
    """Warn of what was found; raise BadGraph where no row is finite."""
    samples = f"{card.modality}s" if card.modality != "audio" else "sounds"
    if finding.not_finite == finding.probes:
        raise BadGraph(
            f"{path}: gives rows that are not finite of all {samples} that were tried; if its weights are "
            "fp16, export it in float32"
        )
    if finding.not_finite:
        warnings.warn(
            f"{path}: {finding.not_finite} of {finding.probes} built-in {samples} give rows that are not "
            f"finite; such {samples} will be rejected",
            FeatxWarning,
            stacklevel=3,
        )
    if finding.batch and not card.batch:
        warnings.warn(
            f"{path}: {finding.reason}; its card says batch = {finding.batch}, which is slower where samples "
            "would be faster together",
            FeatxWarning,
            stacklevel=3,
        )

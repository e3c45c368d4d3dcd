"""Make a faster or smaller backbone of another, and write it beside its parent once it is near enough."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx

from featx.backbones.backbone import Backbone
from featx.backbones.providers import CPU
from featx.catalog import (
    Card,
    QuantizationInfo,
    get_card,
    new_directory,
    user_directory,
    verify_files,
)
from featx.embedding.engine import Engine
from featx.embedding.rows import Reject
from featx.errors import BadGraph, BadOption, BadSample, TooLossy
from featx.evaluation import warn_about_rejects
from featx.graphs import cut_graph
from featx.optimize.config import QuantizationConfig
from featx.optimize.integer_graph import store_half
from featx.optimize.layers import prepare
from featx.optimize.metrics import Labelled, batch_bits, rate_ratio
from featx.optimize.mixed_precision import search
from featx.optimize.other_providers import fastest, fastest_floats
from featx.optimize.trial import Candidate, Candidates
from featx.sources import make_samples, subsample
from featx.storage.atomic import replacing_folder

__all__ = ["optimize"]

Log = Callable[[str], object]

# Samples at most: two thirds calibrate, a third is held out.
_MOST = 192
_LEAST = 6
# Samples whose times are compared, and of which batches are compared.
_TIMED = 32
_BATCHED = 32
_CANARY_VALUES = 16


def optimize(
    backbone: str | Card,
    samples: Iterable[Any],
    config: QuantizationConfig | None = None,
    *,
    labelled: Sequence[Labelled] = (),
    directory: Path | None = None,
    engine: Engine | None = None,
    log: Log | None = None,
) -> Card:
    """Make a faster backbone of another, keep it once its rows are near enough, and return its card.

    Integers are static: the ranges of activations are fixed, so that a row does not depend on what
    else is in its batch. Where the installed ONNX Runtime offers OpenVINO, its precisions are measured beside
    them, and the fastest that is within the tolerance is kept: the card remembers the provider.

    Parameters
    ----------
    samples : iterable of Sample, or of anything that the backbone reads
        Samples of the kind that the backbone will see; labels are not used. At most 192 are taken, evenly
        chosen; every third of them is held out of calibration and measures the cosine.
    config : QuantizationConfig, default=None
        Name, kind of weights and tolerance; None is ``QuantizationConfig()``.
    labelled : sequence of Labelled, default=()
        Samples on which the probe's accuracy may not fall by more than the tolerance, on average.
    directory : Path, default=None
        The model directory into which it is put; None is the user's own.
    engine : Engine, default=None
        Threads and cache for rows of ``labelled``, and what to do with samples that cannot be read.
    log : callable, default=None
        Called with a line of words at each step.

    Raises
    ------
    TooLossy
        Its rows are too far from the parent's, however many layers stay in float, and the parent's floats are
        no faster on OpenVINO, if it is there; nothing is written.
    BadOption
        The name is taken, or the backbone is itself optimised.
    BadSample
        There are fewer than 6 samples, or one cannot be read.
    BadLabels
        ``labelled`` lacks labels.
    BadGraph
        The graph has no layer that integers could compute, or cannot be read.

    Warns
    -----
    FeatxWarning
        Sums of integers saturate on this processor; where eight bits were asked for, weights have seven then.
    """
    card = get_card(backbone) if isinstance(backbone, str) else backbone
    config, engine, log = config or QuantizationConfig(), Engine.of(engine), log or _log_nothing
    name = config.name if config.name is not None else f"{card.name}-{config.weights}"
    _check(card, name)
    folder = new_directory(name, directory or user_directory())
    parent = Backbone(card)
    contents, items = _read(parent, samples, engine)
    with tempfile.TemporaryDirectory(prefix="featx-") as work:
        candidates = Candidates(parent, name, Path(work), items, labelled, engine)
        if config.weights == "int8":
            candidate = _int8(candidates, config, contents[:_TIMED], log)
        else:
            candidate = _fp16(candidates, config, log)
        log("comparing batches and speed")
        child = _card(candidates, candidate, config, contents, items)
        return _write(child, candidate, folder)


def _log_nothing(message: str) -> None:
    """Do nothing: there is no log."""


def _int8(
    candidates: Candidates, config: QuantizationConfig, timed: Sequence[Any], log: Log
) -> Candidate:
    """Return what integers make of the parent, or what OpenVINO does where that is faster or all there is."""
    card = candidates.parent.card
    try:
        prepared = prepare(verify_files(card)[card.graph.name], card.output)
        integers = search(prepared, candidates, config, log)
    except (BadGraph, TooLossy):
        if floats := fastest_floats(candidates, timed, config.tolerance, log):
            return floats
        raise
    return fastest(candidates, integers, timed, config.tolerance, log)


def _fp16(candidates: Candidates, config: QuantizationConfig, log: Log) -> Candidate:
    card = candidates.parent.card
    model = onnx.load_from_string(cut_graph(verify_files(card)[card.graph.name], card.output))
    candidate = candidates.with_probe(candidates.compare(store_half(model)))
    log(f"weights in fp16: {candidates.describe(candidate)}")
    candidates.require(candidate, config.tolerance)
    return candidate


def _check(card: Card, name: str) -> None:
    """Raise BadOption where a backbone is itself optimised, and BadCard where no backbone may have the name."""
    if card.optimized:
        parent = card.optimized.parent
        raise BadOption(f"{card.name}: is itself an optimised {parent}; name that instead")
    Card.from_toml(replace(card, name=name, dim=card.dim or 1).to_toml())


def _read(
    backbone: Backbone, samples: Iterable[Any], engine: Engine
) -> tuple[list[Any], list[Any]]:
    """Return contents and items of at most 192 samples, evenly chosen."""
    known = subsample(list(make_samples(samples)), _MOST)
    contents, items, rejects = [], [], list[Reject]()
    for sample in known:
        try:
            content = backbone.reader.load(sample.data)
            item = backbone.reader.read(content)
        except BadSample as error:
            rejects.append(Reject(sample.id, str(error)))
            if engine.on_error == "fail":
                raise rejects[-1].failure() from error
            continue
        contents.append(content)
        items.append(item)
    warn_about_rejects(rejects, len(known))
    if len(items) < _LEAST:
        raise BadSample(
            f"{len(items)} samples to calibrate with: expected {_LEAST} at least, better a hundred"
        )
    return contents, items


def _card(
    candidates: Candidates,
    candidate: Candidate,
    config: QuantizationConfig,
    contents: Sequence[Any],
    items: Sequence[Any],
) -> Card:
    """Return the candidate's card, with its figures, and its row of the built-in sample as the canary."""
    parent, child = candidates.parent, candidate.backbone
    info = replace(
        _info(candidates, candidate, config),
        batch_bits=batch_bits(child, items[:_BATCHED]),
        rate=round(rate_ratio(parent, child, contents[:_TIMED]), 3),
    )
    [row] = child.embed_items([child.reader.read(child.reader.load(child.card.input.canary()))])
    note = (
        f"Made of {parent.card.name} by featx optimize. The canary is the row that it gave there."
    )
    if info.weight_bits == 8:
        note += (
            " It is compared whenever the backbone is opened: other processors may give other rows."
        )
    return replace(
        child.card,
        graph=replace(child.card.graph, name="backbone.onnx"),
        files=tuple(replace(file, url=None) for file in child.card.files),
        dim=child.dim,
        canary=tuple(float(f"{value:.6g}") for value in row[:_CANARY_VALUES]),
        note=note,
        optimized=info,
    )


def _info(
    candidates: Candidates, candidate: Candidate, config: QuantizationConfig
) -> QuantizationInfo:
    """Return what is known once a candidate is chosen; batches and speed are measured on it later."""
    card, graph = candidates.parent.card, candidate.backbone.card.graph
    before, after = candidates.before, candidate.probe
    integers = candidate.layers > 0
    precision = "int8" if integers else "fp16-weights" if config.weights == "fp16" else "fp32"
    return QuantizationInfo(
        parent=card.name,
        parent_sha256=card.graph.sha256,
        precision=precision,
        cosine_mean=round(candidate.mean, 6),
        cosine_worst=round(candidate.worst, 6),
        held_out=len(candidates.held_out),
        batch_bits=0,
        rate=1.0,
        size=round((graph.size or 0) / candidates.parent_size, 3),
        calibration=len(candidates.calibration) if integers else 0,
        layers=candidate.layers,
        float_layers=candidate.float_layers,
        slow_layers=candidate.slow_layers,
        provider=None if candidate.provider == CPU else str(candidate.provider),
        weight_bits=candidate.weight_bits,
        steps_from_exact=candidate.steps_from_exact,
        probe=after.method if after else None,
        probe_before=round(before.accuracy, 6) if before else None,
        probe_after=round(after.accuracy, 6) if after else None,
        probe_samples=after.samples if after else None,
    )


def _write(card: Card, candidate: Candidate, folder: Path) -> Card:
    """Put a card and its files into a folder, which appears whole or not at all; return the card there."""
    blobs = verify_files(candidate.backbone.card)
    with replacing_folder(folder) as temporary:
        for file, source in zip((card.graph, *card.files), blobs.values(), strict=True):
            target = temporary / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(source), target)
        (temporary / "card.toml").write_text(card.to_toml(), encoding="utf-8")
    return replace(card, path=folder / "card.toml")

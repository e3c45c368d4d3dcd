"""``optimize``: a faster or smaller backbone beside its parent, once it is near enough."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx

from featx.backbones.backbone import Backbone
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
from featx.errors import BadOption, BadSample
from featx.evaluation import tell_rejects
from featx.graphs import cut_graph
from featx.optimize.integer_graph import store_half
from featx.optimize.layers import prepare
from featx.optimize.metrics import Labelled, batch_bits, compare_rates
from featx.optimize.mixed_precision import search
from featx.optimize.trial import Bounds, Trial, Trials
from featx.sources import make_samples, subsample
from featx.storage.atomic import replacing_folder
from featx.storage.container import read_location

__all__ = ["WEIGHTS", "optimize"]

WEIGHTS = ("int8", "fp16")

_MOST = 192  # samples: two thirds calibrate, a third is held out
_LEAST = 6
_TIMED = 32  # samples whose times are compared
_BATCHED = 32  # samples of which batches are compared
_CANARY = 16  # values


def optimize(
    backbone: str | Card,
    samples: Iterable[Any],
    *,
    name: str | None = None,
    labelled: Sequence[Labelled] = (),
    bounds: Bounds | None = None,
    weights: str = "int8",
    shelf: Path | None = None,
    engine: Engine | None = None,
    tell: Callable[[str], object] | None = None,
) -> Card:
    """Put a faster backbone onto a shelf, made of another, once its rows are near enough; its card.

    ``int8`` computes convolutions, or dense layers, in eight-bit integers: static, so that a row does not
    depend on what else is in its batch. ``fp16`` only stores weights in half the bytes.

    Parameters
    ----------
    samples : iterable of Sample, or of anything that the backbone reads
        Of the kind that the backbone will see; labels are not used. Of more than 192, as many, evenly
        chosen; every third of them is held out of calibration and measures the cosine.
    name : str, default=None
        Of the new backbone: the parent's with ``-int8`` or ``-fp16``.
    labelled : sequence of Labelled, default=()
        On which the probe's accuracy may not fall by more than ``bounds.max_drop`` points, on average.
    bounds : Bounds, default=None
        How far rows may be from the parent's: 0.5 points, a mean cosine of 0.994.
    weights : {"int8", "fp16"}
    shelf : Path, default=None
        Where it is put: the user's own shelf.
    engine : Engine, default=None
        Threads and cache for rows of ``labelled``, and what to do with samples that cannot be read.
    tell : callable, default=None
        Called with a line of words at each step.

    Raises
    ------
    TooLossy
        Its rows are too far from the parent's, however many layers stay in float; nothing is written.
    BadOption
        The name is taken, the backbone is itself optimised, or an option is none of its kind.
    BadSample
        There are fewer than 6 samples, or one cannot be read.
    BadLabels
        ``labelled`` lacks labels.
    BadGraph
        The graph has no layer that integers could compute, or cannot be read.
    """
    parent_card = get_card(backbone) if isinstance(backbone, str) else backbone
    bounds, engine, tell = bounds or Bounds(), engine or Engine(), tell or (lambda words: None)
    if weights not in WEIGHTS:
        raise BadOption(f"weights {weights!r}: expected one of {', '.join(WEIGHTS)}")
    if parent_card.optimized:
        parent = parent_card.optimized.parent
        raise BadOption(f"{parent_card.name}: is itself an optimised {parent}; name that instead")
    name = f"{parent_card.name}-{weights}" if name is None else name
    _check_name(parent_card, name)
    folder = new_directory(name, shelf or user_directory())
    opened = Backbone(parent_card)
    contents, items = _read(opened, samples, engine)
    with tempfile.TemporaryDirectory(prefix="featx-") as work:
        trials = Trials(
            opened,
            name,
            Path(work),
            calibration=[item for place, item in enumerate(items) if place % 3 != 2],
            held_out=items[2::3],
            labelled=labelled,
            engine=engine,
        )
        trial = _int8(trials, bounds, tell) if weights == "int8" else _fp16(trials, bounds, tell)
        tell("comparing batches and speed")
        card = _card(trials, trial, weights, contents, items)
        return _shelve(card, trial, folder)


def _int8(trials: Trials, bounds: Bounds, tell: Callable[[str], object]) -> Trial:
    card = trials.parent.card
    prepared = prepare(verify_files(card)[card.graph.name], card.output)
    return search(prepared, trials, bounds, tell)


def _fp16(trials: Trials, bounds: Bounds, tell: Callable[[str], object]) -> Trial:
    card = trials.parent.card
    model = onnx.load_from_string(cut_graph(verify_files(card)[card.graph.name], card.output))
    trial = trials.with_probe(trials.try_out(store_half(model)))
    tell(f"weights in fp16: {trials.describe(trial)}")
    trials.require(trial, bounds)
    return trial


def _check_name(card: Card, name: str) -> None:
    """Refuse what no card may be called."""
    Card.from_toml(replace(card, name=name, dim=card.dim or 1).to_toml())


def _read(
    backbone: Backbone, samples: Iterable[Any], engine: Engine
) -> tuple[list[Any], list[Any]]:
    """Contents and items of at most 192 samples, evenly chosen."""
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
    tell_rejects(rejects, len(known))
    if len(items) < _LEAST:
        raise BadSample(
            f"{len(items)} samples to calibrate with: expected {_LEAST} at least, better a hundred"
        )
    return contents, items


def _card(
    trials: Trials, trial: Trial, weights: str, contents: Sequence[Any], items: Sequence[Any]
) -> Card:
    """The trial's card, with its figures, and what it gives for the built-in sample as its canary."""
    parent, child = trials.parent, trial.backbone
    descent = _descent(trials, trial, weights)
    descent = replace(
        descent,
        batch_bits=batch_bits(child, items[:_BATCHED]),
        rate=round(compare_rates(parent, child, contents[:_TIMED]), 3),
    )
    [row] = child.embed_items([child.reader.read(child.reader.load(child.card.input.canary()))])
    return replace(
        child.card,
        graph=replace(child.card.graph, name="backbone.onnx"),
        files=tuple(replace(file, url=None) for file in child.card.files),
        dim=child.dim,
        canary=tuple(float(f"{value:.6g}") for value in row[:_CANARY]),
        note=(
            f"Made of {parent.card.name} by featx optimize. The canary is what it gave there: it tells of "
            "a processor on which its arithmetic comes out otherwise."
        ),
        optimized=descent,
    )


def _descent(trials: Trials, trial: Trial, weights: str) -> QuantizationInfo:
    """What is known once a trial is chosen; the rest is measured on it."""
    card, graph = trials.parent.card, trial.backbone.card.graph
    before, after = trials.before, trial.probe
    whole = len(read_location(verify_files(card)[card.graph.name]))
    return QuantizationInfo(
        parent=card.name,
        parent_sha256=card.graph.sha256,
        precision="int8" if weights == "int8" else "fp16-weights",
        cosine_mean=round(trial.mean, 6),
        cosine_worst=round(trial.worst, 6),
        held_out=len(trials.held_out),
        batch_bits=0,
        rate=1.0,
        size=round((graph.size or 0) / whole, 3),
        calibration=len(trials.calibration) if weights == "int8" else 0,
        layers=trial.layers,
        floats=trial.floats,
        probe=after.method if after else None,
        probe_before=round(before.accuracy, 6) if before else None,
        probe_after=round(after.accuracy, 6) if after else None,
        probe_samples=after.samples if after else None,
    )


def _shelve(card: Card, trial: Trial, folder: Path) -> Card:
    made = verify_files(trial.backbone.card)
    with replacing_folder(folder) as temporary:
        for file, there in zip((card.graph, *card.files), made.values(), strict=True):
            target = temporary / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(there), target)
        (temporary / "card.toml").write_text(card.to_toml(), encoding="utf-8")
    return replace(card, path=folder / "card.toml")

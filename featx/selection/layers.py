"""Layers probed: how well each sensible tap of a backbone tells the targets, in one pass over the samples.

Yosinski et al., "How transferable are features in deep neural networks?", 2014: the further a task is from that
of the network, the earlier the layer that transfers best.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Literal

import numpy as np

from featx._typing import FloatArray
from featx.backbones.backbone import Backbone
from featx.backbones.several_taps import SeveralTaps, own_tap
from featx.catalog import Card, verify_files
from featx.embedding.engine import Engine
from featx.errors import BadOption, FeatxWarning, UnknownTap
from featx.graphs import Tap, stages
from featx.graphs import taps as all_taps
from featx.labelled import LabelledSamples
from featx.metrics.paired import paired_difference
from featx.metrics.resampling import Resampling
from featx.selection.labelled_rows import embed_labelled, open_for
from featx.selection.layer_report import LayerProbe, LayerScore
from featx.selection.limits import is_whole_number
from featx.selection.quick import ridge_predictions
from featx.tasks import get_task
from featx.tuning import HeadConfig, TuningProblem
from featx.tuning.progress import Progress, progress_bars

__all__ = ["known_taps", "probe_layers", "score_views"]

# Taps of one pass.
_MOST_TAPS = 32


def probe_layers(
    samples: Iterable[Any],
    labels: Any = None,
    *,
    backbone: str | Card | Backbone | None = None,
    taps: Sequence[str] | None = None,
    task: str | None = None,
    class_weight: Literal["balanced"] | None = None,
    log_target: bool = False,
    groups: Sequence[Any] | str | None = None,
    sample_weight: Sequence[float] | None = None,
    min_samples: int | None = None,
    unlabelled: str = "fail",
    max_samples: int | None = 2000,
    random_state: int = 0,
    engine: Engine | None = None,
    verbose: bool = False,
) -> LayerProbe:
    """Score every sensible tap of a backbone on labelled samples, and say which to use.

    All taps are read in one pass, and pooled each: maps by their mean; tokens by the class token, by the mean
    of the others, and by both side by side. A ridge on the rows of each is measured with every sample, or its
    group, left out in turn.

    Parameters
    ----------
    samples, labels, backbone, task, class_weight, log_target, groups, sample_weight
        As for ``featx.fit``.
    min_samples, unlabelled, random_state, engine, verbose
        As for ``featx.fit``.
    taps : sequence of str, default=None
        Names of tensors to score beside the backbone's own; None: what lies behind each layer or block.
    max_samples : int, default=2000
        Of more samples so many are drawn; None: all are used.

    Returns
    -------
    LayerProbe
        From shallow to deep.

    Raises
    ------
    BadLabels
        There are too few samples, or none can be trained on.
    UnknownTap
        The graph computes no tensor of a name in ``taps``.
    BadOption
        A parameter has a value that cannot be used.

    Examples
    --------
    >>> texts = ["good", "very good", "fine and good", "bad", "very bad", "bad and sad"]
    >>> probe = probe_layers(texts, ["+", "+", "+", "-", "-", "-"], backbone="featx-text-nano")
    >>> [layer.tap for layer in probe.layers][-1], probe.own.dim
    ('embedding', 1024)
    """
    _check_choices(max_samples, taps)
    kind = get_task(task or "classification")
    engine = Engine.of(engine)
    config = HeadConfig(
        class_weight=class_weight,
        log_target=log_target,
        random_state=random_state,
        n_jobs=engine.n_jobs,
    )
    config.check()
    kind.check_config(config)
    given = LabelledSamples.of(samples, labels, groups=groups, sample_weight=sample_weight)
    given = given.for_task(
        kind, min_samples=min_samples, unlabelled=unlabelled, by_default=task is None
    )
    opened = open_for(backbone, given)
    scored = known_taps(opened, taps)
    if taps is None and len(scored) < 2:
        warnings.warn(
            f"{opened.name}: no bottleneck was found behind its layers; name tensors with taps=",
            FeatxWarning,
            stacklevel=2,
        )
    several = SeveralTaps(opened, list(scored))
    known = embed_labelled(
        given, kind, config, opened, engine=engine, limit=max_samples, embedder=several
    )
    with progress_bars() if verbose else nullcontext() as progress:
        layers = score_views(several, known.rows, known.problem, scored, config, progress)
    return LayerProbe(
        backbone=opened.name,
        task=kind.name,
        score=known.problem.score_name,
        n=len(known.rows),
        layers=layers,
        notes=known.notes,
    )


def _check_choices(max_samples: object, taps: object) -> None:
    if max_samples is not None and not is_whole_number(max_samples, 2):
        raise BadOption(
            f"max_samples = {max_samples!r}: expected a whole number, 2 or more, or None"
        )
    if taps is not None and (
        not isinstance(taps, (list, tuple)) or not all(isinstance(tap, str) for tap in taps)
    ):
        raise BadOption(f"taps = {taps!r:.80}: expected a list of names of tensors")


def known_taps(backbone: Backbone, names: Sequence[str] | None = None) -> dict[str, Tap]:
    """Return taps by their names, from shallow to deep, the backbone's own among them.

    Parameters
    ----------
    backbone : Backbone
    names : sequence of str, default=None
        Taps to take; None: those behind each layer or block, at most 32.

    Raises
    ------
    UnknownTap
        The graph computes no tensor of a name.
    """
    graph = verify_files(backbone.card)[backbone.card.graph.name]
    every, own = {tap.name: tap for tap in all_taps(graph)}, own_tap(backbone)
    for name in names or ():
        if name not in every:
            raise UnknownTap(name, list(every))
    chosen = _thinned(stages(graph, [own])) if names is None else [every[name] for name in names]
    found = sorted({*chosen, every[own]}, key=lambda tap: (tap.depth, tap.name))
    return {tap.name: tap for tap in found}


def _thinned(found: list[Tap]) -> list[Tap]:
    """Return at most 32 taps, spread evenly over the depth, the last among them; say how many are left out."""
    if len(found) <= _MOST_TAPS:
        return found
    places = np.unique(np.linspace(0, len(found) - 1, _MOST_TAPS).round().astype(int))
    warnings.warn(
        f"{len(found) - len(places)} of {len(found)} taps are left out; name some with taps= to score others",
        FeatxWarning,
        stacklevel=4,
    )
    return [found[place] for place in places.tolist()]


def score_views(
    several: SeveralTaps,
    rows: FloatArray,
    problem: TuningProblem,
    taps: Mapping[str, Tap],
    config: HeadConfig,
    progress: Progress | None = None,
) -> tuple[LayerScore, ...]:
    """Return the score of each view, from shallow to deep.

    Parameters
    ----------
    several : SeveralTaps
    rows : ndarray of shape (n, several.dim), float32
    problem : TuningProblem
    taps : mapping of str to Tap
        What is known of each tap, by its name.
    config : HeadConfig
    progress : Progress, default=None
    """
    views = several.views
    measures, tested = [], np.arange(len(problem))
    for number, view in enumerate(views):
        if progress:
            progress("scoring taps", number, len(views))
        predictions, tested = ridge_predictions(several.rows(rows, view), problem)
        measures.append(problem.measure(predictions, tested))
    if progress:
        progress("scoring taps", len(views), len(views))
    design = problem.design.subset(tested)
    resampling = Resampling.of(len(tested), design.groups, design.weights)
    card = several.backbone.card
    [own] = [
        measure
        for view, measure in zip(views, measures, strict=True)
        if (view.tap, view.pooling) == (several.own, card.pooling)
    ]
    layers = [
        LayerScore(
            tap=view.tap,
            pooling=view.pooling,
            depth=taps[view.tap].depth,
            made_by=taps[view.tap].op,
            shape=view.shape,
            dim=several.rows(rows[:1], view).shape[1],
            score=float(measure(resampling.whole())[0]),
            gain=None
            if measure is own
            else paired_difference(measure, own, resampling, config.random_state),
        )
        for view, measure in zip(views, measures, strict=True)
    ]
    return tuple(sorted(layers, key=lambda layer: layer.depth))

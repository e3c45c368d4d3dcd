"""Learning curves: the score by the number of labels, and what more labels would bring."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator

from featx._typing import Doubles, FloatArray
from featx.backbones.backbone import Backbone
from featx.catalog import Card
from featx.embedding.engine import Engine
from featx.embedding.joint_rows import Missing
from featx.errors import BadLabels, BadOption, FeatxWarning
from featx.heads import HeadSpec
from featx.inputs.joint import baseline_blocks, blocks_of
from featx.labelled import LabelledSamples
from featx.selection.curve_report import (
    CurvePoint,
    LearningCurve,
    ScoreCurve,
    forecast_gain,
    forecast_labels,
)
from featx.selection.draws import FOLDS, Draw, draw_nested, usual_sizes
from featx.selection.labelled_rows import (
    LabelledRows,
    embed_labelled,
    embed_records,
    open_for,
)
from featx.selection.limits import is_whole_number
from featx.selection.power_law import PowerLaw, fit_power_law
from featx.tasks import Task, get_task
from featx.training_inputs import InputOptions
from featx.tuning import HeadConfig, TuningProblem
from featx.tuning.block_weights import BlockWeights
from featx.tuning.fit_warnings import warn_once
from featx.tuning.progress import progress_bars
from featx.tuning.validation import check_own_head, heads_for, train

__all__ = ["curve_of_rows", "learning_curve", "measure_draws"]

# Sizes from which on a forecast is made.
_LEAST_SIZES = 3
# Training sets of one size.
_MOST_DRAWS = 1000


def learning_curve(
    samples: Iterable[Any],
    labels: Any = None,
    *,
    task: str | None = None,
    backbone: str | Card | Backbone | None = None,
    head: str | BaseEstimator | None = None,
    class_weight: Literal["balanced"] | None = None,
    log_target: bool = False,
    threshold: float | None = None,
    groups: Sequence[Any] | str | None = None,
    sample_weight: Sequence[float] | None = None,
    min_samples: int | None = None,
    unlabelled: str = "fail",
    sizes: Sequence[int] | None = None,
    draws: int = 10,
    max_labels: int | None = 10_000,
    baseline: bool = True,
    random_state: int = 0,
    engine: Engine | None = None,
    verbose: bool = False,
    target: str | Sequence[str] | None = None,
    inputs: Mapping[str, Any] | Sequence[Any] | None = None,
    pairs: Sequence[Sequence[str]] = (),
    missing: Missing = "reject",
    pool_by: str | None = None,
) -> LearningCurve:
    """Measure the score by the number of labels, and forecast what twice as many would bring.

    Heads are trained on parts of the samples, drawn with the targets in the shares of all, and measured on a
    fold that is left out. With groups, whole groups are drawn and left out: twice the labels are then twice
    the groups.

    Parameters
    ----------
    samples, labels, task, backbone, head, class_weight, log_target, threshold, groups, sample_weight
        As for ``featx.fit``.
    min_samples, unlabelled, random_state, engine, verbose
        As for ``featx.fit``.
    sizes : sequence of int, default=None
        Numbers of labels to train on; None: what all folds but one leave, and down from there by halves.
    draws : int, 2 or more, default=10
        Training sets of each size.
    max_labels : int, default=10 000
        Where there are more samples, so many are drawn of them to train on; None: all are used.
    baseline : bool, default=True
        Whether the same head is measured on raw pixels, words or mel bands too; of several inputs in place of
        every backbone, with the other inputs as they are.
    target, inputs, pairs, missing, pool_by
        Several inputs, as for ``featx.fit``.

    Returns
    -------
    LearningCurve

    Raises
    ------
    BadLabels
        There are too few samples, or none can be trained on.
    BadOption
        A parameter has a value that cannot be used.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> images = [rng.integers(low, low + 200, (9, 9, 3)).astype(np.uint8) for low in (0, 50) * 30]
    >>> curve = learning_curve(images, ["dark", "light"] * 30, draws=4)
    >>> curve.curves[0].labels
    (12, 17, 24, 34, 48)
    """
    _check_choices(draws, sizes, max_labels)
    kind = get_task(task or "classification")
    engine = Engine.of(engine)
    config = HeadConfig(
        head,
        class_weight=class_weight,
        log_target=log_target,
        threshold=threshold,
        random_state=random_state,
        n_jobs=engine.n_jobs,
    )
    config.check()
    kind.check_config(config)
    asked = InputOptions(
        target=target, inputs=inputs, pairs=pairs, missing=missing, pool_by=pool_by
    )
    if specs := asked.specs(backbone):
        skip = engine.on_error == "skip"
        samples, labels = asked.read(samples, labels, specs, skip=skip)
    given = LabelledSamples.of(samples, labels, groups=groups, sample_weight=sample_weight)
    given = given.for_task(
        kind, min_samples=min_samples, unlabelled=unlabelled, by_default=task is None
    )
    check_own_head(kind, config, given.samples)
    limit = None if max_labels is None else max_labels * FOLDS // (FOLDS - 1)
    if specs:
        known = embed_records(
            given, kind, config, specs, engine=engine, limit=limit, missing=missing
        )
        config = replace(config, blocks=BlockWeights(blocks_of(known.inputs)))
    else:
        opened = open_for(backbone, given)
        known = embed_labelled(given, kind, config, opened, engine=engine, limit=limit)
    if baseline and not known.baseline_name:
        note = "no input has a backbone: there is no baseline without one"
        known = replace(known, notes=(*known.notes, note))
    raw = known.embed_baseline(engine) if baseline and known.baseline_name else None
    with progress_bars() if verbose else nullcontext() as progress:
        shown = replace(config, progress=progress)
        return curve_of_rows(known, kind, shown, raw, sizes=sizes, draws=draws)


def curve_of_rows(
    known: LabelledRows,
    task: Task,
    config: HeadConfig,
    raw: FloatArray | None = None,
    *,
    sizes: Sequence[int] | None = None,
    draws: int = 10,
) -> LearningCurve:
    """Return the learning curve of rows, and of ``raw``, the same samples without a backbone."""
    problem, rng = known.problem, np.random.default_rng(config.random_state)
    chosen = usual_sizes(problem) if sizes is None else tuple(sorted({int(size) for size in sizes}))
    parts = draw_nested(problem, chosen, draws, rng)
    most = len(problem) - max(len(draw.test) for draw in parts)
    if sizes is not None and chosen[-1] > most:
        raise BadOption(
            f"sizes = {list(chosen)}: expected at most {most}, which a fold that is measured leaves of "
            f"{len(problem)} samples"
        )
    least = task.least_outputs
    tables = [(known.name, known.rows, config)]
    if raw is not None:
        blocks = BlockWeights(baseline_blocks(known.inputs)) if known.inputs else None
        tables.append((known.baseline_name, raw, replace(config, blocks=blocks)))
    labels = [
        round(float(np.mean([len(draw.trains[k]) for draw in parts]))) for k in range(len(chosen))
    ]
    curves, laws = [], list[PowerLaw | None]()
    lacking = np.zeros(len(labels), bool)
    with warn_once():
        for name, rows, own_config in tables:
            scores = measure_draws(
                rows, problem, parts, own_config, least=least, stage=f"learning curve of {name}"
            )
            lacking |= np.isnan(scores).any(axis=0)
            law, curve = _fit_curve(name, labels, scores, known.n, rng)
            laws.append(law)
            curves.append(curve)
    notes = list(known.notes)
    if lacking.any():
        few = ", ".join(str(n) for n, lacks in zip(labels, lacking, strict=True) if lacks)
        notes.append(f"sets of {few} labels are too small for this head and are left out")
        if sizes is not None:
            warnings.warn(notes[-1], FeatxWarning, stacklevel=3)
    own, *others = laws
    now, gain = (None, None) if own is None else forecast_gain(own, known.n)
    compared = [
        forecast_labels(own, law, known.n, least=curves[1].labels[0])
        for law in others
        if own and law
    ]
    return LearningCurve(
        task=task.name,
        score=problem.score_name,
        head=" or ".join(spec.name for spec in heads_for(problem, config)),
        n=known.n,
        draws=draws,
        curves=tuple(curves),
        now=now,
        gain=gain,
        baseline_labels=compared[0] if compared else None,
        groups=problem.design.groups is not None,
        notes=tuple(notes),
    )


def _fit_curve(
    name: str, labels: Sequence[int], scores: Doubles, n: int, rng: np.random.Generator
) -> tuple[PowerLaw | None, ScoreCurve]:
    """Return the curve of the sizes at which every draw was measured, and the laws behind it."""
    whole = np.flatnonzero(np.isfinite(scores).all(axis=0))
    # Of groups that are drawn whole, sizes may fall together.
    sizes = {labels[k]: k for k in whole.tolist()}
    columns = scores[:, list(sizes.values())]
    if not sizes:
        raise BadLabels(
            f"samples: nothing could be measured with up to {labels[-1]} labels; choose another head, or add "
            "samples"
        )
    points = tuple(
        CurvePoint(size, tuple(column.tolist()))
        for size, column in zip(sizes, columns.T, strict=True)
    )
    law = fit_power_law(list(sizes), columns, rng) if len(sizes) >= _LEAST_SIZES else None
    return law, ScoreCurve.of(name, points, law, n)


def measure_draws(
    rows: FloatArray,
    problem: TuningProblem,
    draws: Sequence[Draw],
    config: HeadConfig,
    *,
    least: int = 1,
    stage: str = "learning curve",
) -> Doubles:
    """Return the score of each draw at each of its sizes; NaN where a head cannot be trained on so few.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    problem : TuningProblem
    draws : sequence of Draw
    config : HeadConfig
    least : int, default=1
        Outputs (classes, labels, numbers) without which no head is trained.
    stage : str
        What progress calls it; its parts are training samples.

    Returns
    -------
    ndarray of shape (n_draws, n_sizes), float64
    """
    quiet, weights = replace(config, progress=None), problem.design.counts(len(problem))
    # A choice that makes no sense for all samples is refused at once.
    heads_for(problem, config)
    total = sum(len(train_set) for draw in draws for train_set in draw.trains)
    done, scores = 0, np.full((len(draws), len(draws[0].trains)), np.nan)
    for i, draw in enumerate(draws):
        for k, known in enumerate(draw.trains):
            if config.progress:
                config.progress(stage, done, total)
            done += len(known)
            some = problem.subset(known)
            if some.n_outputs >= least and (heads := _heads_for_few(some, config)):
                try:
                    _, head = train(rows[known], some, quiet, heads=heads, once=True)
                except BadLabels:
                    # Of groups so few that none can be left out.
                    continue
                outputs = head.predict_outputs(rows[draw.test])
                outputs = _all_columns(outputs, head.classes, problem)
                [scores[i, k]] = problem.measure(outputs, draw.test)(weights[draw.test][None])
    if config.progress:
        config.progress(stage, total, total)
    return scores


def _all_columns(outputs: FloatArray, names: Sequence[str], problem: TuningProblem) -> FloatArray:
    """Return outputs with a column for each class of the problem, of which a head may not know all."""
    known = problem.output_names
    if tuple(names) == known:
        return outputs
    wide = np.zeros((len(outputs), len(known)), outputs.dtype)
    wide[:, [known.index(name) for name in names]] = outputs
    return wide


def _heads_for_few(some: TuningProblem, config: HeadConfig) -> Sequence[HeadSpec]:
    """Return the heads that a config stands for; none where it wants more samples of a class."""
    try:
        return heads_for(some, config)
    except BadOption:
        return ()


def _check_choices(draws: object, sizes: object, max_labels: object) -> None:
    if not is_whole_number(draws, 2, _MOST_DRAWS):
        raise BadOption(f"draws = {draws!r}: expected a whole number, 2 to {_MOST_DRAWS}")
    if max_labels is not None and not is_whole_number(max_labels, 10):
        raise BadOption(
            f"max_labels = {max_labels!r}: expected a whole number, 10 or more, or None"
        )
    if sizes is None:
        return
    listed = list(sizes) if isinstance(sizes, (Sequence, np.ndarray)) else []
    if not listed or not all(is_whole_number(size, 2) for size in listed):
        raise BadOption(
            f"sizes = {sizes!r:.80}: expected a list of whole numbers of labels, 2 or more"
        )

"""Labelled samples as rows, of a backbone and of its baseline, with what a head is tuned for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from featx._typing import FloatArray
from featx.backbones.backbone import Backbone, open_backbone
from featx.catalog import Card, default_card, get_card
from featx.embedding.embedder import BaselineEmbedder, Embedder, describe_doubts
from featx.embedding.engine import Engine
from featx.embedding.joint_rows import Missing
from featx.embedding.rows import Rows
from featx.errors import FeatxNotice, FeatxWarning
from featx.evaluation import warn_about_rejects
from featx.inputs.input import Input
from featx.inputs.joint import baseline_name
from featx.inputs.spec import InputSpec
from featx.labelled import LabelledSamples
from featx.modalities.guess import modality_of
from featx.selection.draws import draw_part
from featx.sources import Sample
from featx.sources.groups import duplicate_contents
from featx.tasks import Task
from featx.training_inputs import embed_inputs, embed_raw_inputs
from featx.tuning import HeadConfig, TuningProblem

__all__ = ["LabelledRows", "embed_labelled", "embed_records", "open_for"]


@dataclass(frozen=True, slots=True, eq=False)
class LabelledRows:
    """Rows of labelled samples, and what a head on them is tuned for.

    Attributes
    ----------
    backbone : Backbone or None
        None of several inputs.
    rows : ndarray of shape (n_rows, dim), float32
    problem : TuningProblem
        The targets of the rows, with groups and weights, and without a part to choose by.
    n : int
        Labelled samples that there are; more than rows where only a part was embedded.
    samples : list of Sample
        Those of the rows.
    notes : tuple of str
    name : str
        What the rows are of.
    inputs : tuple of Input
        Several inputs; none of a backbone alone.
    """

    backbone: Backbone | None
    rows: FloatArray
    problem: TuningProblem
    n: int
    samples: list[Sample]
    notes: tuple[str, ...] = ()
    name: str = ""
    inputs: tuple[Input, ...] = ()

    @property
    def baseline_name(self) -> str:
        """The name of the rows of ``embed_baseline``; '' where no input has a backbone."""
        if self.backbone is None:
            return baseline_name(self.inputs)
        return self.backbone.card.input.baseline_name

    def embed_baseline(self, engine: Engine) -> FloatArray:
        """Return the same samples without a backbone; shape (n_rows, n_columns), float32.

        Raises
        ------
        BadSample
            One of them cannot be read any more.
        """
        careful = replace(engine, progress=None, on_error="fail")
        if self.backbone is None:
            return embed_raw_inputs(self.samples, self.inputs, careful).embeddings
        return careful.embed(self.samples, BaselineEmbedder(self.backbone.card.input)).embeddings


def open_for(backbone: str | Card | Backbone | None, given: LabelledSamples) -> Backbone:
    """Return a backbone that is named, described or open; None is the one that featx ships for such samples."""
    if isinstance(backbone, Backbone):
        return backbone
    if backbone is None:
        first = next(iter(given.whole), None)
        return open_backbone(default_card("image" if first is None else modality_of(first.data)))
    return open_backbone(backbone if isinstance(backbone, Card) else get_card(backbone))


def embed_labelled(
    given: LabelledSamples,
    task: Task,
    config: HeadConfig,
    backbone: Backbone,
    *,
    engine: Engine,
    limit: int | None = None,
    embedder: Embedder | None = None,
) -> LabelledRows:
    """Embed labelled samples, or a part of them that is drawn as the task spreads its targets.

    Parameters
    ----------
    limit : int, default=None
        The most samples; None: all.
    embedder : Embedder, default=None
        What is driven in place of the backbone.

    Raises
    ------
    BadLabels
        A part of the samples has groups, weights or times, and others have none.
    BadSample
        A sample cannot be read, and the engine does not skip.
    """
    n = len(given.samples) + len(given.unread)
    given, notes = _limited(given, task, config, limit)
    driven = embedder or backbone
    rows = engine.embed(given.whole, driven, digests=True)
    warn_about_rejects(rows.rejects, len(given.whole))
    doubts = describe_doubts(driven, rows.doubtful, rows.examined)
    said = (*notes, *((doubts,) if doubts else ()))
    known = _labelled(given, task, config, rows, said)
    return replace(known, backbone=backbone, n=n - len(rows.rejects), name=backbone.card.name)


def embed_records(
    given: LabelledSamples,
    task: Task,
    config: HeadConfig,
    specs: Sequence[InputSpec],
    *,
    engine: Engine,
    limit: int | None = None,
    missing: Missing = "reject",
) -> LabelledRows:
    """Embed labelled records of several inputs, or a part of them.

    Parameters and errors are those of ``embed_labelled``.
    """
    n = len(given.samples) + len(given.unread)
    given, notes = _limited(given, task, config, limit)
    made = embed_inputs(given.whole, specs, engine, missing)
    known = _labelled(given, task, config, made.rows, (*notes, *made.notes))
    name = " + ".join(one.name for one in made.inputs)
    return replace(known, n=n - len(made.rows.rejects), name=name, inputs=made.inputs)


def _limited(
    given: LabelledSamples, task: Task, config: HeadConfig, limit: int | None
) -> tuple[LabelledSamples, list[str]]:
    """Return the samples, or a part of them, and what there is to say of it."""
    notes = list(given.notes)
    if hint := given.guess_groups(task):
        warnings.warn(hint, FeatxNotice, stacklevel=4)
        notes.append(hint)
    if limit is not None and len(given.samples) > limit:
        given, note = _part(given, task, config, limit)
        warnings.warn(note, FeatxNotice, stacklevel=4)
        notes.append(note)
    return given, notes


def _labelled(
    given: LabelledSamples, task: Task, config: HeadConfig, rows: Rows, notes: Sequence[str]
) -> LabelledRows:
    """Return rows with what a head on them is tuned for; say which are copies."""
    readable = set(rows.ids)
    design = replace(given.design(rows.ids), validation=None)
    units = rows.ids if design.groups is None else design.groups.tolist()
    copies = duplicate_contents(rows.ids, [one or None for one in rows.digests], rows.labels, units)
    for text in copies:
        warnings.warn(text, FeatxWarning, stacklevel=4)
    problem = task.tuning_problem(task.encode_targets(rows.labels, rows.ids), config, design)
    return LabelledRows(
        None,
        rows.embeddings,
        problem,
        len(rows),
        [sample for sample in given.samples if sample.id in readable],
        (*notes, *copies),
    )


def _part(
    given: LabelledSamples, task: Task, config: HeadConfig, limit: int
) -> tuple[LabelledSamples, str]:
    """Return some of the samples, and what to say of it."""
    ids, targets = [s.id for s in given.samples], [s.label for s in given.samples]
    design = replace(given.design(ids), validation=None)
    problem = task.tuning_problem(task.encode_targets(targets, ids), config, design)
    chosen = draw_part(problem, limit, np.random.default_rng(config.random_state))
    note = f"{len(chosen)} of {len(ids)} samples are drawn to be measured"
    return replace(given, samples=[given.samples[i] for i in chosen.tolist()]), note

"""Audit a data set: everything that may be wrong with it, in one report."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from featx._typing import Integers
from featx.audit.contents import poor_contents, unreadable
from featx.audit.data import AuditData, read_facts
from featx.audit.duplicates import exact_copies, find_near_pairs, near_copies
from featx.audit.findings import AuditFinding, AuditReport
from featx.audit.labels import find_wrong_targets, predict_left_out, untold_labels
from featx.audit.records import AuditedRecords, words_read
from featx.audit.shortcuts import find_shortcuts
from featx.audit.structure import blending_classes, outliers, rare_labels
from featx.backbones.backbone import Backbone
from featx.catalog import Card
from featx.embedding.approximate import approximate_nearest
from featx.embedding.engine import Engine
from featx.embedding.joint_rows import Missing
from featx.embedding.neighbors import Neighbors
from featx.embedding.rows import Reject, Rows, check_rows
from featx.errors import BadLabels, FeatxWarning
from featx.inputs.comparing import RowSpace
from featx.inputs.input import Input
from featx.inputs.joint import blocks_of
from featx.inputs.scaling import InputBlock
from featx.labelled import LabelledSamples
from featx.selection.labelled_rows import open_for
from featx.sources import Sample
from featx.sources.labels import refuse_numbers
from featx.sources.parts import parts_of
from featx.tasks import Task, get_task
from featx.training_inputs import InputOptions
from featx.tuning import HeadConfig
from featx.tuning.block_weights import BlockWeights
from featx.tuning.progress import Progress, progress_bars
from featx.tuning.search import check_seed

__all__ = ["audit_rows", "audit_samples", "without_chance_copies"]

# Neighbours of each sample that are looked at, and samples below which neighbours say nothing.
_NEIGHBORS, _FEW = 20, 10
# Samples up to which all are compared with all.
_EXACT = 200_000
# Numbers of rows that can be compared.
_LARGEST = 1e15
# The beginnings of the codes of copies and near-duplicates.
_COPIES = ("FX00", "FX01")


def audit_samples(
    samples: Iterable[Any],
    labels: Any = None,
    *,
    task: str | None = None,
    backbone: str | Card | Backbone | None = None,
    groups: Sequence[Any] | str | None = None,
    engine: Engine | None = None,
    random_state: int = 0,
    target: str | Sequence[str] | None = None,
    inputs: Mapping[str, Any] | Sequence[Any] | None = None,
    pairs: Sequence[Sequence[str]] = (),
    missing: Missing = "reject",
    pool_by: str | None = None,
    verbose: bool = False,
) -> AuditReport:
    """Return what may be wrong with a data set.

    Copies and leaks, probably wrong targets, outliers, blending and rare classes, broken or empty samples, and
    shortcuts; ``featx.audit.findings.CHECKS`` has all codes. Nothing is changed.

    Parameters
    ----------
    samples : iterable of Sample, or of anything that the backbone reads
        Of all parts: ``Sample.part``, or the first folder or the table in its id, says which.
    labels : sequence, default=None
        One a sample, or None for one that has none; None where the samples bring their own, or have none.
    task : {"classification", "multilabel", "regression"}, default=None
        What labels are; None is a classification.
    backbone : str, Card or Backbone, default=None
        What rows are made with; None is the default of the modality.
    groups : sequence of names, or str, default=None
        What must not be parted; see ``featx.fit``.
    engine : Engine, default=None
        How to embed. Samples that cannot be read are findings, whatever it says.
    random_state : int, default=0
        Decides the folds in which samples are left out.
    target, inputs, pairs, missing, pool_by
        Several inputs, as ``featx.fit`` takes them. Copies are equal in all of them, and near-duplicates are
        told by joint rows in which each input counts alike.
    verbose : bool, default=False
        Whether to show bars with the time left.

    Raises
    ------
    BadLabels
        Labels are numbers, and the task is not named.
    UnknownBackbone, UnknownTask, BadOption

    Examples
    --------
    >>> import numpy as np
    >>> images = [np.full((32, 32, 3), value, np.uint8) for value in (0, 20, 40, 40)]
    >>> report = audit_samples(images, ["dark", "dark", "dark", "light"])
    >>> [(found.code, found.id, found.related) for found in report.of("FX001", "FX003")]
    [('FX001', '3', ('2',)), ('FX003', '3', ('2',))]
    """
    asked = InputOptions(
        target=target, inputs=inputs, pairs=pairs, missing=missing, pool_by=pool_by
    )
    if specs := asked.specs(backbone):
        samples, labels = asked.read(samples, labels, specs, skip=True)
    labelled = LabelledSamples.of(samples, labels, groups=groups)
    given = labelled.whole
    kind = get_task(task or "classification")
    if task is None:
        refuse_numbers(sample.label for sample in given)
    engine = replace(Engine.of(engine), on_error="skip")
    if specs:
        records = AuditedRecords.read(given, specs, engine, asked.missing)
        return _audit_records(given, records, kind, random_state, verbose=verbose)
    opened = open_for(backbone, labelled)
    rows = engine.embed(given, opened, digests=True)
    facts = read_facts(given, opened.card.input, replace(engine, progress=None))
    data = _data_of(given, rows)
    data = replace(data, facts=facts.take(_places(given, rows)))
    found, skipped = _findings(data, kind, random_state, verbose=verbose)
    words = facts.numbers.get("words", np.ones(len(given)))
    wordless = {given[i].id for i in np.flatnonzero(words == 0)}
    found += unreadable(rows.rejects, wordless)
    found += poor_contents(data, words_read(opened.card.input))
    return AuditReport(kind.name, len(given), opened.card.name, _in_order(found), tuple(skipped))


def _places(given: Sequence[Sample], rows: Rows) -> Integers:
    """Return which of the samples the rows are of."""
    places = {sample.id: place for place, sample in enumerate(given)}
    return np.asarray([places[name] for name in rows.ids], np.intp)


def _data_of(given: Sequence[Sample], rows: Rows, blocks: Sequence[InputBlock] = ()) -> AuditData:
    """Return rows with the part and the group of each."""
    read, parts = _places(given, rows), parts_of(given)
    return AuditData.of_rows(
        rows, [parts[i] for i in read], [given[i].group for i in read], blocks=blocks
    )


def _audit_records(
    given: Sequence[Sample],
    records: AuditedRecords,
    task: Task,
    random_state: int,
    *,
    verbose: bool,
) -> AuditReport:
    """Return what may be wrong with records of several inputs."""
    rows = records.rows
    data = _data_of(given, rows, blocks_of(records.inputs))
    data = replace(data, by_column=records.first_facts(rows.ids))
    found, skipped = _findings(data, task, random_state, verbose=verbose)
    found += unreadable(rows.rejects, records.wordless)
    found += records.poor()
    names = " + ".join(one.describe() for one in records.inputs)
    report = AuditReport(task.name, len(given), names, _in_order(found), tuple(skipped))
    return without_chance_copies(report, records.inputs)


def without_chance_copies(report: AuditReport, inputs: Sequence[Input]) -> AuditReport:
    """Return a report without copies where no input has a backbone or vectors: chance repeats such rows.

    Examples
    --------
    >>> from featx.audit.findings import AuditFinding
    >>> copy = AuditFinding("FX001", "b", 1.0, "b is the same as a", ("a",))
    >>> without_chance_copies(AuditReport("classification", 2, "", (copy,)), []).findings
    ()
    """
    if any(one.has_backbone or one.kind == "vector" for one in inputs):
        return report
    kept = tuple(one for one in report.findings if not one.code.startswith(_COPIES))
    said = "copies, for rows of numbers, categories and dates alone may well be equal"
    return replace(report, findings=kept, skipped=(*report.skipped, said))


def audit_rows(
    rows: Rows,
    *,
    task: str | None = None,
    parts: Sequence[str | None] | None = None,
    groups: Sequence[str | None] | None = None,
    random_state: int = 0,
    blocks: Sequence[InputBlock] = (),
    verbose: bool = False,
) -> AuditReport:
    """Return what may be wrong with rows: copies, wrong targets, outliers, blending and rare classes.

    What only contents tell is not looked at; equal bytes are, where the rows carry digests. Rows that are not
    finite are findings, and nothing else is said of them.

    Parameters
    ----------
    rows : Rows
    task : {"classification", "multilabel", "regression"}, default=None
    parts : sequence of {"train", "val", "test"} or None, default=None
        The part of each row.
    groups : sequence of str or None, default=None
        The group of each row.
    random_state : int, default=0
    blocks : sequence of InputBlock, default=()
        The columns of each input in joint rows of several, which then count alike whatever their scales.
    verbose : bool, default=False
        Whether to show bars with the time left.

    Raises
    ------
    BadLabels, BadTable, UnknownTask

    Examples
    --------
    >>> from featx import Rows
    >>> table = np.eye(12, dtype=np.float32) + np.float32(0.5)
    >>> table[1] = table[0]
    >>> report = audit_rows(Rows(tuple("abcdefghijkl"), (None,) * 12, table, ""))
    >>> [(found.code, found.id, found.related) for found in report.findings]
    [('FX011', 'b', ('a',))]
    """
    check_rows("rows", rows)
    kind = get_task(task or "classification")
    if task is None:
        refuse_numbers(rows.labels)
    data, broken = _finite(AuditData.of_rows(rows, parts, groups, blocks=blocks))
    found, skipped = _findings(data, kind, random_state, verbose=verbose)
    found += unreadable((*rows.rejects, *broken))
    skipped.append("contents and shortcuts, for there are rows alone")
    n = len(rows) + len(rows.rejects)
    return AuditReport(kind.name, n, "", _in_order(found), tuple(skipped))


def _finite(data: AuditData) -> tuple[AuditData, list[Reject]]:
    """Return the data without rows that cannot be compared, and these as rejects."""
    # The squares of larger numbers cannot be added up in float32; NaN is not at most anything.
    usable = np.fromiter((bool((np.abs(row) <= _LARGEST).all()) for row in data.rows), bool)
    if usable.all():
        return data, []
    reason = f"its row holds NaN, infinity or a number beyond {_LARGEST:g}"
    broken = [Reject(data.ids[i], reason) for i in np.flatnonzero(~usable).tolist()]
    return data.take(np.flatnonzero(usable)), broken


def _findings(
    data: AuditData, task: Task, random_state: int, *, verbose: bool = False
) -> tuple[list[AuditFinding], list[str]]:
    """Return all that rows, targets, parts and groups tell, and what they could not."""
    check_seed(random_state)
    with progress_bars() if verbose else nullcontext() as progress:
        return _look(data, task, random_state, progress)


def _look(
    data: AuditData, task: Task, random_state: int, progress: Progress | None
) -> tuple[list[AuditFinding], list[str]]:
    skipped: list[str] = []
    found = exact_copies(data)
    labelled = any(target is not None for target in data.targets)
    if labelled and task.name != "regression":
        try:
            found += rare_labels(data, task)
        except BadLabels as error:
            skipped.append(f"rare labels: {error}")
    if len(data.firsts) < _FEW:
        skipped.append(f"neighbours, for there are {len(data.firsts)} different samples only")
        return found, skipped
    neighbors = _nearest(data, skipped, partial(progress, "comparing rows") if progress else None)
    pairs = find_near_pairs(data, neighbors)
    found += near_copies(data, pairs, compares_targets=task.name != "regression")
    found += outliers(data, neighbors)
    if not labelled:
        skipped.append("targets, classes and shortcuts, for no sample has a label")
        return found, skipped
    if task.name == "classification":
        found += blending_classes(data, neighbors)
    else:
        skipped.append(f"classes that blend, for a {task.name} has none")
    config = HeadConfig(random_state=random_state, progress=progress)
    more, reasons = _of_targets(data, task, neighbors, config)
    return found + more, skipped + reasons


def _nearest(
    data: AuditData, skipped: list[str], progress: Callable[[int, int], object] | None
) -> Neighbors:
    """Return the nearest of the different samples; where they are many, of those that candidates hold."""
    # Millions of rows are not copied where no two are equal.
    rows = data.rows if len(data.firsts) == len(data) else data.rows[data.firsts]
    k = min(_NEIGHBORS, len(rows) - 1)
    space = RowSpace.of(rows, data.blocks)
    if len(rows) <= _EXACT:
        found = space.nearest_among(rows, k, progress=progress)
        if space.metric == "cosine":
            return found
        # Half the square, as one less the cosine is of unit rows.
        return Neighbors(found.indices, np.asarray(found.distances**2 / 2, np.float32))
    skipped.append(
        f"pairs of {len(rows):,} samples that share no cell: more than {_EXACT:,} are not all compared"
    )
    return approximate_nearest(space.apply(rows), k, progress=progress)


def _of_targets(
    data: AuditData, task: Task, neighbors: Neighbors, config: HeadConfig
) -> tuple[list[AuditFinding], list[str]]:
    """Return what heads that were trained without each sample tell of its target."""
    try:
        with warnings.catch_warnings():
            # A fit would say it; here it is a step on the way.
            warnings.simplefilter("ignore", FeatxWarning)
            weights = BlockWeights(data.blocks) if data.blocks else None
            predictions, reason = predict_left_out(data, task, replace(config, blocks=weights))
    except BadLabels as error:
        return [], [f"wrong targets and shortcuts, for no head can be trained: {error}"]
    if predictions is None:
        return [], [f"wrong targets and shortcuts, for there are {reason}"]
    found = find_wrong_targets(data, predictions, neighbors, task)
    found += find_shortcuts(data, predictions, task.name)
    said = [f"targets of some samples: {reason}"] if reason else []
    if untold := untold_labels(predictions, task):
        names = f"{', '.join(untold[:5])}{', …' if len(untold) > 5 else ''}"
        said.append(f"labels that the head tells too badly ({len(untold)}): {names}")
    return found, said


def _in_order(found: Iterable[AuditFinding]) -> tuple[AuditFinding, ...]:
    return tuple(sorted(found, key=lambda one: (one.code, -one.score)))

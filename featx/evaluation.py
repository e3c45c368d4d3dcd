"""Measure a predictor on labelled samples."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from featx._typing import FloatArray
from featx.abstention import doubts_of
from featx.embedding.engine import Engine
from featx.embedding.rows import Reject, Rows
from featx.errors import BadLabels, BadOption, FeatxWarning
from featx.inputs.input import is_joint
from featx.labelled import LabelledSamples
from featx.metrics.report import Report
from featx.predictor import Predictor, check_predictor
from featx.reading import target_columns
from featx.sources import Sample
from featx.sources.frames import is_table, list_records, targets_of
from featx.sources.groups import duplicate_contents
from featx.sources.labels import missing_labels
from featx.tasks import get_task
from featx.tuning.design import SampleDesign

__all__ = ["Measurement", "evaluate", "measure", "warn_about_rejects"]


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """A report, and the samples, rows and answers that it was made of.

    Attributes
    ----------
    report : Report
    samples : tuple of Sample
        Those that could be read, with their targets as the predictor spells them, in the order of the rows.
    rows : Rows
    outputs : ndarray of shape (n, n_columns), float32
        What ``TrainedHead.predict_outputs`` gave.
    design : SampleDesign
    n_seen : int
        Samples whose content is among those that the predictor was trained on.
    """

    report: Report
    samples: tuple[Sample, ...]
    rows: Rows
    outputs: FloatArray
    design: SampleDesign
    n_seen: int


def evaluate(
    predictor: Predictor,
    samples: Iterable[Any],
    labels: Any = None,
    *,
    groups: Sequence[Any] | str | None = None,
    sample_weight: Sequence[float] | None = None,
    engine: Engine | None = None,
    ignore_label_case: bool = False,
    target: str | Sequence[str] | None = None,
) -> Report:
    """Measure a predictor on labelled samples that it was not trained on, or warn that some were.

    Of a predictor ``with_abstention``, or with a ``target_error``, ``report.answers`` tells how often sets hold
    the truth, how large they are, and how much is answered, how well.

    Parameters
    ----------
    samples : iterable of Sample, or of anything that the backbone reads, or a table
    labels : sequence, default=None
        One a sample; None where the samples bring their own.
    groups : sequence or str, default=None
        The group of each sample, by which intervals are drawn; see ``fit``.
    sample_weight : sequence of floats, default=None
        How often each sample counts.
    engine : Engine, default=None
        How to run. With ``on_error="skip"`` samples that cannot be read are left out.
    ignore_label_case : bool, default=False
        Whether "Cat" is the class "cat". Labels that differ only in how accents are composed, in spaces at
        the ends or in the spelling of a number are the same in any case.
    target : str or sequence of str, default=None
        Of a predictor of several inputs the column, or columns, of the truth, in place of ``labels``.

    Raises
    ------
    BadLabels
        A sample has no label, there is none, or the predictor knows none of them.
    BadSample
        A sample cannot be read.

    Examples
    --------
    >>> import featx, numpy as np
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> classifier = featx.fit(images, ["dark"] * 3 + ["light"] * 3)
    >>> unseen = [np.full((9, 9, 3), value, np.uint8) for value in (10, 230)]
    >>> evaluate(classifier, unseen, ["dark", "light"]).accuracy
    1.0
    """
    return measure(
        predictor,
        samples,
        labels,
        groups=groups,
        sample_weight=sample_weight,
        engine=engine,
        ignore_label_case=ignore_label_case,
        target=target,
    ).report


def measure(
    predictor: Predictor,
    samples: Iterable[Any],
    labels: Any = None,
    *,
    groups: Sequence[Any] | str | None = None,
    sample_weight: Sequence[float] | None = None,
    engine: Engine | None = None,
    ignore_label_case: bool = False,
    target: str | Sequence[str] | None = None,
) -> Measurement:
    """Measure a predictor as ``evaluate`` does, and return what the report was made of as well.

    Examples
    --------
    >>> import featx, numpy as np
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> classifier = featx.fit(images, ["dark"] * 3 + ["light"] * 3)
    >>> measured = measure(classifier, [np.full((9, 9, 3), 10, np.uint8)] , ["dark"])
    >>> measured.outputs.shape, measured.n_seen
    ((1, 2), 0)
    """
    check_predictor(predictor)
    if target is not None:
        samples = samples if is_table(samples) else list_records(samples)
        labels = _labels(samples, labels, target)
    if is_joint(predictor.inputs):
        samples = predictor.make_samples(samples)
    given = LabelledSamples.of(samples, labels, groups=groups, sample_weight=sample_weight)
    known = given.samples
    task = get_task(predictor.task_name)
    without = [sample.id for sample in known if sample.label is None]
    if without or not known:
        raise BadLabels(missing_labels(without, len(known), task.missing_remedy))
    labels = [sample.label for sample in known]
    matched = task.match_targets(
        labels, predictor.head.classes, [sample.id for sample in known], ignore_label_case
    )
    known = [replace(sample, label=label) for sample, label in zip(known, matched, strict=True)]
    known += given.unread
    rows = Engine.of(engine).embed(known, predictor.open_embedder(), digests=True)
    warn_about_rejects(rows.rejects, len(known))
    n_seen = _warn_of_training_samples(predictor, rows)
    digests = [digest or None for digest in rows.digests]
    for text in duplicate_contents(rows.ids, digests, rows.labels):
        warnings.warn(text, FeatxWarning, stacklevel=3)
    outputs = predictor.head.predict_outputs(rows.embeddings)
    truth = [label for label in rows.labels if label is not None]
    design = given.design(rows.ids)
    classes, doubts = predictor.head.classes, doubts_of(predictor)
    report = task.evaluate(truth, outputs, classes, random_state=0, ids=rows.ids, design=design)
    if doubts is not None:
        plain = task.predictions(rows.ids, outputs, classes, 1)
        predictions = list(doubts.apply(task, plain, outputs, rows.embeddings, classes))
        answers = doubts.measure(task, truth, outputs, predictions, classes, design)
        report = report.with_answers(answers)
    by_id = {sample.id: sample for sample in known}
    return Measurement(
        report, tuple(by_id[name] for name in rows.ids), rows, outputs, design, n_seen
    )


def _labels(samples: Any, labels: Any, target: str | Sequence[str]) -> list[Any]:
    """Return the cells of the columns of the truth."""
    if labels is not None:
        raise BadOption("target, labels: they are one; give the column or the labels")
    columns = target_columns(target)
    return targets_of(samples, columns[0] if isinstance(target, str) else columns)


def _warn_of_training_samples(predictor: Predictor, rows: Rows) -> int:
    """Warn of rows whose content the predictor was trained on, and return how many they are."""
    trained = predictor.samples
    if trained is None:
        return 0
    known = set(trained.digests.tolist()) - {""}
    if seen := sum(digest in known for digest in rows.digests):
        text = (
            f"{seen} of {len(rows)} samples are among those that the classifier was trained on; its "
            "scores on new samples will be lower"
        )
        warnings.warn(text, FeatxWarning, stacklevel=4)
    return seen


def warn_about_rejects(rejects: Sequence[Reject], n: int) -> None:
    """Warn, in one line, of samples that an engine skipped."""
    if rejects:
        first = "; ".join(f"{reject.id}: {reject.reason}" for reject in rejects[:3])
        more = "; …" if len(rejects) > 3 else ""
        text = f"{len(rejects)} of {n} samples could not be read and are left out ({first}{more})"
        warnings.warn(text, FeatxWarning, stacklevel=3)

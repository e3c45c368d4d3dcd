"""What a page on a predictor is made of: answers to samples whose targets are known."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from featx._typing import FloatArray, Integers
from featx.abstention import doubts_of
from featx.embedding.engine import Engine
from featx.errors import FeatxWarning
from featx.evaluation import measure
from featx.heads.calibrators import Calibrator
from featx.labelled import describe_design
from featx.metrics.report import Report
from featx.predictor import Predictor
from featx.reporting.training_samples import TrainingSamples
from featx.sources import Sample
from featx.storage.border import library_border
from featx.tasks import get_task
from featx.tuning.design import SampleDesign

# Sets of answers are to hold so many truths where nothing else was asked.
_COVERAGE = 0.9

__all__ = ["Evidence", "evidence_of_samples", "evidence_of_training"]


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Answers of a predictor, measured.

    Attributes
    ----------
    predictor : Predictor
    report : Report
        On these answers.
    method : str
        How they were measured, in a sentence or two.
    ids : tuple of str
    targets : tuple of str
        As texts; see ``featx.sources.targets``.
    outputs : ndarray of shape (n, n_columns), float32
        Calibrated; see ``TrainedHead.predict_outputs``.
    design : SampleDesign
    samples : mapping of str to Sample
        By id, those whose content is at hand.
    rows : ndarray of shape (n_rows, dim), or None
        Rows of some of the samples.
    row_index : ndarray of shape (n_rows,), or None
        Whose they are.
    digests : tuple of str
        Of the content of each sample; '' where it is not known.
    in_training : bool
        Whether these are the training samples, each answered without itself.
    """

    predictor: Predictor
    report: Report
    method: str
    ids: tuple[str, ...]
    targets: tuple[str, ...]
    outputs: FloatArray
    design: SampleDesign
    samples: Mapping[str, Sample] = field(default_factory=dict)
    rows: FloatArray | None = None
    row_index: Integers | None = None
    digests: tuple[str, ...] = ()
    in_training: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, labels or names of numbers of the predictor."""
        return self.predictor.head.classes

    def measure_some(self, indices: Integers) -> Report:
        """Return the report on some of the answers."""
        return get_task(self.predictor.task_name).evaluate(
            [self.targets[i] for i in indices.tolist()],
            self.outputs[indices],
            self.classes,
            random_state=0,
            design=self.design.subset(indices),
        )


def evidence_of_samples(
    predictor: Predictor,
    samples: Sequence[Any],
    labels: Any = None,
    *,
    engine: Engine | None = None,
    ignore_label_case: bool = False,
) -> Evidence:
    """Return the answers to labelled samples; see ``featx.evaluate``, which warns and refuses likewise."""
    predictor = _with_sets(predictor)
    found = measure(predictor, samples, labels, engine=engine, ignore_label_case=ignore_label_case)
    n = len(found.rows)
    method = f"Measured on {n:,} labelled samples"
    if found.n_seen == n:
        method += (
            ", all of which are among those that it was trained on: on new ones scores are lower."
        )
    elif found.n_seen:
        method += (
            f", {found.n_seen:,} of which are among those that it was trained on: without them scores "
            "are lower."
        )
    else:
        method += ", none of which it was trained on as far as is known."
    if rejects := len(found.rows.rejects):
        method += f" {rejects:,} more could not be read and are left out."
    return _without_zero_weights(
        Evidence(
            predictor,
            found.report,
            method,
            found.rows.ids,
            tuple(str(sample.label) for sample in found.samples),
            found.outputs,
            found.design,
            {sample.id: sample for sample in found.samples},
            found.rows.embeddings,
            np.arange(n),
            found.rows.digests or ("",) * n,
        )
    )


def _with_sets(predictor: Predictor) -> Predictor:
    """Return the predictor with sets that hold nine truths in ten, where nothing else was asked."""
    if doubts_of(predictor) is not None or not get_task(predictor.task_name).answer_sets.columns:
        return predictor
    if predictor.conformity is None:
        return predictor
    with warnings.catch_warnings():
        # the size of the sets tells that too few samples were left out
        warnings.simplefilter("ignore", FeatxWarning)
        return predictor.with_abstention(_COVERAGE)


def evidence_of_training(predictor: Predictor, training: Sequence[Sample] = ()) -> Evidence | None:
    """Return the answers to training samples, each by a head that had not seen it; None where none were kept.

    Parameters
    ----------
    training : sequence of Sample, default=()
        The training samples with their content, to show them, and for their groups and columns.

    Raises
    ------
    BadArtifact
        The predictor's file of its samples is damaged.
    """
    kept = predictor.samples
    if kept is None:
        return None
    known = np.flatnonzero(np.isfinite(kept.scores).all(axis=1))
    outputs = _calibrated(predictor, kept.scores[known])
    if outputs is None:
        return None
    ids = tuple(kept.ids[known].tolist())
    by_id = {sample.id: sample for sample in training}
    at_hand = [by_id[name] for name in ids if name in by_id]
    design = describe_design(at_hand) if len(at_hand) == len(ids) else SampleDesign()
    design = replace(design, validation=None)
    targets = tuple(kept.targets[known].tolist())
    task = get_task(predictor.task_name)
    measured = task.evaluate(
        targets, outputs, predictor.head.classes, random_state=0, ids=ids, design=design
    )
    method = (
        f"Shown are {len(ids):,} training samples, each answered by a head that was not trained on it. "
        "Which head it is was chosen by these answers, so that they are a little better than new "
        "samples would have."
    )
    if left := len(kept.ids) - len(ids):
        method += f" {left:,} samples were never left out and are not among them."
    rows, index = _kept_rows(kept, known)
    return _without_zero_weights(
        Evidence(
            predictor,
            measured,
            method,
            ids,
            targets,
            outputs,
            design,
            {sample.id: sample for sample in at_hand},
            rows,
            index,
            tuple(kept.digests[known].tolist()),
            in_training=True,
        )
    )


def _calibrated(predictor: Predictor, scores: FloatArray) -> FloatArray | None:
    """Return calibrated outputs of out-of-fold scores; None where there are too few, or none that fit."""
    head = predictor.head
    calibrator: Calibrator = head.calibrator
    # A number needs two samples to be measured.
    if len(scores) < 2 or scores.shape[1] != len(head.classes) or head.own_answers:
        return None
    border = library_border(f"head {head.name}: its calibration cannot be applied")
    with border, np.errstate(all="ignore"):
        outputs = np.asarray(calibrator.apply(scores.astype(np.float64)), np.float32)
    fits = outputs.shape == (len(scores), calibrator.n_columns(len(head.classes)))
    return outputs if fits and np.isfinite(outputs).all() else None


def _kept_rows(kept: TrainingSamples, known: Integers) -> tuple[FloatArray | None, Integers | None]:
    """Return the rows that are kept of the known samples, and the places of these samples among them."""
    if kept.rows is None or kept.kept is None:
        return None, None
    place = np.full(len(kept.ids), -1, np.intp)
    place[known] = np.arange(len(known))
    index = place[kept.kept]
    return kept.rows[index >= 0].astype(np.float32), index[index >= 0]


def _without_zero_weights(evidence: Evidence) -> Evidence:
    """Return the answers without those of samples that do not count, as the report measures them."""
    weights = evidence.design.weights
    if weights is None or (weights > 0).all():
        return evidence
    counted = np.flatnonzero(weights > 0)
    place = np.full(len(weights), -1, np.intp)
    place[counted] = np.arange(len(counted))
    rows, index = evidence.rows, evidence.row_index
    if rows is not None and index is not None:
        seen = place[index] >= 0
        rows, index = rows[seen], place[index][seen]
    left = len(weights) - len(counted)
    return replace(
        evidence,
        method=f"{evidence.method} {left:,} samples of weight 0 are left out.",
        ids=tuple(evidence.ids[i] for i in counted.tolist()),
        targets=tuple(evidence.targets[i] for i in counted.tolist()),
        outputs=evidence.outputs[counted],
        design=evidence.design.subset(counted),
        rows=rows,
        row_index=index,
        digests=tuple(evidence.digests[i] for i in counted.tolist()),
    )

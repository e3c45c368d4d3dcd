"""Several labels a sample, or one, or none."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from featx._typing import ClassWeight, Doubles, FloatArray, Integers, Labels, Mask
from featx.errors import BadLabels, BadOption, FeatxWarning
from featx.heads.label_calibration import LabelCalibration
from featx.sources.label_sets import (
    count_labels,
    indicator_matrix,
    read_label_sets,
    unknown_among,
)
from featx.sources.labels import list_names, match_labels
from featx.tuning.design import SampleDesign

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder
    from featx.heads import HeadSpec
    from featx.metrics.multilabel import MultilabelReport
    from featx.metrics.report import Report
    from featx.tasks.task import OutputTensor
    from featx.tuning import HeadConfig
    from featx.tuning.problem import Evaluation
    from featx.tuning.solvers.lbfgs import MapFn

__all__ = ["LabelSets", "LabelSetsPrediction", "Multilabel", "MultilabelProblem"]

HEAD_NAMES = ("logistic", "ridge", "linear-svm", "knn", "boosting", "auto")
# Samples with a label, and without, that it needs.
_LEAST = 2
_ALPHAS = (1e5, 1e4, 1e3, 1e2, 1e1)


@dataclass(frozen=True, slots=True)
class LabelSetsPrediction:
    """What a predictor of several labels says of one sample.

    Attributes
    ----------
    id : str
    labels : tuple of str
        The labels that are given, the most probable first.
    top : tuple of (str, float)
        Labels with their probabilities, the most probable first.

    Examples
    --------
    >>> prediction = LabelSetsPrediction("a", ("red",), (("red", 0.75), ("round", 0.25)))
    >>> prediction.to_dict()["labels"], prediction.to_cells()
    (['red'], {'id': 'a', 'labels': 'red', 'probability_red': 0.75, 'probability_round': 0.25})
    """

    id: str
    labels: tuple[str, ...]
    top: tuple[tuple[str, float], ...]

    def to_dict(self, digits: int | None = None) -> dict[str, Any]:
        """Return labels and top as JSON values; numbers rounded to ``digits``."""
        top = [
            {"label": label, "probability": share if digits is None else round(share, digits)}
            for label, share in self.top
        ]
        return {"labels": list(self.labels), "top": top}

    def to_cells(self) -> dict[str, str | float]:
        """Return id, labels with ";" between them, and the probability of each; six digits."""
        plain = not any(";" in label for label in self.labels)
        text = ";".join(self.labels) if plain else json.dumps(self.labels, ensure_ascii=False)
        shares = {_column(label): round(share, 6) for label, share in self.top}
        return {"id": self.id, "labels": text, **shares}


def _column(label: str) -> str:
    return f"probability_{label}"


@dataclass(frozen=True, slots=True, eq=False)
class LabelSets:
    """The labels of samples.

    Attributes
    ----------
    names : tuple of L str
        Sorted.
    members : ndarray of shape (n, L), bool
    """

    names: tuple[str, ...]
    members: Mask

    def __len__(self) -> int:
        return len(self.members)


@dataclass(frozen=True, slots=True)
class Multilabel:
    """The task of predicting any number of labels a sample; see ``featx.tasks.Task``."""

    name: str = "multilabel"
    predictor: str = "featx.predictor:MultilabelClassifier"
    head_names: tuple[str, ...] = HEAD_NAMES
    least_outputs: int = 1
    output_noun: tuple[str, str] = ("label", "labels")

    def columns(self, classes: Sequence[str]) -> dict[str, type]:
        """Return id, labels, and a column for the probability of each label."""
        return {"id": str, "labels": str} | dict.fromkeys(map(_column, classes), float)

    def check_config(self, config: HeadConfig) -> None:
        """Refuse what is for numbers, and a threshold that is no probability."""
        if config.log_target:
            raise BadOption("log_target=True: only a regression has numbers; leave it out")
        if config.threshold is not None and not 0 < config.threshold < 1:
            raise BadOption(f"threshold={config.threshold:g}: expected a number between 0 and 1")

    def drop_rare(
        self, targets: Sequence[str | None], least: int | None
    ) -> tuple[list[str | None], str]:
        """Leave out labels that fewer than ``least`` samples have, or all but so many; no sample is."""
        needed = max(_LEAST, least or 0)
        there = [target for target in targets if target is not None]
        sets = read_label_sets(there) if there else []
        counts = count_labels(sets)
        rare = {name for name, n in counts.items() if n < needed or len(sets) - n < _LEAST}
        if not rare:
            return list(targets), ""
        left = iter([json.dumps(sorted(names - rare), ensure_ascii=False) for names in sets])
        kept = [None if target is None else next(left) for target in targets]
        return kept, (
            f"{len(rare)} of {len(counts)} labels are left out, which fewer than {needed} samples have or "
            f"nearly all: {list_names(sorted(rare), 20)}"
        )

    def classes_of(self, targets: Sequence[str | None]) -> list[str | None]:
        """Return None for each: there are no classes."""
        return [None] * len(targets)

    def encode_targets(
        self, targets: Sequence[Any] | Labels, ids: Sequence[str] | None = None
    ) -> LabelSets:
        """Return which labels each sample has; raise BadLabels where there is none to be learned."""
        sets = read_label_sets(targets, ids)
        counts = count_labels(sets)
        names = tuple(sorted(counts))
        if not names:
            raise BadLabels(f"labels: none of the {len(sets)} samples has one")
        short = [n for n in names if counts[n] < _LEAST or len(sets) - counts[n] < _LEAST]
        if short:
            raise BadLabels(
                f"labels: expected at least {_LEAST} samples with a label and {_LEAST} without it; not so of "
                f"{list_names(short)}: add samples, or leave the label out"
            )
        return LabelSets(names, indicator_matrix(sets, names))

    def match_targets(
        self,
        targets: Sequence[Any],
        classes: Sequence[str],
        ids: Sequence[str],
        ignore_case: bool = False,
    ) -> list[str]:
        """Return the labels that the predictor knows, as it spells them; warn of the others."""
        sets = [
            frozenset(
                name
                for name in match_labels(sorted(names), classes, ignore_case=ignore_case)
                if name
            )
            for names in read_label_sets(targets, ids)
        ]
        if unknown := unknown_among(sets, classes):
            warnings.warn(unknown, FeatxWarning, stacklevel=3)
        known = frozenset(classes)
        return [json.dumps(sorted(names & known), ensure_ascii=False) for names in sets]

    def tuning_problem(
        self, targets: LabelSets, config: HeadConfig, design: SampleDesign | None = None
    ) -> MultilabelProblem:
        """Return the labels as what a head is tuned for."""
        return MultilabelProblem(
            targets.names,
            targets.members,
            config.class_weight,
            config.threshold,
            design or SampleDesign(),
        )

    def summarize_targets(self, targets: LabelSets) -> dict[str, Any]:
        """Return the number of samples of each label."""
        return dict(zip(targets.names, targets.members.sum(axis=0).tolist(), strict=True))

    def describe_summary(self, summary: Mapping[str, Any]) -> str:
        """Return the number of labels in words."""
        return f"with {len(summary)} labels"

    def is_known(self, targets: Sequence[str], classes: Sequence[str]) -> bool:
        """Return whether every label of every target is one of the predictor's."""
        try:
            sets = read_label_sets(targets)
        except BadLabels:
            return False
        return frozenset().union(*sets) <= frozenset(classes)

    def evaluate(
        self,
        targets: Sequence[Any] | Labels,
        outputs: FloatArray,
        classes: Sequence[str],
        random_state: int,
        *,
        ids: Sequence[str] | None = None,
        design: SampleDesign | None = None,
    ) -> MultilabelReport:
        """Return the report on probabilities and given labels of shape (n, 2 L)."""
        members = indicator_matrix(read_label_sets(targets, ids), classes)
        return _report(members, outputs, classes, random_state, design)

    def report_from_dict(self, table: Mapping[str, Any]) -> MultilabelReport:
        """Return the report whose ``to_dict`` gave ``table``."""
        from featx.metrics.multilabel import MultilabelReport

        return MultilabelReport.from_dict(table)

    def trivial_baseline(self, report: Report) -> tuple[str, dict[str, float]]:
        """Return the best scores of one answer for all samples."""
        report = cast("MultilabelReport", report)
        names = ("micro_f1", "macro_f1", "mean_average_precision")
        known = report.prevalence_baseline
        scores = {name: known[name] for name in names if name in known}
        return "one answer for all samples", scores

    def main_scores(self, report: Report) -> dict[str, float]:
        """Return micro F1, macro F1 and mean average precision."""
        report = cast("MultilabelReport", report)
        scores = {"micro_f1": report.micro_f1, "macro_f1": report.macro_f1}
        if report.mean_average_precision is not None:
            scores["mean_average_precision"] = report.mean_average_precision
        return scores

    def hints(self, report: Report, class_weight: str | None) -> list[str]:
        """Return none: the report says what there is to say."""
        return []

    def predictions(
        self, ids: Sequence[str], outputs: FloatArray, classes: Sequence[str], top_k: int
    ) -> Iterator[LabelSetsPrediction]:
        """Give the labels of each row, and the most probable ones."""
        shares, given = np.split(outputs, 2, axis=1)
        orders = np.argsort(-shares, axis=1, kind="stable")
        for id, probabilities, chosen, order in zip(ids, shares, given, orders, strict=True):
            labels = tuple(classes[i] for i in order if chosen[i])
            top = tuple((classes[i], float(probabilities[i])) for i in order[:top_k])
            yield LabelSetsPrediction(id, labels, top)

    def add_graph_outputs(
        self, graph: GraphBuilder, outputs: str, classes: Sequence[str]
    ) -> tuple[OutputTensor, ...]:
        """Add the nodes that give probabilities, and 1 for each label that is given; float32, (n, L)."""
        n = len(classes)
        floats = graph.to_float32(outputs)
        for index, name in enumerate(("probabilities", "labels")):
            start, stop = graph.int_const(index * n), graph.int_const((index + 1) * n)
            graph.named(name, "Slice", floats, start, stop, graph.int_const(1))
        return self.output_tensors(classes)

    def compare_answers(
        self,
        given: Mapping[str, Any],
        expected: FloatArray,
        classes: Sequence[str],
        scale: FloatArray,
    ) -> tuple[float, bool]:
        """Return the largest difference of a probability, and whether other labels are given."""
        probabilities, labels = np.split(expected, 2)
        apart = float(np.abs(given["probabilities"] - probabilities).max())
        return apart, not np.array_equal(given["labels"], labels)

    def output_tensors(self, classes: Sequence[str]) -> tuple[OutputTensor, ...]:
        """Return the probabilities of all labels, and 1 for each that is given."""
        from featx.tasks.task import OutputTensor

        return tuple(
            OutputTensor(name, "FP32", len(classes)) for name in ("probabilities", "labels")
        )

    def tensor_values(
        self, predictions: Sequence[LabelSetsPrediction], classes: Sequence[str]
    ) -> dict[str, list[Any]]:
        """Return the values of the tensors, flattened sample by sample."""
        tables = [dict(prediction.top) for prediction in predictions]
        return {
            "probabilities": [table[label] for table in tables for label in classes],
            "labels": [
                float(label in set(prediction.labels))
                for prediction in predictions
                for label in classes
            ],
        }


@dataclass(frozen=True, eq=False)
class MultilabelProblem:
    """Labels of samples, any number a sample; see ``TuningProblem`` for what tuning does with them.

    Attributes
    ----------
    names : tuple of L str
    members : ndarray of shape (n, L), bool
    class_weight : "balanced" or None, default=None
        With "balanced" samples with a label count as much as those without, for each label.
    threshold : float or None, default=None
        The probability from which a label is given; None: one a label, chosen on samples left out.
    design : SampleDesign
    """

    names: tuple[str, ...]
    members: Mask
    class_weight: ClassWeight = None
    threshold: float | None = None
    design: SampleDesign = field(default_factory=SampleDesign)

    @property
    def targets(self) -> npt.NDArray[Any]:
        """The labels as 0 and 1; shape (n, L)."""
        return self.codes

    @cached_property
    def codes(self) -> npt.NDArray[Any]:
        """The labels as 0 and 1; shape (n, L)."""
        return self.members.astype(np.intp)

    @cached_property
    def _weights(self) -> Doubles:
        return np.ones(len(self)) if self.design.weights is None else self.design.weights

    @property
    def output_names(self) -> tuple[str, ...]:
        """The labels."""
        return self.names

    @property
    def n_outputs(self) -> int:
        """Columns of scores: one a label."""
        return len(self.names)

    @property
    def n_columns(self) -> int:
        """Columns of outputs: a probability a label, and whether it is given."""
        return 2 * self.n_outputs

    @property
    def max_folds(self) -> int:
        """The number of samples of the most frequent label, or of the groups that have it."""
        counts = self.members.sum(axis=0)
        groups = self.design.groups
        if groups is None:
            return int(counts.max())
        return len(np.unique(groups[self.members[:, int(counts.argmax())]]))

    def __len__(self) -> int:
        return len(self.members)

    def subset(self, indices: npt.NDArray[Any]) -> MultilabelProblem:
        """Return the problem of some samples, by their indices or by a mask."""
        return replace(self, members=self.members[indices], design=self.design.subset(indices))

    def without_groups(self) -> MultilabelProblem:
        """Return the problem as if every sample were a group of its own."""
        return replace(self, design=self.design.without_groups())

    def make_folds(self, n_folds: int, rng: np.random.Generator) -> Integers:
        """Return the fold of each sample, with every label spread evenly."""
        from featx.tuning.folds import iterative_folds

        return iterative_folds(self.members, n_folds, rng, self.design.groups)

    def choose_heads(self, head: Any, *, random_state: int) -> tuple[HeadSpec, ...]:
        """Return the heads that a user's choice stands for."""
        from featx.heads import choose_heads
        from featx.heads.label_heads import label_heads

        return choose_heads(
            HEAD_NAMES[0] if head is None else head,
            largest=len(self),
            class_weight=self.class_weight,
            random_state=random_state,
            table={one.name: one for one in label_heads()},
        )

    @property
    def can_leave_out_each(self) -> bool:
        """Whether no part of the samples is to choose by, and none is later than another."""
        plain = self.design.validation is None and self.design.times is None
        return plain and self.class_weight is None

    def leave_out_each(self, head: HeadSpec, rows: FloatArray) -> list[Doubles]:
        """Return the scores of every sample by ridge with each penalty, its group left out in turn."""
        from featx.tuning.solvers.ridge import leave_one_out_numbers

        alphas = [value for params in head.grid for value in params.values()]
        return list(
            leave_one_out_numbers(
                rows,
                np.where(self.members, 1.0, -1.0),
                alphas,
                groups=self.design.groups,
                sample_weight=self.design.weights,
            )
        )

    def neighbor_targets(self, indices: Integers) -> Doubles:
        """Return 1 in the column of each label that a sample has, and 0 elsewhere."""
        return self.members[indices].astype(np.float64)

    def scores_of_averages(self, averages: Doubles) -> Doubles:
        """Return the logits of votes."""
        from featx.heads.score_forms import label_logits

        return label_logits(averages)

    def default_calibrator(self) -> LabelCalibration:
        """Return the calibration that takes scores for logits."""
        n = self.n_outputs
        threshold = self.threshold if self.threshold is not None else 0.5
        return LabelCalibration((1.0,) * n, (0.0,) * n, (threshold,) * n)

    def predict_baseline(
        self, rows: FloatArray, known: Integers, test: Integers, map_fn: MapFn
    ) -> tuple[str, FloatArray]:
        """Return the labels of a ridge, whose penalty ``known`` decides in closed form."""
        from sklearn.linear_model import RidgeClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        from featx.tuning.solvers.ridge import leave_one_out_numbers

        some = self.subset(known)
        signs = np.where(some.members, 1.0, -1.0)
        every = np.arange(len(some))
        tried = leave_one_out_numbers(rows[known], signs, _ALPHAS, groups=some.design.groups)
        scored = [some.evaluate(scores, every) for scores in tried]
        best = int(np.argmax([one.score for one in scored]))
        ridge = make_pipeline(StandardScaler(), RidgeClassifier(_ALPHAS[best]))
        fitted = ridge.fit(rows[known], some.codes)
        scores = np.asarray(fitted.decision_function(rows[test]), np.float64)
        outputs = scored[best].calibrator.apply(scores.reshape(len(test), -1))
        return "ridge", outputs.astype(np.float32)

    def evaluate(self, scores: Doubles, indices: Integers) -> Evaluation:
        """Return the micro F1 of scores, and their log-loss with the calibration that suits them."""
        from featx.heads.conformal import best_thresholds, label_calibration
        from featx.tuning.problem import Evaluation

        members, weights = self.members[indices], self._weights[indices]
        slopes, offsets = label_calibration(scores, members)
        plain = LabelCalibration(
            tuple(map(float, slopes)), tuple(map(float, offsets)), (0.5,) * self.n_outputs
        )
        probabilities = plain.probabilities(scores)
        if self.threshold is None:
            chosen = np.asarray(best_thresholds(members, probabilities))
        else:
            chosen = np.full(self.n_outputs, self.threshold)
        calibrator = replace(plain, thresholds=tuple(map(float, chosen)))
        given = calibrator.apply(scores)[:, self.n_outputs :] > 0
        right = float((weights[:, None] * (given & members)).sum())
        total = float((weights[:, None] * (given.astype(float) + members)).sum())
        score = 2 * right / total if total else 0.0
        true = np.clip(np.where(members, probabilities, 1 - probabilities), 1e-6, 1)
        losses = -np.log(true).mean(axis=1)
        return Evaluation(
            score=score,
            standard_error=float(np.sqrt(score * (1 - score) / max(1, members.sum()))),
            loss=float(np.average(losses, weights=weights)),
            calibrator=calibrator,
        )

    def report(
        self, predictions: FloatArray, indices: Integers, *, random_state: int
    ) -> MultilabelReport:
        """Return the report on the outputs of some samples."""
        design = self.design.subset(indices)
        return _report(self.members[indices], predictions, self.names, random_state, design)


def _report(
    members: Mask,
    outputs: FloatArray,
    names: Sequence[str],
    random_state: int,
    design: SampleDesign | None,
) -> MultilabelReport:
    # A prediction need not wait for what measures.
    from featx.metrics.multilabel import evaluate_label_sets

    probabilities, given = np.split(outputs, 2, axis=1)
    return evaluate_label_sets(
        members,
        given > 0,
        probabilities,
        labels=names,
        groups=None if design is None else design.groups,
        sample_weight=None if design is None else design.weights,
        random_state=random_state,
    )

"""When a predictor does not answer: sets that cover, a threshold that holds an error, samples that are new."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from featx._typing import Doubles, FloatArray, Mask
from featx.errors import BadOption, FeatxWarning
from featx.heads.conformal import describe_coverage
from featx.heads.conformity import Conformity, check_share
from featx.tasks import get_task
from featx.tasks.answer_sets import LAC, refuse_method
from featx.tasks.certainty import UNSURE, Certainty

if TYPE_CHECKING:
    from featx.heads import TrainedHead
    from featx.heads.novelty import NoveltyReference
    from featx.heads.selective import ErrorThreshold
    from featx.inputs.input import Input
    from featx.metrics.answers import AnswerReport
    from featx.metrics.resampling import Resampling
    from featx.reporting.training_samples import TrainingSamples
    from featx.tasks import OutputTensor, Prediction, Task
    from featx.tuning.design import SampleDesign

__all__ = [
    "Abstention",
    "CanAbstain",
    "cached_thresholds",
    "doubts_of",
    "make_abstention",
]

# The coverage that is meant where a predictor is to abstain and nothing else is said.
_COVERAGE = 0.9
# Classes of too few samples that are named in a warning.
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Abstention:
    """The choice of what is said beside answers, and of which are withheld; see ``Predictor.with_abstention``.

    Attributes
    ----------
    coverage : float or None
        The chance with which the set of an answer covers the truth; None makes no sets.
    method : {"lac", "aps"}
    thresholds : ndarray or None
        The scores up to which classes are in a set.
    abstain : bool
        Whether an answer that is not sure is withheld.
    limit : ErrorThreshold or None
        The confidence from which answers are given.
    novelty : float or None
        The level at which a sample is new; None looks at none.
    reference : NoveltyReference or None
        The training rows with which samples are compared.
    """

    coverage: float | None = None
    method: str = LAC
    thresholds: Doubles | None = None
    abstain: bool = False
    limit: ErrorThreshold | None = None
    novelty: float | None = None
    reference: NoveltyReference | None = None

    @property
    def is_idle(self) -> bool:
        """Tell whether there is nothing to say beside the answers."""
        return self.thresholds is None and self.limit is None and self.reference is None

    def columns(self, task: Task) -> dict[str, type]:
        """Return the columns of a table that hold what is said beside the answers."""
        names = task.answer_sets.columns if self.thresholds is not None else ()
        columns: dict[str, type] = dict.fromkeys(names, str)
        if self._decides(task):
            columns["answered"] = bool
        return columns | ({"novelty": float, "novel": bool} if self.reference is not None else {})

    def tensors(self, task: Task, n_classes: int) -> tuple[OutputTensor, ...]:
        """Return the tensors that hold what is said beside the answers: 1 for what is so, 0 for what is not."""
        from featx.tasks.output_tensor import OutputTensor

        sets = task.answer_sets.columns
        return tuple(
            OutputTensor(name, "FP32", n_classes if name in sets else None)
            for name in self.columns(task)
        )

    def _decides(self, task: Task) -> bool:
        """Return whether answers are told apart from what is not answered."""
        if self.thresholds is not None or self.limit is not None:
            return True
        return self.reference is not None and self.abstain

    def certainties(
        self, task: Task, outputs: FloatArray, rows: FloatArray, classes: Sequence[str]
    ) -> list[Certainty]:
        """Return what is known of each answer.

        Parameters
        ----------
        task : Task
        outputs : ndarray of shape (n, n_columns), float32
            What the head gave.
        rows : ndarray of shape (n, dim), float32
        classes : sequence of str
        """
        sets, found = task.answer_sets, [Certainty()] * len(outputs)
        answered: Mask = np.ones(len(outputs), bool)
        if self.thresholds is not None:
            members = sets.members(outputs, self.thresholds, self.method)
            found = sets.certainties(outputs, members, classes)
            answered &= np.array([one.answered for one in found], bool)
        if self.limit is not None:
            # Compared as they were when the threshold was found.
            least = np.inf if self.limit.threshold is None else self.limit.threshold
            answered &= sets.confidence(outputs) >= least
        if self.reference is not None and self.novelty is not None:
            p_values = self.reference.p_values(rows)
            novel = p_values <= self.novelty
            answered &= ~novel
            found = [
                replace(one, novelty=float(p), novel=bool(new))
                for one, p, new in zip(found, p_values, novel, strict=True)
            ]
        if not self._decides(task):
            return found
        return [
            replace(one, answered=bool(sure)) for one, sure in zip(found, answered, strict=True)
        ]

    def measure(
        self,
        task: Task,
        targets: Sequence[str],
        outputs: FloatArray,
        predictions: Sequence[Prediction],
        classes: Sequence[str],
        design: SampleDesign | None = None,
    ) -> AnswerReport:
        """Return how often sets hold the truth, and how much is answered how well.

        Parameters
        ----------
        task : Task
        targets : sequence of n str
            The texts of the truth.
        outputs : ndarray of shape (n, n_columns), float32
        predictions : sequence of n Prediction
            With what is known of each.
        classes : sequence of str
        design : SampleDesign, default=None
            Their groups, and what each of them counts; those of weight 0 are left out.
        """
        # A prediction need not wait for what measures.
        from featx.metrics.answers import measure_answers

        drawn = _resampling(len(targets), design)
        if drawn.weights is not None and not (drawn.weights > 0).all():
            used = np.flatnonzero(drawn.weights > 0)
            return self.measure(
                task,
                [targets[i] for i in used.tolist()],
                outputs[used],
                [predictions[i] for i in used.tolist()],
                classes,
                None if design is None else design.subset(used),
            )
        values: dict[str, Any] = {"resampling": drawn}
        sets, known = task.answer_sets, [one.certainty or Certainty() for one in predictions]
        if self.thresholds is not None:
            covered = sets.covers(
                targets, sets.members(outputs, self.thresholds, self.method), classes
            )
            values |= {"coverage": self.coverage, "covered": covered}
            values["sizes"] = np.array([len(one.set or ()) for one in known])
            values["by_class"] = _covered_by_class(covered, targets, classes, drawn.whole()[0])
        if self._decides(task):
            values["answered"] = np.array([bool(one.answered) for one in known])
            if sets.abstains:
                wrong = [sets.is_wrong(*pair) for pair in zip(predictions, targets, strict=True)]
                values["wrong"] = np.array(wrong)
        if self.reference is not None:
            values["novel"] = np.array([bool(one.novel) for one in known])
        return measure_answers(len(targets), **values)

    def apply(
        self,
        task: Task,
        predictions: Iterator[Prediction],
        outputs: FloatArray,
        rows: FloatArray,
        classes: Sequence[str],
    ) -> Iterator[Prediction]:
        """Give each prediction with what is known of it, without its label where that is withheld."""
        known = self.certainties(task, outputs, rows, classes)
        for prediction, certainty in zip(predictions, known, strict=True):
            yield task.answer_sets.withhold(prediction, certainty, abstain=self.abstain)


def make_abstention(
    task: Task,
    head: TrainedHead,
    conformity: Conformity | None,
    limit: ErrorThreshold | None,
    reference: NoveltyReference | None,
    *,
    coverage: float | None,
    per_class: bool,
    method: str,
    abstain: bool | None,
    novelty: float | None,
) -> tuple[Abstention, TrainedHead]:
    """Return what is said beside answers, and the head, whose intervals may be others."""
    if abstain is not None and not isinstance(abstain, bool):
        raise BadOption(f"abstain = {abstain!r:.40}: expected True, False or None")
    if not isinstance(per_class, bool):
        raise BadOption(f"per_class = {per_class!r:.40}: expected True or False")
    refuse_method(method)
    if abstain and not task.answer_sets.abstains and novelty is None:
        raise BadOption(
            "abstain=True: a number is not right or wrong; coverage= gives its interval, novelty= tells what "
            "is new"
        )
    if abstain and coverage is None and limit is None and novelty is None:
        coverage = _COVERAGE
    if coverage is None and (per_class or method != LAC):
        name = "per_class=True" if per_class else f"method={method!r:.40}"
        raise BadOption(f"{name}: is of the sets that a coverage makes; add coverage=0.9")
    thresholds = None
    if coverage is not None:
        coverage = check_share("coverage", coverage)
        if conformity is None:
            raise BadOption(
                f"coverage={coverage:g}: the predictor has no conformal calibration: it is of an earlier "
                "featx, or no sample was left out in its training; train it again"
            )
        thresholds = cached_thresholds(
            task.name, conformity, coverage, len(head.classes), method, per_class
        )
        head = task.answer_sets.with_thresholds(head, thresholds, coverage)
        if not task.answer_sets.columns:
            thresholds = None
            what = "samples" if conformity.groups is None else "groups"
            if text := describe_coverage(conformity.n_units(), what, coverage):
                warnings.warn(text, FeatxWarning, stacklevel=3)
        elif text := _describe_open(thresholds, head.classes, coverage):
            warnings.warn(text, FeatxWarning, stacklevel=3)
    withhold = limit is not None if abstain is None else abstain
    if withhold and UNSURE in head.classes:
        text = f"a class is named {UNSURE!r}: `answered` tells it from answers that are withheld"
        warnings.warn(text, FeatxWarning, stacklevel=3)
    made = Abstention(
        coverage,
        method,
        thresholds,
        abstain=withhold,
        limit=limit if abstain is not False else None,
        novelty=novelty,
        reference=reference,
    )
    return made, head


class CanAbstain:
    """The part of ``Predictor`` on sets, thresholds and what is new; it holds no data of its own."""

    __slots__ = ()

    if TYPE_CHECKING:
        inputs: tuple[Input, ...]
        head: TrainedHead
        task_name: str
        conformity_source: Conformity | Callable[[], Conformity] | None
        error_threshold: ErrorThreshold | None
        abstention: Abstention | None

        @property
        def samples(self) -> TrainingSamples | None:
            """The training samples."""

    @property
    def columns(self) -> dict[str, type]:
        """The columns of a table of its predictions and the types of their values, the id first."""
        task, doubts = get_task(self.task_name), doubts_of(self)
        own = task.columns(self.head.classes)
        return own if doubts is None else own | doubts.columns(task)

    @property
    def output_tensors(self) -> tuple[OutputTensor, ...]:
        """The tensors in which a server of the Open Inference Protocol answers."""
        task, doubts = get_task(self.task_name), doubts_of(self)
        own = task.output_tensors(self.head.classes)
        return own if doubts is None else own + doubts.tensors(task, len(self.head.classes))

    def tensor_values(self, predictions: Sequence[Any]) -> dict[str, list[Any]]:
        """Return the values of these tensors by name, flattened sample by sample.

        Each prediction must hold all classes: ``top_k`` was their number.
        """
        values = get_task(self.task_name).tensor_values(predictions, self.head.classes)
        for tensor in self.output_tensors:
            if tensor.name not in values:
                known = [getattr(one.certainty, tensor.name) for one in predictions]
                values[tensor.name] = _flat_values(known, self.head.classes, tensor.columns)
        return values

    @property
    def conformity(self) -> Conformity | None:
        """The conformity of the samples left out in training; None where that is not known.

        Raises
        ------
        BadArtifact
            The file of a loaded predictor that holds it was changed or is damaged.
        """
        source = self.conformity_source
        return source() if callable(source) else source

    def with_abstention(
        self,
        coverage: float | None = None,
        *,
        per_class: bool = False,
        method: str = "lac",
        abstain: bool | None = None,
        novelty: float | None = None,
    ) -> Self:
        """Return the predictor that also says how sure its answers are, and withholds those that are not.

        Parameters
        ----------
        coverage : float between 0 and 1, default=None
            The chance with which the set of an answer covers the truth, over samples like those of the
            training: labels of a classification, decisions on each of several labels, or the interval of a
            number. None makes no sets.
        per_class : bool, default=False
            Whether that holds for the samples of each class by itself.
        method : {"lac", "aps"}, default="lac"
            How sets of classes are made: the smallest on average, or those that say more where the head is
            less sure, and are never empty.
        abstain : bool, default=None
            Whether "unsure" stands for an answer whose set is empty or not one label, that is less sure than
            ``fit`` was asked for, or whose sample is new; without any of these a coverage of 0.9 is meant.
            None: where ``fit`` was given a ``target_error``.
        novelty : float between 0 and 1, default=None
            The share of samples like those of the training that may be taken for new.

        Raises
        ------
        BadOption
            A value is none of those, or the predictor has not kept what it takes.

        Examples
        --------
        >>> import featx, numpy as np
        >>> images = [np.full((9, 9, 3), value, np.uint8) for value in range(0, 240, 20)]
        >>> classifier = featx.fit(images, ["dark"] * 6 + ["light"] * 6, baseline=False)
        >>> careful = classifier.with_abstention(0.9)
        >>> [one.certainty.set for one in careful.predict_samples(featx.make_samples(images[:1]))]
        [('dark',)]
        """
        made, head = make_abstention(
            get_task(self.task_name),
            self.head,
            None if coverage is None and not abstain else self.conformity,
            self.error_threshold,
            None if novelty is None else _novelty_reference(self, novelty),
            coverage=coverage,
            per_class=per_class,
            method=method,
            abstain=abstain,
            novelty=novelty,
        )
        # It is the frozen dataclass Predictor.
        changed: Any = self
        return cast("Self", replace(changed, head=head, abstention=made))


def _novelty_reference(predictor: CanAbstain, novelty: float) -> NoveltyReference:
    """Return the training rows with which samples are compared."""
    check_share("novelty", novelty)
    reference = _cached_reference(predictor)
    if reference is None:
        raise BadOption(
            f"novelty={novelty:g}: the predictor keeps no rows of its training samples to compare with; "
            "train it again with keep_rows=True"
        )
    return reference


@lru_cache(maxsize=4)
def _cached_reference(predictor: CanAbstain) -> NoveltyReference | None:
    """Return the training rows, prepared once for all that a server is asked; None where none are kept."""
    from featx.heads.novelty import NoveltyReference
    from featx.inputs.joint import joint_blocks

    samples = predictor.samples
    if samples is None or samples.rows is None or samples.distances is None:
        return None
    return NoveltyReference.of(samples.rows, samples.distances, joint_blocks(predictor.inputs))


@lru_cache(maxsize=32)
def cached_thresholds(
    task: str, conformity: Conformity, coverage: float, n_classes: int, method: str, per_class: bool
) -> Doubles:
    """Return the thresholds of a task's sets; a server is asked for the same ones at each request."""
    return get_task(task).answer_sets.thresholds(conformity, coverage, n_classes, method, per_class)


def _flat_values(known: Sequence[Any], classes: Sequence[str], columns: int | None) -> list[float]:
    """Return numbers as they are, and 1 for each class that is in each set."""
    if columns is None:
        return [float(value) for value in known]
    return [float(label in set(value)) for value in known for label in classes]


def _resampling(n: int, design: SampleDesign | None) -> Resampling:
    """Return what each of ``n`` samples counts, and which of them are drawn together."""
    from featx.metrics.resampling import Resampling, check_weights, group_codes

    if design is None:
        return Resampling(n)
    codes = group_codes(design.groups, n)
    # That one group holds all is said with the other scores.
    codes = None if codes is None or not codes.any() else codes
    return Resampling(n, codes, check_weights(design.weights, n))


def _covered_by_class(
    covered: Mask, targets: Sequence[str], classes: Sequence[str], counts: Doubles
) -> dict[str, float]:
    """Return the share of sets that hold the truth, of the samples of each class or of each label."""
    if covered.ndim == 2:
        shares = counts @ covered / counts.sum()
        return dict(zip(classes, shares.tolist(), strict=True))
    given = np.asarray(targets)
    members = ((label, given == label) for label in classes)
    return {
        label: float(counts[own] @ covered[own] / counts[own].sum())
        for label, own in members
        if own.any()
    }


def _describe_open(thresholds: Doubles, classes: Sequence[str], coverage: float) -> str:
    """Return which classes are in every set, for too few of them were left out; '' where none is."""
    of: Mask = np.asarray(np.atleast_2d(np.isinf(thresholds)).any(axis=0))
    if not of.any():
        return ""
    names = [classes[index] for index in np.flatnonzero(of).tolist()]
    shown = ", ".join(names[:_MOST_NAMED]) + (", …" if len(names) > _MOST_NAMED else "")
    which = "all classes" if len(names) == len(classes) else f"{len(names)} classes ({shown})"
    return (
        f"coverage={coverage:g}: too few samples were left out for it, so that {which} cannot be "
        "excluded from any set; train on more, or ask for less"
    )


def doubts_of(predictor: CanAbstain) -> Abstention | None:
    """Return what a predictor says beside answers, by default as its ``target_error`` asks, or None."""
    made = predictor.abstention
    if made is None and predictor.error_threshold is not None:
        made = Abstention(abstain=True, limit=predictor.error_threshold)
    return None if made is None or made.is_idle else made

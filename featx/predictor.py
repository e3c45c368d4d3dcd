"""A predictor: inputs and a trained head; samples in, predictions out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from featx._lazy import load_named
from featx._typing import FloatArray, Integers, Labels
from featx.abstention import CanAbstain, doubts_of
from featx.backbones.backbone import Backbone, open_backbone
from featx.backbones.providers import CPU, Provider
from featx.catalog import Card
from featx.embedding.engine import Engine
from featx.embedding.joint_rows import JointEmbedder
from featx.embedding.rows import Reject, Rows
from featx.errors import BadOption, wrong_type
from featx.heads import TrainedHead
from featx.heads.label_types import label_type_of
from featx.inputs.input import Input, is_joint, joint_fingerprint, only_input
from featx.inputs.joint import open_joint
from featx.sources import Sample, make_samples
from featx.tasks import get_task

if TYPE_CHECKING:
    from featx.abstention import Abstention
    from featx.fit_config import FitConfig
    from featx.heads.conformity import Conformity
    from featx.heads.selective import ErrorThreshold
    from featx.reporting.fit_report import FitReport
    from featx.reporting.training_samples import TrainingSamples
    from featx.tasks import Prediction, Task

__all__ = [
    "Classifier",
    "MultilabelClassifier",
    "Predictor",
    "Regressor",
    "check_exact",
    "check_predictor",
    "predictor_class",
]


def check_exact(provider: Provider) -> None:
    """Refuse a provider of lesser precision than the card's: heads are not trained on such rows.

    Raises
    ------
    BadOption
        The provider computes in a lesser precision.
    """
    if not provider.exact:
        raise BadOption(
            f"provider {provider}: makes other rows than the card's, which classifiers are not "
            f"trained on; expected {provider.name} here, {provider} only for rows (featx extract)"
        )


def check_predictor(value: object) -> None:
    """Refuse an argument that is no predictor, such as the path of one.

    Raises
    ------
    BadOption
    """
    if not isinstance(value, Predictor):
        raise wrong_type("predictor", value, "one that featx.fit or featx.load returned")


def predictor_class(task: Task) -> type[Predictor]:
    """Return the class of the predictors of a task."""
    kind: type[Predictor] = load_named(task.predictor)
    return kind


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Predictor(CanAbstain):
    """Inputs and a head that was trained on their rows.

    Opening one reads nothing: the backbone is opened, and its bytes are verified, at the first prediction.

    Attributes
    ----------
    inputs : tuple of Input
        One that is the sample itself, or those that read the columns of a record.
    head : TrainedHead
    report_source : FitReport, callable that gives it, or None
        Where ``report`` comes from: a loaded predictor reads it when it is asked for.
    config_source : FitConfig, callable that gives it, or None
        Likewise of ``config``.
    provider : Provider, default CPU
        Where its backbone is computed, in the graph's own precision.
    task_name : str
        A name in ``featx.tasks.TASKS``.
    conformity_source : Conformity, callable that gives it, or None
        What coverage is made from: how the samples left out in training conformed.
    error_threshold : ErrorThreshold or None
        The confidence from which it answers, where ``fit`` was asked for a ``target_error``.
    abstention : Abstention or None
        What is said beside answers, and which are withheld; see ``with_abstention``.

    Examples
    --------
    >>> import featx, numpy as np
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> predictor = featx.fit(images, ["dark"] * 3 + ["light"] * 3)
    >>> isinstance(predictor, Predictor), predictor.task_name, predictor.inputs[0].name
    (True, 'classification', 'image')
    >>> [prediction.id for prediction in predictor.predict_samples(featx.make_samples(images[:2]))]
    ['0', '1']
    """

    inputs: tuple[Input, ...]
    head: TrainedHead
    report_source: FitReport | Callable[[], FitReport] | None = None
    config_source: FitConfig | Callable[[], FitConfig] | None = None
    provider: Provider = CPU
    task_name: str = "classification"
    conformity_source: Conformity | Callable[[], Conformity] | None = None
    error_threshold: ErrorThreshold | None = None
    abstention: Abstention | None = None

    def __repr__(self) -> str:
        inputs = ", ".join(one.describe() for one in self.inputs)
        count = len(self.head.classes)
        noun = get_task(self.task_name).output_noun
        outputs = f"{count} {noun[0] if count == 1 else noun[1]}"
        return f"{type(self).__name__}({inputs}; head {self.head.name}, {outputs})"

    @classmethod
    def from_card(
        cls,
        card: Card,
        head: TrainedHead,
        *,
        report: FitReport | None = None,
        config: FitConfig | None = None,
        provider: Provider = CPU,
        task: str = "classification",
    ) -> Self:
        """Return a predictor of one input, which is named like its modality."""
        return cls((Input.of_card(card),), head, report, config, provider, task)

    @property
    def report(self) -> FitReport | None:
        """The account of its training; None where there is none.

        Raises
        ------
        BadArtifact
            What a loaded predictor says of its training is no such account.
        """
        source = self.report_source
        return source() if callable(source) else source

    @property
    def samples(self) -> TrainingSamples | None:
        """Its training samples with their out-of-fold scores; None where they were not kept.

        Raises
        ------
        BadArtifact
            The file of a loaded predictor that holds them was changed or is damaged.
        """
        report = self.report
        return None if report is None else report.samples

    @property
    def config(self) -> FitConfig | None:
        """Return what ``fit`` was asked for; None where that is not known.

        Raises
        ------
        BadOption
            What a loaded predictor says of it is no configuration.
        """
        source = self.config_source
        return source() if callable(source) else source

    @property
    def card(self) -> Card:
        """The card of its only input.

        Raises
        ------
        BadOption
            It has several inputs, or one that reads a column of a table.
        """
        return only_input(self.inputs).card

    @property
    def fingerprint(self) -> str:
        """The digest of all that decides the rows that its head is given."""
        return joint_fingerprint(self.inputs)

    def open(self) -> Backbone:
        """Return its backbone, shared within the process; see ``open_embedder`` for several inputs.

        Raises
        ------
        MissingWeights, WrongDigest
            Its bytes are not on this machine, or others are in their place.
        MissingProvider
            The provider is not there, or does not start.
        BadOption
            The provider is one of lesser precision.
        """
        check_exact(self.provider)
        return open_backbone(self.card, self.provider)

    def open_embedder(self) -> Backbone | JointEmbedder:
        """Return what makes its rows: its backbone, or those and the encoders of several inputs.

        Raises as ``open``.
        """
        if not is_joint(self.inputs):
            return self.open()
        check_exact(self.provider)
        return open_joint(self.inputs, self.provider)

    def make_samples(self, X: Any) -> list[Sample]:
        """Return samples of what a predictor is given: a list of things, or of records; a DataFrame."""
        if not is_joint(self.inputs):
            return make_samples(X)
        # One photo is answered without the readers of tables.
        from featx.inputs.reading import record_columns
        from featx.sources.frames import record_samples
        from featx.sources.record_cells import find_files

        columns = record_columns([one.spec for one in self.inputs])
        return find_files(record_samples(X, [column.name for column in columns]), columns)

    def embed(self, X: Iterable[Any], *, engine: Engine | None = None) -> Rows:
        """Return the rows of samples: what the head is given."""
        return Engine.of(engine).embed(self.make_samples(X), self.open_embedder())

    def predict_samples(
        self, samples: Iterable[Sample], *, top_k: int = 1, engine: Engine | None = None
    ) -> Iterator[Prediction | Reject]:
        """Give one record for each sample as soon as it is known, in input order.

        Parameters
        ----------
        samples : iterable of Sample
        top_k : int, default=1
            Classes in each record's ``top``; all of them where there are fewer.
        engine : Engine, default=None
            How to run. With ``on_error="skip"`` a sample that cannot be read gives a Reject, after the
            others of its batch.

        Raises
        ------
        BadOption
            ``top_k`` is no whole number from 1 on.
        BadSample
            A sample cannot be read, and the engine does not skip.
        """
        _check_top_k(top_k)
        for rows in Engine.of(engine).stream(samples, self.open_embedder()):
            yield from self.predict_rows(rows, top_k=top_k)
            yield from rows.rejects

    def predict_rows(self, rows: Rows, *, top_k: int = 1) -> Iterator[Prediction]:
        """Give one record for each row of this predictor's own backbone.

        Raises
        ------
        BadOption
            Rows carry the fingerprint of another backbone, or ``top_k`` is no whole number from 1 on.
        """
        _check_top_k(top_k)
        if rows.fingerprint != self.fingerprint:
            names = " + ".join(one.label for one in self.inputs)
            raise BadOption(
                f"rows: made with fingerprint {rows.fingerprint[:12] or 'none'}…, expected "
                f"{self.fingerprint[:12]}…, that of {names}"
            )
        outputs = self.head.predict_outputs(rows.embeddings)
        task, classes = get_task(self.task_name), self.head.classes
        predictions = task.predictions(rows.ids, outputs, classes, top_k)
        doubts = doubts_of(self)
        if doubts is not None:
            predictions = doubts.apply(task, predictions, outputs, rows.embeddings, classes)
        yield from predictions

    def with_labels_like(self, labels: Any) -> Self:
        """Return the predictor with labels of the type that these have, where it gives one a sample."""
        return self

    def fit(self, X: Any, y: Any = None) -> Self:
        """Refuse: a predictor is trained already. scikit-learn takes for an estimator what has a ``fit``.

        Raises
        ------
        BadOption
            Always.
        """
        raise BadOption(f"{self!r}: is trained already; featx.fit trains another one")

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def _outputs(self, X: Iterable[Any], engine: Engine | None) -> FloatArray:
        """Return the calibrated outputs of samples, one row each in their order."""
        if engine is not None and engine.on_error == "skip":
            raise BadOption("on_error = 'skip': expected 'fail' here; use predict_samples to skip")
        return self.head.predict_outputs(self.embed(X, engine=engine).embeddings)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Classifier(Predictor):
    """The predictor of a classification: samples in, labels and calibrated probabilities out.

    Examples
    --------
    >>> import featx, numpy as np
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> classifier = featx.fit(images, ["dark"] * 3 + ["light"] * 3)
    >>> [str(label) for label in classifier.predict([images[0], images[-1]])]
    ['dark', 'light']
    """

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that it can give, as texts, sorted as ``classes_``: the columns of ``predict_proba``."""
        return tuple(self.head.classes[index] for index in self._order)

    @property
    def classes_(self) -> Labels:
        """The labels in the type in which they were given to ``fit``, sorted; shape (n_classes,)."""
        return self.head.labels[self._order]

    def with_labels_like(self, labels: Any) -> Self:
        """Return the predictor with labels of the type that all of these have; texts where they differ."""
        return replace(self, head=replace(self.head, label_type=label_type_of(labels)))

    @property
    def _order(self) -> Integers:
        """The columns of the head by their labels: "10" stands before "9", and 10 behind 9."""
        return np.argsort(self.head.labels)

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of a classifier before it measures or draws one."""
        from featx.extractor import predictor_tags

        return predictor_tags("classifier")

    def predict_proba(self, X: Iterable[Any], *, engine: Engine | None = None) -> FloatArray:
        """Return calibrated probabilities of every class.

        Parameters
        ----------
        X : iterable of paths, bytes, images, uint8 arrays or Sample
            Whatever the backbone reads.
        engine : Engine, default=None
            How to run.

        Returns
        -------
        ndarray of shape (n, n_classes), float32
            Rows in input order; columns as ``classes`` and ``classes_``.

        Raises
        ------
        BadSample
            A sample cannot be read.
        BadOption
            The engine skips samples, which would break the order; see ``predict_samples``.
        """
        return self._outputs(X, engine)[:, self._order]

    def predict(self, X: Iterable[Any], *, engine: Engine | None = None) -> Labels:
        """Return the most probable label of each sample, in the type that labels had; shape (n,).

        Parameters as ``predict_proba``.
        """
        labels = self.head.labels
        chosen: Labels = labels[self._outputs(X, engine).argmax(axis=1)]
        return chosen


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MultilabelClassifier(Predictor):
    """The predictor of several labels a sample: samples in, labels and calibrated probabilities out.

    Examples
    --------
    >>> import featx
    >>> nouns = ("apple", "pear", "car", "fire", "house")
    >>> texts = [f"{color} {noun}" for color in ("blue", "green", "red") for noun in nouns]
    >>> colors = [[t.split()[0]] + (["fruit"] if t.endswith(("apple", "pear")) else []) for t in texts]
    >>> predictor = featx.fit(texts, colors, task="multilabel", baseline=False)
    >>> predictor.labels
    ('blue', 'fruit', 'green', 'red')
    """

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of a classifier before it measures or draws one."""
        from featx.extractor import predictor_tags

        return predictor_tags("classifier")

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that it can give, sorted: the columns of ``predict_proba`` and ``predict``."""
        return self.head.classes

    def predict_proba(self, X: Iterable[Any], *, engine: Engine | None = None) -> FloatArray:
        """Return the calibrated probability of every label; shape (n, n_labels), float32.

        Raises
        ------
        BadSample, BadOption
            See ``Classifier.predict_proba``.
        """
        return self._outputs(X, engine)[:, : len(self.labels)]

    def predict(self, X: Iterable[Any], *, engine: Engine | None = None) -> Integers:
        """Return 1 for each label that is given and 0 for the others; shape (n, n_labels), intp."""
        return self._outputs(X, engine)[:, len(self.labels) :].astype(np.intp)

    def predict_labels(
        self, X: Iterable[Any], *, engine: Engine | None = None
    ) -> list[tuple[str, ...]]:
        """Return the labels of each sample, by their names."""
        given = self.predict(X, engine=engine)
        return [tuple(np.compress(row, self.labels).tolist()) for row in given]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Regressor(Predictor):
    """The predictor of numbers: samples in, numbers and their intervals out.

    Examples
    --------
    >>> import featx, numpy as np
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in range(0, 240, 12)]
    >>> regressor = featx.fit(images, list(range(20)), task="regression", baseline=False)
    >>> regressor.predict(images[:2]).shape, regressor.predict_interval(images[:2]).shape
    ((2,), (2, 2))
    """

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of a regressor before it measures or draws one."""
        from featx.extractor import predictor_tags

        return predictor_tags("regressor")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the numbers; ("value",) where one was given without a name."""
        return self.head.classes

    def predict(self, X: Iterable[Any], *, engine: Engine | None = None) -> FloatArray:
        """Return the number of each sample, float32; shape (n,), of several numbers (n, k).

        Raises
        ------
        BadSample, BadOption
            See ``Classifier.predict_proba``.
        """
        values = self._outputs(X, engine)[:, : len(self.names)]
        return values[:, 0] if len(self.names) == 1 else values

    def predict_interval(self, X: Iterable[Any], *, engine: Engine | None = None) -> FloatArray:
        """Return the ends of the interval of each number, float32; shape (n, 2), of several (n, k, 2).

        An interval covers the number of nine in ten new samples, or of what ``with_abstention`` was asked.
        """
        k = len(self.names)
        outputs = self._outputs(X, engine)
        ends = np.stack([outputs[:, k : 2 * k], outputs[:, 2 * k :]], axis=2)
        return ends[:, 0] if k == 1 else ends


def _check_top_k(top_k: int) -> None:
    if not isinstance(top_k, (int, np.integer)) or top_k < 1:
        raise BadOption(f"top_k = {top_k!r}: expected a whole number, 1 or more")

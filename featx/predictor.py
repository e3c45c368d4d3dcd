"""A predictor: inputs and a trained head; samples in, predictions out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from featx._typing import FloatArray, Labels
from featx.backbones.backbone import Backbone, open_backbone
from featx.backbones.providers import CPU, Provider
from featx.catalog import Card
from featx.embedding.engine import Engine
from featx.embedding.rows import Reject, Rows
from featx.errors import BadOption
from featx.heads import TrainedHead, argmax_labels
from featx.sources import Sample, make_samples
from featx.tasks import get_task

if TYPE_CHECKING:
    from featx.fit_config import FitConfig
    from featx.reporting.fit_report import FitReport
    from featx.tasks import Prediction, Task

__all__ = ["Classifier", "Input", "Predictor", "check_exact", "predictor_class"]


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


def predictor_class(task: Task) -> type[Predictor]:
    """Return the class of the predictors of a task."""
    module, _, name = task.predictor.partition(":")
    kind: type[Predictor] = getattr(import_module(module), name)
    return kind


@dataclass(frozen=True, slots=True)
class Input:
    """One named column that a predictor reads, with its backbone.

    Attributes
    ----------
    name : str
        Such as "image".
    kind : str
        The modality: "image", "text" or "audio".
    card : Card
        The card with all that was changed of it; ``card.fingerprint`` is that of the rows on which the head
        was trained.

    Examples
    --------
    >>> import featx
    >>> Input("image", "image", featx.get_card("featx-image-nano")).card.dim
    384
    """

    name: str
    kind: str
    card: Card


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Predictor:
    """Inputs and a head that was trained on their rows.

    Opening one reads nothing: the backbone is opened, and its bytes are verified, at the first prediction.

    Attributes
    ----------
    inputs : tuple of Input
        One, today.
    head : TrainedHead
    report_source : FitReport, callable that gives it, or None
        Where ``report`` comes from: a loaded predictor reads it when it is asked for.
    config_source : FitConfig, callable that gives it, or None
        Likewise of ``config``.
    provider : Provider, default CPU
        Where its backbone is computed, in the graph's own precision.
    task_name : str
        A name in ``featx.tasks.TASKS``.

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

    def __repr__(self) -> str:
        inputs = ", ".join(f"{one.name}: {one.card.name}" for one in self.inputs)
        count = len(self.head.classes)
        return f"{type(self).__name__}({inputs}; head {self.head.name}, {count} classes)"

    @classmethod
    def from_card(
        cls,
        card: Card,
        head: TrainedHead,
        *,
        report: FitReport | None = None,
        config: FitConfig | None = None,
        provider: Provider = CPU,
    ) -> Self:
        """Return a predictor of one input, which is named like its modality."""
        only = Input(card.modality, card.modality, card)
        return cls((only,), head, report, config, provider)

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
        """The card of its only input."""
        return self.inputs[0].card

    def open(self) -> Backbone:
        """Return its backbone, shared within the process.

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

    def embed(self, X: Iterable[Any], *, engine: Engine | None = None) -> Rows:
        """Return the rows of samples: what the head is given."""
        return (engine or Engine()).embed(make_samples(X), self.open())

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
        for rows in (engine or Engine()).stream(samples, self.open()):
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
        if rows.fingerprint != self.card.fingerprint:
            raise BadOption(
                f"rows: made with fingerprint {rows.fingerprint[:12] or 'none'}…, expected "
                f"{self.card.fingerprint[:12]}…, that of {self.card.name}"
            )
        outputs = self.head.predict_proba(rows.embeddings)
        yield from get_task(self.task_name).predictions(rows.ids, outputs, self.head.classes, top_k)


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
        """The labels that it can give, sorted: the columns of ``predict_proba``."""
        return self.head.classes

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
            Rows in input order; columns as ``classes``.

        Raises
        ------
        BadSample
            A sample cannot be read.
        BadOption
            The engine skips samples, which would break the order; see ``predict_samples``.
        """
        if engine is not None and engine.on_error == "skip":
            raise BadOption("on_error = 'skip': expected 'fail' here; use predict_samples to skip")
        return self.head.predict_proba(self.embed(X, engine=engine).embeddings)

    def predict(self, X: Iterable[Any], *, engine: Engine | None = None) -> Labels:
        """Return the most probable label of each sample; shape (n,). Parameters as ``predict_proba``."""
        return argmax_labels(self.classes, self.predict_proba(X, engine=engine))


def _check_top_k(top_k: int) -> None:
    if not isinstance(top_k, (int, np.integer)) or top_k < 1:
        raise BadOption(f"top_k = {top_k!r}: expected a whole number, 1 or more")

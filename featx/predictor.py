"""A backbone with a trained head on it: samples in, labels and calibrated probabilities out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import FloatArray
from featx.backbones.backbone import Backbone, open_backbone
from featx.backbones.providers import CPU, Provider
from featx.catalog import Card
from featx.embedding.engine import Engine
from featx.embedding.rows import Reject, Rows
from featx.errors import BadOption
from featx.heads import TrainedHead, argmax_labels
from featx.sources import Sample, make_samples

__all__ = ["Classifier", "Prediction", "check_exact"]


def check_exact(provider: Provider) -> None:
    """Raise BadOption where a provider computes in a lesser precision: heads know no such rows."""
    if not provider.exact:
        raise BadOption(
            f"provider {provider}: makes other rows than the card's, which classifiers are not "
            f"trained on; expected {provider.name} here, {provider} only for rows (featx extract)"
        )


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a classifier says of one sample."""

    id: str
    label: str
    probability: float  # of that label
    top: tuple[tuple[str, float], ...]  # labels with their probabilities, the most probable first


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A backbone's card and a head that was trained on its rows.

    Opening it reads nothing: the backbone is opened, and its bytes proven, at the first prediction.

    Attributes
    ----------
    card : Card
        With all that was changed of it; ``card.fingerprint`` is that of the rows the head was trained on.
    head : TrainedHead
        One that is read from a file and linear answers without scikit-learn.
    training : mapping
        What is known of its training, as JSON values: samples, how it was tuned and measured, the report,
        the baselines.
    provider : Provider, default CPU
        Where its backbone is computed; in the graph's own precision, for its head knows no other rows.

    Examples
    --------
    >>> import featx
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> classifier = featx.fit(images, ["dark"] * 3 + ["light"] * 3)
    >>> [str(label) for label in classifier.predict([images[0], images[-1]])]
    ['dark', 'light']
    """

    card: Card
    head: TrainedHead
    training: Mapping[str, Any]
    provider: Provider = CPU

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels that it can give, sorted: the columns of ``predict_proba``."""
        return self.head.classes

    def open(self) -> Backbone:
        """Its backbone, shared within the process.

        Raises
        ------
        MissingWeights, WrongDigest
            Its bytes are not on this machine, or others are in their place.
        BadOption
            The provider is not there, does not start, or is one of lesser precision.
        """
        check_exact(self.provider)
        return open_backbone(self.card, self.provider)

    def embed(self, X: Iterable[Any], *, engine: Engine | None = None) -> Rows:
        """Rows of samples: what the head sees."""
        return (engine or Engine()).embed(make_samples(X), self.open())

    def predict_proba(self, X: Iterable[Any], *, engine: Engine | None = None) -> FloatArray:
        """Calibrated probabilities of every class.

        Parameters
        ----------
        X : iterable of paths, bytes, images, uint8 arrays or Sample
            Whatever the backbone reads.
        engine : Engine, default=None
            How to run.

        Returns
        -------
        ndarray of shape (n, n_classes), float32
            In input order; columns as ``classes``.

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

    def predict(self, X: Iterable[Any], *, engine: Engine | None = None) -> npt.NDArray[np.str_]:
        """The most probable label of each sample; shape (n,). Parameters as ``predict_proba``."""
        return argmax_labels(self.classes, self.predict_proba(X, engine=engine))

    def predict_samples(
        self, samples: Iterable[Sample], *, top_k: int = 1, engine: Engine | None = None
    ) -> Iterator[Prediction | Reject]:
        """One record for each sample as soon as it is known, in input order.

        Parameters
        ----------
        top_k : int, default=1
            Classes in each record's ``top``; all of them where there are fewer.
        engine : Engine, default=None
            How to run. With ``on_error="skip"`` a sample that cannot be read gives a Reject, after the
            others of its batch.

        Raises
        ------
        BadOption
            ``top_k`` is not positive.
        BadSample
            A sample cannot be read, and the engine does not skip.
        """
        if top_k < 1:
            raise BadOption(f"top_k = {top_k}: expected 1 or more")
        for rows in (engine or Engine()).stream(samples, self.open()):
            yield from self.predict_rows(rows, top_k=top_k)
            yield from rows.rejects

    def predict_rows(self, rows: Rows, *, top_k: int = 1) -> Iterator[Prediction]:
        """One record for each row of this classifier's own backbone.

        Raises
        ------
        BadOption
            Rows carry the fingerprint of another backbone.
        """
        if rows.fingerprint != self.card.fingerprint:
            raise BadOption(
                f"rows: made with fingerprint {rows.fingerprint[:12] or 'none'}…, expected "
                f"{self.card.fingerprint[:12]}…, that of {self.card.name}"
            )
        table = self.head.predict_proba(rows.embeddings)
        orders = np.argsort(-table, axis=1, kind="stable")[:, :top_k]
        for id, shares, order in zip(rows.ids, table, orders, strict=True):
            top = tuple((self.classes[i], float(shares[i])) for i in order)
            yield Prediction(id, *top[0], top)

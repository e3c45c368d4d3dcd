"""A first look at featx, on small sets that it makes itself and on scans that come with scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from featx.backbones.backbone import Backbone
from featx.demo.synthetic import SETS, LabelledSet
from featx.embedding.engine import BaselineEmbedder, Embedder, Engine
from featx.heads import HEADS
from featx.metrics.classification import ClassificationReport, evaluate_predictions
from featx.tasks.classification_problem import ClassificationProblem
from featx.tuning import HeadConfig, fit_choice, tune

__all__ = ["DemoResult", "run_demo"]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The scores of the same head on frozen features and on a baseline without a backbone.

    Attributes
    ----------
    data : LabelledSet
    shots : int
        The number of training samples a class.
    features : ClassificationReport
        The report with the backbone.
    plain : ClassificationReport
        The report without a backbone, on raw pixels, say.
    """

    data: LabelledSet
    shots: int
    features: ClassificationReport
    plain: ClassificationReport


def run_demo(
    backbone: Backbone, engine: Engine | None = None, *, seed: int = 0
) -> Iterator[DemoResult]:
    """Train and measure on each set, one after the other, as soon as each is done."""
    engine = Engine.of(engine)
    for make in SETS[backbone.card.modality]:
        yield _contest(make(seed=seed), backbone, engine, seed)


def _contest(data: LabelledSet, backbone: Backbone, engine: Engine, seed: int) -> DemoResult:
    plain = _measure(
        data, BaselineEmbedder(backbone.card.input), replace(engine, progress=None), seed
    )
    features = _measure(data, backbone, engine, seed)
    shots = len(data.train) // len({sample.label for sample in data.train})
    return DemoResult(data, shots, features, plain)


def _measure(
    data: LabelledSet, embedder: Embedder, engine: Engine, seed: int
) -> ClassificationReport:
    train, test = engine.embed(data.train, embedder), engine.embed(data.test, embedder)
    labels = np.asarray([str(label) for label in train.labels])
    problem, config = (
        ClassificationProblem(labels),
        HeadConfig(random_state=seed, n_jobs=engine.n_jobs),
    )
    choice = tune([HEADS["logistic"]], train.embeddings, problem, config=config, repeats=3)
    head = fit_choice(choice, train.embeddings, problem)
    return evaluate_predictions(
        list(map(str, test.labels)),
        head.predict(test.embeddings),
        head.predict_outputs(test.embeddings),
        classes=head.classes,
        random_state=seed,
    )

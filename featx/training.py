"""From labelled samples to a classifier, with an honest account of how good it is."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from featx._typing import FloatArray, Labels
from featx.backbones.backbone import Backbone, open_backbone
from featx.catalog import Card, default_card, get_card
from featx.embedding.engine import Baseline, Engine
from featx.embedding.rows import Rows
from featx.errors import BadSample
from featx.evaluation import tell_rejects
from featx.heads import FittedHead
from featx.metrics.classification import Report
from featx.modalities.guess import modality_of
from featx.predictor import Classifier, check_exact
from featx.sources import Sample, make_samples
from featx.sources.labels import check_labels
from featx.tuning import FitConfig, SearchResult, estimate_duration
from featx.tuning.validation import FOLDS, ValidationResult, cross_validate, heads_of, train

__all__ = ["Trained", "fit", "fit_head", "fit_rows"]


@dataclass(frozen=True, slots=True)
class Trained:
    """A head trained on all rows, and what was measured on the way."""

    head: FittedHead
    choice: SearchResult
    measured: ValidationResult


def fit(
    samples: Iterable[Any],
    labels: Sequence[Any] | None = None,
    *,
    backbone: str | Card | Backbone | None = None,
    head: str | BaseEstimator = "logistic",
    seed: int = 0,
    balance: bool = False,
    engine: Engine | None = None,
) -> Classifier:
    """Train a classifier on labelled samples.

    Parameters
    ----------
    samples : iterable of Sample, or of anything that the backbone reads
        From ``read_samples("folder")``, or paths, images, arrays.
    labels : sequence, default=None
        One a sample; None where the samples bring their own. Compared as text.
    backbone : str, Card or Backbone, default=None
        None is the one that featx ships for such samples. A Backbone may have another tap, pooling or
        preprocessing.
    head : str or scikit-learn classifier, default="logistic"
        A name in ``featx.heads.HEADS``, ``"auto"`` to let cross-validation choose among them, or an
        estimator, which is used as it is.
    seed : int, default=0
        Decides how samples are dealt into folds; the same seed gives the same classifier, bit for bit.
    balance : bool, default=False
        Every class weighs the same, however many samples it has; probabilities are then those of a world
        where all classes are equally frequent.
    engine : Engine, default=None
        How to run: threads, cache, what to do with samples that cannot be read.

    Returns
    -------
    Classifier
        ``training`` holds the report, measured on samples left out, and the baselines beside it.

    Raises
    ------
    BadLabels
        There are no labels, some are missing, there is a single class, or a class has a single sample.
    BadSample
        A sample cannot be read, and the engine does not skip.
    UnknownBackbone, UnknownHead, BadOption, MissingWeights, WrongDigest

    Examples
    --------
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> classifier = fit(images, ["dark"] * 3 + ["light"] * 3)
    >>> classifier.training["measured"]["report"]["accuracy"]
    1.0
    """
    known = make_samples(samples, labels)
    check_labels([sample.label for sample in known], [sample.id for sample in known])
    engine = engine or Engine()
    opened = backbone if isinstance(backbone, Backbone) else _open(backbone, known)
    check_exact(opened.provider)
    start = time.perf_counter()
    rows = engine.embed(known, opened)
    tell_rejects(rows.rejects, len(known))
    embedded = time.perf_counter()
    read = set(rows.ids)
    raw = replace(engine, progress=None).embed(
        [sample for sample in known if sample.id in read], Baseline(opened.card.input)
    )
    seconds = {
        "backbone": embedded - start,
        opened.card.input.baseline_name: time.perf_counter() - embedded,
    }
    card = replace(opened.card, dim=opened.dim)
    recipe = FitConfig(head, seed=seed, balance=balance, n_jobs=engine.n_jobs)
    classifier = fit_rows(rows, card, recipe, raw=raw)
    facts = dict(classifier.training)
    return replace(classifier, training=facts | {"seconds": seconds | facts["seconds"]})


def fit_rows(rows: Rows, card: Card, recipe: FitConfig, *, raw: Rows | None = None) -> Classifier:
    """Train a classifier on rows of the backbone that ``card`` describes.

    Parameters
    ----------
    raw : Rows, default=None
        The same samples without any backbone, for the baseline.
    """
    labels = check_labels(rows.labels, rows.ids)
    _check_finite(rows.embeddings, rows.ids)
    plain = None if raw is None or raw.ids != rows.ids else raw.embeddings
    _announce_duration(rows.embeddings, labels, recipe, plain)
    start = time.perf_counter()
    trained = _train(rows.embeddings, labels, recipe)
    trained_at = time.perf_counter()
    names, counts = np.unique(labels, return_counts=True)
    report = trained.measured.report
    baselines: dict[str, Any] = {
        "majority": {"accuracy": report.majority, "balanced_accuracy": 1 / len(names)}
    }
    if plain is not None:
        found = _short(cross_validate(plain, labels, recipe).report)
        baselines["raw"] = {"of": card.input.baseline_name, **found}
    choice = trained.choice
    training = {
        "n": len(labels),
        "samples": dict(zip(names.tolist(), counts.tolist(), strict=True)),
        "rejects": [asdict(reject) for reject in rows.rejects],
        "seed": recipe.seed,
        "balance": recipe.balance,
        "tuning": {
            "folds": choice.folds,
            "repeats": choice.repeats,
            "candidates": choice.tried,
            "chosen": dict(choice.params),
        },
        "measured": {
            "method": trained.measured.method,
            "folds": trained.measured.folds,
            "report": {k: v for k, v in report.to_json().items() if k != "confusion"},
        },
        "baselines": baselines,
        "seconds": {"head": trained_at - start, "baselines": time.perf_counter() - trained_at},
    }
    return Classifier(card, trained.head, training)


def fit_head(
    rows: FloatArray, labels: Sequence[Any] | Labels, recipe: FitConfig | None = None
) -> Trained:
    """Tune a head on rows, measure it on rows left out, and train it on all.

    The score is never the one that was optimised: with up to 1000 samples the whole search is nested in
    a stratified cross-validation of five folds; with more, or where that would take long, a head that
    was tuned and trained on a stratified four fifths is measured on the rest. The head that is given
    back is tuned and trained on everything.

    Parameters
    ----------
    rows : ndarray of shape (n, d), float32
    labels : sequence of n labels
    recipe : Recipe, default=None
        Which head, and how.

    Raises
    ------
    BadLabels
        See ``fit``.
    BadSample
        A row is not finite.

    Warns
    -----
    FeatxNotice
        It will take longer than 20 seconds: about how long.
    """
    recipe = recipe or FitConfig()
    rows = np.ascontiguousarray(rows, np.float32)
    y = check_labels(labels)
    _check_finite(rows)
    _announce_duration(rows, y, recipe)
    return _train(rows, y, recipe)


def _announce_duration(
    rows: FloatArray, labels: Labels, recipe: FitConfig, plain: FloatArray | None = None
) -> None:
    """Say how long all of it will take, where that is long."""
    n = len(labels)
    most = n - n // FOLDS  # of a hold-out; thousands of samples are never measured by nested folds
    work = [(rows, (n, most))] + ([] if plain is None else [(plain, (most,))])
    estimate_duration(heads_of(labels, recipe), labels, work, recipe)


def _train(rows: FloatArray, y: Labels, recipe: FitConfig) -> Trained:
    choice, head = train(rows, y, recipe)
    return Trained(head, choice, cross_validate(rows, y, recipe))


def _check_finite(rows: FloatArray, ids: Sequence[str] | None = None) -> None:
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        names = ", ".join(ids[i] if ids else f"row {i}" for i in bad[:3].tolist())
        raise BadSample(
            f"rows: {len(bad)} of {len(rows)} hold NaN or infinity ({names}); leave them out"
        )


def _open(backbone: str | Card | None, samples: Sequence[Sample]) -> Backbone:
    if backbone is None:
        return open_backbone(default_card(modality_of(samples[0].data)))
    return open_backbone(get_card(backbone) if isinstance(backbone, str) else backbone)


def _short(report: Report) -> dict[str, Any]:
    """A report's three scores and their intervals."""
    table = report.to_json()
    return {k: table[k] for k in ("accuracy", "balanced_accuracy", "macro_f1", "intervals")}

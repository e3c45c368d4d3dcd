"""A head tuned and trained, and how good such a one is on samples that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from featx._typing import FloatArray, Labels
from featx.heads import FittedHead, HeadSpec, argmax_labels, choose_heads
from featx.metrics.classification import ClassificationReport, evaluate_predictions
from featx.tuning import HeadConfig, SearchResult, fit_choice, make_folds, tune

__all__ = ["FOLDS", "ValidationResult", "cross_validate", "heads_of", "train"]

FOLDS = 5  # of the outer cross-validation; one of them is the hold-out
_NESTED_SAMPLES = 1000  # up to here, and up to so much work, the search is run five times more
_NESTED_WORK = 20_000_000  # samples x columns x classes
_REPEATED_SAMPLES = 500  # up to here the last search deals samples into folds three times


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """The score to tell a user, and on what it was found."""

    method: str  # "nested cross-validation" or "hold-out"
    folds: int  # outer ones, each with a search of its own; 1 for a hold-out
    report: ClassificationReport  # on samples that neither trained nor chose what predicted them


def train(
    rows: FloatArray,
    labels: Labels,
    recipe: HeadConfig,
    *,
    heads: Sequence[HeadSpec] | None = None,
    once: bool = False,
) -> tuple[SearchResult, FittedHead]:
    """Tune a head and train it on all rows, without measuring it; see ``fit_head``.

    Parameters
    ----------
    heads : sequence of Head, default=None
        Those to choose among; None: the recipe's, for these labels.
    once : bool, default=False
        Whether few samples, too, are dealt into folds only once.
    """
    repeats = 1 if once or len(labels) > _REPEATED_SAMPLES else 3
    choice = tune(heads or heads_of(labels, recipe), rows, labels, recipe=recipe, repeats=repeats)
    return choice, fit_choice(choice, rows, labels, n_jobs=recipe.n_jobs)


def cross_validate(rows: FloatArray, labels: Labels, recipe: HeadConfig) -> ValidationResult:
    """How good the head would be, without training it on all rows; see ``fit_head``."""
    names, counts = np.unique(labels, return_counts=True)
    n, work = len(labels), rows.size * len(names)
    k = int(min(FOLDS, counts.max()))
    folds = make_folds(labels, k, np.random.default_rng(recipe.random_state + 1))
    nested = n <= _NESTED_SAMPLES and work <= _NESTED_WORK
    shares = np.zeros((n, len(names)), np.float32)
    heads = heads_of(labels, recipe)
    tested = folds >= 0 if nested else folds == 0
    for fold in range(k if nested else 1):
        known, test = folds != fold, folds == fold
        if test.any():
            _, head = train(rows[known], labels[known], recipe, heads=heads, once=nested)
            shares[test] = head.predict_proba(rows[test])
    predicted = argmax_labels(names.tolist(), shares)
    report = evaluate_predictions(
        labels[tested],
        predicted[tested],
        shares[tested],
        classes=names.tolist(),
        random_state=recipe.random_state,
    )
    return ValidationResult(
        "nested cross-validation" if nested else "hold-out", k if nested else 1, report
    )


def heads_of(labels: Labels, recipe: HeadConfig) -> Sequence[HeadSpec]:
    """The recipe's heads for these labels."""
    largest = int(np.unique(labels, return_counts=True)[1].max())
    return choose_heads(
        recipe.head,
        largest=largest,
        balance=recipe.class_weight == "balanced",
        seed=recipe.random_state,
    )

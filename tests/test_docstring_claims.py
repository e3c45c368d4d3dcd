"""Public functions refuse what their docstrings say they refuse, and give what these promise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import featx
from featx.errors import BadOption, BadTable

LEVELS = (0, 20, 40, 200, 220, 240)
IMAGES = [np.full((9, 9, 3), level, np.uint8) for level in LEVELS]
LABELS = ["dark"] * 3 + ["light"] * 3


@pytest.fixture(scope="module")
def classifier() -> featx.Classifier:
    return featx.fit(IMAGES, LABELS, baseline=False)


@pytest.mark.parametrize("class_weight", ["Balanced", "", {"dark": 1}])
def test_fit_refuses_a_class_weight_that_it_does_not_know(class_weight: object) -> None:
    with pytest.raises(BadOption, match="expected 'balanced' or None"):
        featx.fit(IMAGES, LABELS, class_weight=class_weight)  # type: ignore[arg-type]


@pytest.mark.parametrize("random_state", [-1, None, "1", 1.5])
def test_fit_refuses_a_random_state_that_is_no_natural_number(random_state: object) -> None:
    with pytest.raises(BadOption, match=r"random_state = .*: expected a whole number"):
        featx.fit(IMAGES, LABELS, random_state=random_state)  # type: ignore[arg-type]


@pytest.mark.parametrize("top_k", [0, -1, 1.5, "2"])
def test_predictions_refuse_a_top_k_that_is_no_number_of_classes(
    classifier: featx.Classifier, top_k: int
) -> None:
    asked: list[Callable[[], object]] = [
        lambda: list(classifier.predict_samples(featx.make_samples(IMAGES), top_k=top_k)),
        lambda: list(classifier.predict_rows(classifier.embed(IMAGES), top_k=top_k)),
        lambda: classifier.report.validation.report.top_k_accuracy(top_k),  # type: ignore[union-attr]
    ]
    for ask in asked:
        with pytest.raises(BadOption, match="top_k = "):
            ask()


@pytest.mark.parametrize("size", [0, 1.5, "2"])
def test_embedding_refuses_a_batch_size_that_is_no_number_of_samples(size: int) -> None:
    backbone = featx.Backbone("featx-image-nano")
    with pytest.raises(BadOption, match="batch_size = "):
        backbone.embed(IMAGES, size)
    with pytest.raises(BadOption, match="batch_size = "):
        featx.Engine(batch_size=size).embed(featx.make_samples(IMAGES), backbone)


def test_numpy_integers_count_as_numbers(classifier: featx.Classifier) -> None:
    samples = featx.make_samples(IMAGES)
    engine = featx.Engine(n_jobs=int(np.int64(1)), batch_size=np.int64(2))  # type: ignore[arg-type]
    found = list(classifier.predict_samples(samples, top_k=np.int64(2), engine=engine))  # type: ignore[arg-type]
    assert [len(prediction.top) for prediction in found] == [2] * 6  # type: ignore[union-attr]


def test_an_engine_refuses_threads_that_are_no_number() -> None:
    with pytest.raises(BadOption, match="n_jobs = 'x'"):
        featx.Engine(n_jobs="x").embed(  # type: ignore[arg-type]
            featx.make_samples(IMAGES), featx.Backbone("featx-image-nano")
        )


def test_rows_refuse_embeddings_that_are_no_array() -> None:
    with pytest.raises(BadTable, match="found a list"):
        featx.Rows(("a",), (None,), [[1.0]], "")  # type: ignore[arg-type]

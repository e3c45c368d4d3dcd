"""Heads on rows of very many classes, which are read from disk."""

import numpy as np
import pytest

import featx
from featx.errors import BadOption
from featx.many_rows.fitting import fit_stored_rows
from featx.tuning import HeadConfig

CARD = featx.get_card("featx-image-nano")


def stored(folder, classes, of_each, dim=CARD.dim):
    """Rows of classes that lie apart, and a function that draws others."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=(classes, dim)).astype(np.float32)
    y = np.repeat(np.arange(classes), of_each)
    rows = means[y] + rng.normal(size=(len(y), dim)).astype(np.float32)
    ids = tuple(map(str, range(len(y))))
    path = folder / "rows.npz"
    featx.write_rows(path, featx.Rows(ids, tuple(f"c{k}" for k in y), rows, CARD.fingerprint))
    others = means + rng.normal(size=means.shape).astype(np.float32)
    return path, others, [f"c{k}" for k in range(classes)]


def accuracy(path, others, names, head):
    config = HeadConfig(head)
    predictor = fit_stored_rows(path, config=config, backbone=CARD, in_memory=False)
    assert len(predictor.classes) == len(names)
    return (predictor.head.predict(others) == np.array(names)).mean()


@pytest.mark.slow
@pytest.mark.parametrize("head", ["logistic", "ridge", "lda", "centroid"])
def test_a_thousand_classes_are_told_apart(tmp_path, head):
    assert accuracy(*stored(tmp_path, 1000, 8), head) > 0.9


@pytest.mark.slow
def test_centroids_of_ten_thousand_classes_are_found(tmp_path):
    path, others, names = stored(tmp_path, 10_000, 3)
    predictor = fit_stored_rows(path, config=HeadConfig("centroid"), in_memory=False)
    assert (predictor.head.predict(others) == np.array(names)).mean() > 0.9
    # The counts of all pairs would be a hundred million numbers.
    report = predictor.report.validation.report
    assert (len(report.classes), report.confusion) == (10_000, ())
    assert report.accuracy > 0.9
    featx.save(predictor, tmp_path / "x.featx")
    assert featx.load(tmp_path / "x.featx").classes == predictor.classes


def test_more_classes_than_ten_thousand_are_refused(tmp_path):
    path, *_ = stored(tmp_path, 10_001, 2)
    with pytest.raises(BadOption, match="10001 classes; expected at most 10000"):
        fit_stored_rows(path, config=HeadConfig("centroid"), in_memory=False)

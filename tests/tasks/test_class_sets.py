"""Sets of classes: what covers, over many splits, and beside MAPIE on the same scores."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin

from featx.errors import BadOption
from featx.heads.calibrators import TemperatureScaling, softmax
from featx.heads.conformity import Conformity
from featx.tasks.class_sets import ClassSets, class_scores
from featx.tasks.classification_problem import ClassificationProblem

NAMES = ["ant", "bee", "cat", "dog", "eel"]


def draw(rng, n, frequencies=(0.35, 0.3, 0.2, 0.1, 0.05)):
    """Scores of a head that is right in about three of four, and the true columns."""
    codes = rng.choice(5, n, p=frequencies)
    scores = rng.normal(size=(n, 5))
    scores[np.arange(n), codes] += rng.choice([0.5, 3.0], n)
    return scores, codes


def conformity_of(scores, codes):
    problem = ClassificationProblem(np.array(NAMES)[codes])
    return Conformity.of(*ClassSets().measure(problem, scores, TemperatureScaling()))


def outputs_of(scores):
    return softmax(scores).astype(np.float32)


@pytest.mark.parametrize("method", ["lac", "aps"])
def test_sets_cover_nine_in_ten_over_many_splits(rng, method):
    sets, covered = ClassSets(), []
    for _ in range(300):
        scores, codes = draw(rng, 1400)
        kept = conformity_of(scores[:1000], codes[:1000])
        limits = sets.thresholds(kept, 0.9, 5, method, per_class=False)
        members = sets.members(outputs_of(scores[1000:]), limits, method)
        targets = [NAMES[code] for code in codes[1000:]]
        covered.append(sets.covers(targets, members, NAMES).mean())
    assert abs(np.mean(covered) - 0.9) < 0.005


@pytest.mark.parametrize("method", ["lac", "aps"])
def test_the_samples_of_each_class_are_covered_where_classes_are_told_apart(rng, method):
    sets, hits = ClassSets(), []
    for _ in range(150):
        scores, codes = draw(rng, 1600)
        kept = conformity_of(scores[:1000], codes[:1000])
        limits = sets.thresholds(kept, 0.9, 5, method, per_class=True)
        members = sets.members(outputs_of(scores[1000:]), limits, method)
        rest = codes[1000:]
        hits.append([members[rest == k, k].mean() for k in range(5)])
    assert (np.mean(hits, axis=0) > 0.88).all()


class Given(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose rows are probabilities already."""

    def __init__(self):
        self.classes_, self.n_features_in_ = np.arange(5), 5

    def fit(self, *_):
        return self

    def predict(self, rows):
        return rows.argmax(axis=1)

    def predict_proba(self, rows):
        return rows


def test_the_smallest_sets_are_those_of_mapie(rng):
    mapie = pytest.importorskip("mapie.classification")
    scores, codes = draw(rng, 3000)
    shares = outputs_of(scores).astype(np.float64)
    shares /= shares.sum(axis=1, keepdims=True)
    peer = mapie.SplitConformalClassifier(Given(), 0.9, "lac").conformalize(
        shares[:1000], codes[:1000]
    )
    expected = peer.predict_set(shares[1000:])[1][:, :, 0]
    sets = ClassSets()
    limits = sets.thresholds(conformity_of(scores[:1000], codes[:1000]), 0.9, 5, "lac", False)
    found = sets.members(outputs_of(scores[1000:]), limits, "lac")
    # What lies on the threshold may differ by the rounding of float32.
    assert (found != expected).mean() < 1e-3


def test_adaptive_scores_are_the_probability_of_all_that_is_likelier(rng):
    shares = outputs_of(rng.normal(size=(50, 5)))
    found = class_scores(shares, "aps")
    for row, one in zip(found, shares.astype(float), strict=True):
        expected = [one[one > share].sum() for share in one]
        np.testing.assert_allclose(row, expected, atol=1e-12)
    assert (found.min(axis=1) == 0).all()


def test_adaptive_sets_are_never_empty_and_the_smallest_may_be(rng):
    scores, codes = draw(rng, 2000)
    scores[np.arange(2000), codes] += 3
    sets, kept = ClassSets(), conformity_of(scores[:1000], codes[:1000])
    sizes = {}
    for method in ("lac", "aps"):
        limits = sets.thresholds(kept, 0.8, 5, method, per_class=False)
        sizes[method] = sets.members(outputs_of(scores[1000:]), limits, method).sum(axis=1)
    assert sizes["lac"].min() == 0
    assert sizes["aps"].min() == 1


def test_a_class_of_which_too_few_are_known_is_in_every_set(rng):
    scores, codes = draw(rng, 60)
    codes[:8] = 4
    keep = np.concatenate([np.arange(8), 8 + np.flatnonzero(codes[8:] != 4)])
    kept = conformity_of(scores[keep], codes[keep])
    limits = ClassSets().thresholds(kept, 0.9, 5, "lac", per_class=True)
    assert limits[4] == np.inf
    assert ClassSets().members(outputs_of(scores), limits, "lac")[:, 4].all()


def test_an_unknown_method_is_refused(rng):
    kept = conformity_of(*draw(rng, 50))
    with pytest.raises(BadOption, match="method = 'raps': expected 'lac' or 'aps'"):
        ClassSets().thresholds(kept, 0.9, 5, "raps", per_class=False)

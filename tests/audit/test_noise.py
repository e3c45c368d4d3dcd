"""Confident learning against its definition, and the ranking of wrong labels against simpler ones."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import average_precision_score

from featx.audit.noise import confident_joint, doubt_labels


def noisy(n=3000, n_classes=5, rate=0.2, seed=0, skill=2.0):
    """Return probabilities of noisy labels, true classes and labels that are wrong for the next class."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, n_classes, n)
    wrong = rng.random(n) < rate
    labels = np.where(wrong, (classes + 1) % n_classes, classes)
    scores = rng.standard_normal((n, n_classes))
    scores[np.arange(n), classes] += skill
    true = softmax(2 * scores, axis=1)
    rates = (1 - rate) * np.eye(n_classes) + rate * np.roll(np.eye(n_classes), 1, axis=1)
    return true @ rates, classes, labels


def test_the_confident_joint_counts_as_its_definition_does():
    p, _, labels = noisy(n=400, n_classes=3)
    means = np.asarray([p[labels == k, k].mean() for k in range(3)])
    counts = np.zeros((3, 3))
    for row, label in zip(p, labels, strict=True):
        confident = [k for k in range(3) if row[k] >= means[k]]
        if confident:
            counts[label, max(confident, key=row.__getitem__)] += 1
    expected = counts / counts.sum(axis=1, keepdims=True) * np.bincount(labels)[:, None]
    np.testing.assert_allclose(confident_joint(p, labels), expected)


@pytest.mark.parametrize("rate", [0.1, 0.2])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_mixed_up_labels_are_ranked_better_than_by_self_confidence_or_margin(rate, seed):
    p, classes, labels = noisy(rate=rate, seed=seed)
    at = np.arange(len(p))
    own, others = p[at, labels], p.copy()
    others[at, labels] = -1
    found = average_precision_score(classes != labels, doubt_labels(p, labels).scores)
    assert found >= average_precision_score(classes != labels, 1 - own)
    assert found >= average_precision_score(classes != labels, others.max(axis=1) - own)


def test_as_many_are_flagged_as_there_are_wrong_labels_about():
    p, classes, labels = noisy(rate=0.1, skill=3.0)
    doubts = doubt_labels(p, labels)
    wrong = classes != labels
    assert 0.6 * wrong.sum() < doubts.flagged.sum() < 1.4 * wrong.sum()
    assert wrong[doubts.flagged].mean() > 0.8
    right = doubts.suggested[doubts.flagged] == classes[doubts.flagged]
    assert right.mean() > 0.8


def test_without_wrong_labels_and_with_a_sure_head_nothing_is_flagged():
    labels = np.repeat([0, 1, 2], 50)
    p = np.full((150, 3), 0.01)
    p[np.arange(150), labels] = 0.98
    assert not doubt_labels(p, labels).flagged.any()


def test_labels_of_neighbours_have_a_say():
    p, classes, labels = noisy(n=2000, rate=0.2, skill=1.0)
    # each sample's neighbours are ten others of its true class
    rng = np.random.default_rng(0)
    near = np.stack([rng.choice(np.flatnonzero(classes == k), 10) for k in classes])
    alone, together = doubt_labels(p, labels), doubt_labels(p, labels, near)
    wrong = classes != labels
    gain = average_precision_score(wrong, together.scores) - average_precision_score(
        wrong, alone.scores
    )
    assert gain > 0.05


def test_samples_that_were_never_left_out_are_not_doubted():
    p, _, labels = noisy(n=300)
    p[:10] = np.nan
    doubts = doubt_labels(p, labels, np.full((300, 3), -1))
    assert (doubts.scores[:10] == 0).all()
    assert not doubts.flagged[:10].any()
    nothing = doubt_labels(np.full((4, 2), np.nan), np.asarray([0, 1, 0, 1]))
    assert not nothing.flagged.any()
    assert not doubt_labels(np.ones((4, 1)), np.zeros(4, int)).flagged.any()


def test_a_class_without_samples_and_probabilities_of_0_are_borne():
    p = np.asarray([[1.0, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]])
    doubts = doubt_labels(p, np.asarray([0, 1, 1, 1]))
    assert np.isfinite(doubts.scores).all()
    assert doubts.suggested.tolist()[:2] == [0, 1]


def test_a_few_wrong_labels_are_ranked_by_their_own_probability_and_not_by_what_the_head_confuses():
    p, _, labels = noisy(n=1500, rate=0.0)
    labels = labels.copy()
    labels[[3, 700, 1200]] = (labels[[3, 700, 1200]] + 1) % 5
    doubts = doubt_labels(p, labels)
    own = p[np.arange(1500), labels]
    np.testing.assert_allclose(doubts.scores, 1 - own, atol=1e-9)


def test_neighbours_that_tell_labels_badly_hardly_have_a_say():
    p, classes, labels = noisy(n=2000, rate=0.2, skill=3.0)
    near = np.random.default_rng(0).integers(0, 2000, (2000, 10))
    wrong = classes != labels
    alone, together = (doubt_labels(p, labels, one).scores for one in (None, near))
    lost = average_precision_score(wrong, alone) - average_precision_score(wrong, together)
    assert lost < 0.02


# `cleanlab.count.compute_confident_joint(labels, probabilities, calibrate=False)` of cleanlab 2.9
CLEANLAB = {
    0: [[74, 5, 5, 24], [29, 87, 4, 2], [5, 21, 80, 2], [11, 3, 33, 99]],
    1: [[79, 5, 4, 24], [28, 87, 6, 7], [1, 28, 83, 2], [7, 6, 18, 88]],
}


def as_many_as_have_each_label(joint, labels):
    joint = np.asarray(joint, float)
    return joint / joint.sum(axis=1, keepdims=True) * np.bincount(labels)[:, None]


@pytest.mark.parametrize("seed", CLEANLAB)
def test_the_confident_joint_is_that_of_cleanlab(seed):
    p, _, labels = noisy(n=600, n_classes=4, seed=seed)
    expected = as_many_as_have_each_label(CLEANLAB[seed], labels)
    np.testing.assert_allclose(confident_joint(p, labels), expected)


# Where several classes are confident, cleanlab takes the most probable class of all, and the paper (equation 1)
# that of these; with few classes they are the same.
@pytest.mark.parametrize("n_classes", [2, 4, 7])
def test_the_confident_joint_is_that_of_cleanlab_where_it_is_installed(n_classes):
    count = pytest.importorskip("cleanlab.count", exc_type=ImportError)
    p, _, labels = noisy(n=2000, n_classes=n_classes, seed=n_classes)
    found = count.compute_confident_joint(labels, p, calibrate=False)
    np.testing.assert_allclose(
        confident_joint(p, labels), as_many_as_have_each_label(found, labels)
    )

"""Decisions on each of several labels: covered label by label, and open where one cannot say."""

import numpy as np
import pytest

from featx.heads.conformity import Conformity
from featx.heads.label_calibration import LabelCalibration
from featx.heads.selective import find_error_threshold
from featx.sources.label_sets import indicator_matrix
from featx.tasks.certainty import Certainty
from featx.tasks.label_decisions import LabelDecisions
from featx.tasks.multilabel import LabelSetsPrediction
from featx.tasks.multilabel_problem import MultilabelProblem

NAMES = ("blue", "red", "round")
PLAIN = LabelCalibration((1.0,) * 3, (0.0,) * 3, (0.5,) * 3)
SETS = LabelDecisions()


def draw(rng, n):
    """Logits of labels of which one is frequent, one seldom and one hard."""
    logits = rng.normal((0.5, -2.5, 0.0), (2.0, 2.0, 0.7), (n, 3))
    return logits, rng.random((n, 3)) < 1 / (1 + np.exp(-logits))


def conformity_of(logits, members):
    return Conformity.of(*SETS.measure(MultilabelProblem(NAMES, members), logits, PLAIN))


def outputs_of(logits):
    return PLAIN.apply(logits).astype(np.float32)


def texts(members):
    return [";".join(np.compress(row, NAMES)) for row in members]


@pytest.mark.parametrize("per_class", [False, True])
def test_each_label_is_covered_over_many_splits(rng, per_class):
    covered, with_label, without = [], [], []
    for _ in range(60):
        logits, members = draw(rng, 1600)
        kept = conformity_of(logits[:1000], members[:1000])
        limits = SETS.thresholds(kept, 0.9, 3, "lac", per_class)
        found = SETS.members(outputs_of(logits[1000:]), limits, "lac")
        hits = np.where(members[1000:], found[:, 1], found[:, 0])
        covered.append(hits.mean(axis=0))
        for hit, has, part in (
            (hits, members[1000:], with_label),
            (hits, ~members[1000:], without),
        ):
            part.append([hit[has[:, k], k].mean() for k in range(3)])
    assert np.abs(np.mean(covered, axis=0) - 0.9).max() < (0.02 if per_class else 0.008)
    seldom = np.mean(with_label, axis=0)[1]
    if per_class:
        assert (np.mean(with_label, axis=0) > 0.88).all()
        assert (np.mean(without, axis=0) > 0.88).all()
    else:
        # Whoever never gives a seldom label is right nine times in ten.
        assert seldom < 0.75


def test_coverage_is_counted_by_the_texts_of_the_truth(rng):
    logits, members = draw(rng, 300)
    limits = SETS.thresholds(conformity_of(logits, members), 0.8, 3, "lac", per_class=False)
    found = SETS.members(outputs_of(logits), limits, "lac")
    expected = np.where(members, found[:, 1], found[:, 0])
    kept = members.any(axis=1)
    targets = [text for text in texts(members) if text]
    np.testing.assert_array_equal(SETS.covers(targets, found[kept], NAMES), expected[kept])
    assert indicator_matrix([frozenset({"red"})], NAMES).tolist() == [[0, 1, 0]]


def test_what_is_not_excluded_and_what_is_open_is_named_the_likeliest_first():
    outputs = np.array([[0.6, 0.1, 0.7, 1, 0, 1], [0.5, 0.5, 0.5, 1, 1, 1]], np.float32)
    members = np.array([[[1, 1, 0], [1, 0, 1]], [[0, 1, 1], [0, 0, 1]]], bool)
    first, second = SETS.certainties(outputs, members, NAMES)
    assert (first.set, first.unsure, first.answered) == (("round", "blue"), ("blue",), False)
    # Neither "yes" nor "no" is in the set of "blue", both are in that of "round".
    assert (second.set, second.unsure) == (("blue", "round"), ("blue", "round"))
    given = LabelSetsPrediction("a", ("round", "blue"), (("round", 0.7),))
    assert SETS.withhold(given, first, abstain=True).labels == ("round",)
    assert SETS.withhold(given, first, abstain=False).labels == ("round", "blue")


def test_a_target_error_is_of_sets_of_labels_as_a_whole(rng):
    logits, members = draw(rng, 3000)
    logits, members = np.sign(logits) * (np.abs(logits) + 2), logits > 0
    members ^= rng.random(members.shape) < 0.01
    problem, outputs = MultilabelProblem(NAMES, members), outputs_of(logits)
    wrong, sure = SETS.wrong(problem, outputs), SETS.confidence(outputs)
    np.testing.assert_array_equal(wrong, (members != (logits >= 0)).any(axis=1))
    shares = 1 / (1 + np.exp(-np.abs(logits)))
    np.testing.assert_allclose(sure, shares.min(axis=1), atol=1e-6)
    found = find_error_threshold(sure, wrong, 0.05)
    assert found.answered == 1


@pytest.mark.parametrize("unsure", [(), ("blue",)])
def test_a_new_sample_gets_no_label_whichever_labels_are_open(unsure):
    given = LabelSetsPrediction("a", ("round",), (("round", 0.7),))
    known = Certainty(set=("round",), unsure=unsure, answered=False, novelty=0.001, novel=True)
    assert SETS.withhold(given, known, abstain=True).labels == ()

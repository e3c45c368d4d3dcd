"""The confidence from which answers hold an error: held as often as promised, and not in vain."""

import json

import numpy as np
import pytest
from scipy.stats import beta

from featx.errors import BadArtifact
from featx.heads.selective import ErrorThreshold, find_error_threshold


def draw(rng, n, power=3.0):
    """Confidences, and errors whose share among the most confident t is 0.6 t ** power / (power + 1)."""
    places = rng.random(n)
    return 1 - places, rng.random(n) < 0.6 * places**power


@pytest.mark.parametrize(("n", "target"), [(500, 0.05), (1500, 0.02)])
def test_the_error_is_held_in_at_least_as_many_draws_as_promised(rng, n, target):
    held, answered = [], []
    for _ in range(400):
        found = find_error_threshold(*draw(rng, n), target)
        share = 0.0 if found.threshold is None else 1 - found.threshold
        held.append(0.6 * share**3 / 4 <= target)
        answered.append(share)
    # 94 % of very many; of 400 three standard deviations less.
    assert np.mean(held) >= 0.94 - 3 * np.sqrt(0.05 * 0.95 / 400)
    possible = min(1, (target * 4 / 0.6) ** (1 / 3))
    assert np.mean(answered) > 0.6 * possible


def test_the_threshold_is_that_of_clopper_and_pearson(rng):
    confidences, wrong = draw(rng, 4000)
    found = find_error_threshold(confidences, wrong, 0.05)
    answered = confidences >= found.threshold
    errors, n = int(wrong[answered].sum()), int(answered.sum())
    assert found.error == errors / n
    assert found.answered == n / 4000
    # The search has four fifths of the level.
    assert beta.ppf(1 - 0.04, errors + 1, n - errors) <= 0.05
    # A threshold that is a good deal lower would not do.
    more = confidences >= found.threshold - 0.05
    errors, n = int(wrong[more].sum()), int(more.sum())
    assert beta.ppf(1 - 0.04, errors + 1, n - errors) > 0.05


def test_a_single_wrong_label_among_the_surest_does_not_end_the_search(rng):
    confidences, wrong = draw(rng, 3000)
    wrong[np.argmax(confidences)] = True
    assert find_error_threshold(confidences, wrong, 0.05).answered > 0.4


def test_all_is_answered_where_all_is_right():
    found = find_error_threshold(np.linspace(0.5, 1, 300), np.zeros(300, bool), 0.02)
    assert (found.threshold, found.answered, found.error) == (0.0, 1.0, 0.0)


def test_nothing_is_answered_where_too_few_are_known_and_the_least_is_told():
    found = find_error_threshold(np.linspace(0.5, 1, 50), np.zeros(50, bool), 0.02)
    assert found.threshold is None
    assert found.answered == 0
    assert "160 right answers in a row would be the least" in found.describe()
    assert find_error_threshold(np.ones(160), np.zeros(160, bool), 0.02).answered == 1


def test_one_sample_of_each_group_is_counted():
    confidences, wrong = np.linspace(0.5, 1, 1000), np.zeros(1000, bool)
    groups = (np.arange(1000) // 20).astype(str)
    found = find_error_threshold(confidences, wrong, 0.02, groups=groups)
    assert (found.n, found.threshold) == (50, None)
    assert "the 50 samples (one a group) left out" in found.describe()


def test_errors_of_a_group_come_together_and_are_held_nevertheless(rng):
    held = []
    for _ in range(100):
        # Every group is right or wrong as a whole; the risk is 0.05 whatever the confidence.
        wrong = (rng.random(100) < 0.05).repeat(10)
        found = find_error_threshold(
            rng.random(1000), wrong, 0.045, groups=np.arange(100).repeat(10).astype(str)
        )
        held.append(found.threshold is None)
    assert np.mean(held) > 0.9


def test_samples_are_drawn_by_their_weights(rng):
    confidences = rng.random(4000)
    wrong = rng.random(4000) < 0.3
    # Errors that count little: a twentieth of the others.
    weights = np.where(wrong, 0.05, 1.0)
    plain = find_error_threshold(confidences, wrong, 0.05)
    weighted = find_error_threshold(confidences, wrong, 0.05, sample_weight=weights)
    assert plain.threshold is None
    assert weighted.answered == 1


def test_a_threshold_is_read_back_and_what_is_none_is_refused():
    found = find_error_threshold(np.ones(300), np.zeros(300, bool), 0.02)
    table = json.loads(json.dumps(found.to_dict()))
    assert ErrorThreshold.from_dict(table) == found
    for changed in (
        *({"target": value} for value in (0, 1, 2, None, "0.1", True, float("nan"))),
        *({"threshold": value} for value in (-1, 2, "x", [], float("inf"))),
        *({"n": value} for value in (-1, 0.5, None)),
        *({"unit": value} for value in ("apples", None, [], 1)),
        {"answered": None},
        {"more": 1},
    ):
        with pytest.raises(BadArtifact, match="target_error"):
            ErrorThreshold.from_dict({**table, **changed})
    for other in (None, [], 3, {}):
        with pytest.raises(BadArtifact, match="target_error"):
            ErrorThreshold.from_dict(other)

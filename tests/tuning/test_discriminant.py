"""The linear discriminant of the baseline is scikit-learn's."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from featx.tuning.solvers.discriminant import discriminant_scores


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("d", [7, 400])
def test_scores_are_those_of_scikit_learn_for_every_shrinkage(n_classes, class_weight, d, rng):
    y = rng.integers(0, n_classes, 300)
    X = (5 + rng.normal(size=(300, d)) * rng.uniform(0.1, 3, d) + y[:, None]).astype(np.float32)
    priors = None if class_weight is None else np.full(n_classes, 1 / n_classes)
    shrinkages = (0.05, 0.5, 1.0)
    ours = discriminant_scores(X[:200], y[:200], X[200:], shrinkages, class_weight=class_weight)
    for shrinkage, found in zip(shrinkages, ours, strict=True):
        theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage, priors=priors)
        theirs.fit(X[:200].astype(np.float64), y[:200])
        expected = theirs.decision_function(X[200:].astype(np.float64))
        # scikit-learn gives two classes one column, and several a common shift.
        if n_classes == 2:
            found = found[:, 1] - found[:, 0]
        else:
            found = found - found.mean(axis=1, keepdims=True)
            expected = expected - expected.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


def test_threads_change_no_bit_and_constant_columns_do_no_harm(rng):
    from concurrent.futures import ThreadPoolExecutor

    X, y = rng.normal(size=(5000, 20)).astype(np.float32), np.arange(5000) % 3
    X[:, 3] = 7
    [alone] = discriminant_scores(X, y, X[:50], [0.1])
    with ThreadPoolExecutor(3) as pool:
        [together] = discriminant_scores(X, y, X[:50], [0.1], map_fn=pool.map)
    np.testing.assert_array_equal(alone, together)
    assert np.isfinite(alone).all()

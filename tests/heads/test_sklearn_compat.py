"""What featx takes from private names of scikit-learn is what these names are thought to mean."""

import numpy as np
import pytest
import sklearn
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from featx.heads._sklearn_compat import (
    TESTED_VERSIONS,
    adopt_kernel_fit,
    neighbor_codes,
    neighbor_rows,
    svc_gamma,
)
from featx.heads.support_vectors import kernel_matrix, scale_gamma


@pytest.fixture
def rows(rng):
    return rng.normal(size=(60, 5)).astype(np.float32)


@pytest.fixture
def labels():
    return np.array(["a", "b", "c"])[np.arange(60) % 3]


def test_the_installed_scikit_learn_is_one_whose_private_names_were_looked_at():
    assert ".".join(sklearn.__version__.split(".")[:2]) in TESTED_VERSIONS


@pytest.mark.parametrize(
    ("gamma", "expected"), [(0.25, 0.25), ("auto", 0.2), ("scale", None)], ids=str
)
def test_the_gamma_of_a_fitted_svc_is_the_number_that_it_uses(gamma, expected, rows, labels):
    svc = SVC(gamma=gamma).fit(rows, labels)
    assert svc_gamma(svc) == pytest.approx(expected or scale_gamma(rows), rel=1e-6)
    by_number = SVC(gamma=svc_gamma(svc)).fit(rows, labels)
    np.testing.assert_allclose(by_number.decision_function(rows), svc.decision_function(rows))


def test_an_svc_that_adopts_a_fit_by_kernel_has_every_attribute_of_its_own_fit(rows, labels):
    gamma = scale_gamma(rows)
    gram = kernel_matrix("rbf", rows, rows, gamma)
    ours, theirs = SVC(kernel="precomputed").fit(gram, labels), SVC().fit(rows, labels)
    adopt_kernel_fit(ours, rows, kernel="rbf", gamma=gamma)
    assert set(vars(ours)) == set(vars(theirs))
    assert ours.get_params() == theirs.get_params()
    np.testing.assert_allclose(
        ours.decision_function(rows), theirs.decision_function(rows), atol=1e-3
    )


def test_the_rows_and_codes_of_neighbours_are_those_that_it_was_fitted_on(rows, labels):
    neighbors = KNeighborsClassifier().fit(rows, labels)
    np.testing.assert_array_equal(neighbor_rows(neighbors), rows)
    np.testing.assert_array_equal(neighbors.classes_[neighbor_codes(neighbors)], labels)

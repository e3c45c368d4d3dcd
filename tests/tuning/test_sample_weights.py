"""A sample of weight three is, to every solver and head that takes weights, a sample given three times."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVC

from featx.errors import BadOption, FeatxWarning
from featx.heads import HEADS, fit_labels, make_head, scores
from featx.heads.support_vectors import fit_by_kernel
from featx.heads.weighting import takes_sample_weight
from featx.tasks.classification_problem import ClassificationProblem
from featx.tuning.candidates import split_scores
from featx.tuning.design import SampleDesign
from featx.tuning.solvers.discriminant import discriminant_scores
from featx.tuning.solvers.logistic import LogisticPath
from featx.tuning.solvers.row_space import RowSpacePath


@pytest.fixture
def weighted(rng):
    """Rows, classes, weights from 0 to 3, and the indices that repeat each row so often."""
    y = np.arange(240) % 3
    rows = (rng.normal(size=(240, 12)) * rng.uniform(0.1, 3, 12) + y[:, None]).astype(np.float32)
    weights = rng.integers(0, 4, 240).astype(np.float64)
    return rows, y, weights, np.repeat(np.arange(240), weights.astype(int))


def centred(table):
    """Return scores that are known up to a number for each row."""
    return table - table.mean(axis=1, keepdims=True)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("solver", [LogisticPath, RowSpacePath])
def test_a_path_with_weights_is_scikit_learn_s_on_repeated_rows(
    weighted, solver, class_weight, n_classes
):
    rows, y, weights, again = weighted
    y = y % n_classes
    trains = [np.arange(160), np.arange(80, 240)]
    options = {"class_weight": class_weight, "gap": 1e-9}
    path = solver(rows, y, trains, sample_weight=weights, **options)
    for strength in path.solve_path([1e-3, 0.1]):
        for split, train in enumerate(trains):
            some = again[np.isin(again, train)]
            regression = LogisticRegression(
                C=strength, tol=1e-8, max_iter=5000, class_weight=class_weight
            )
            theirs = make_pipeline(StandardScaler(), regression).fit(rows[some], y[some])
            expected = scores(theirs, rows)
            ours = path.scores(split, np.arange(240))
            if n_classes > 2:
                ours = centred(ours)
            np.testing.assert_allclose(ours, expected, atol=5e-3 * np.abs(expected).max())


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_a_discriminant_with_weights_is_that_of_repeated_rows(weighted, class_weight):
    rows, y, weights, again = weighted
    ours = discriminant_scores(
        rows, y, rows, [0.1, 0.9], class_weight=class_weight, sample_weight=weights
    )
    theirs = discriminant_scores(rows[again], y[again], rows, [0.1, 0.9], class_weight=class_weight)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(centred(one), centred(other), atol=1e-4 * np.abs(other).max())


def test_a_discriminant_never_gives_a_class_of_no_weight(weighted):
    rows, y, _, _ = weighted
    kept = y != 1
    ours = discriminant_scores(rows, y, rows, [0.1], sample_weight=kept.astype(np.float64))
    theirs = discriminant_scores(rows[kept], np.minimum(y[kept], 1), rows, [0.1])
    [one], [other] = ours, theirs
    assert np.all(one[:, 1] == -np.inf)
    np.testing.assert_allclose(
        centred(one[:, [0, 2]]), centred(other), atol=1e-4 * np.abs(other).max()
    )


@pytest.mark.parametrize("head", ["logistic", "ridge", "linear-svm"])
def test_a_head_with_weights_is_the_head_of_repeated_rows(weighted, head):
    rows, y, weights, again = weighted
    ours = fit_labels(make_head(head), rows, y, weights)
    theirs = fit_labels(make_head(head), rows[again], y[again])
    expected = scores(theirs, rows)
    np.testing.assert_allclose(scores(ours, rows), expected, atol=5e-3 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.parametrize("head", ["rbf-svm", "boosting"])
def test_heads_that_look_at_all_rows_alike_still_weigh_them(weighted, head):
    rows, y, _, _ = weighted
    favoured = np.where(y == 2, 20.0, 1.0)
    plain = scores(fit_labels(make_head(head), rows, y), rows).argmax(axis=1)
    weighed = scores(fit_labels(make_head(head), rows, y, favoured), rows).argmax(axis=1)
    assert (weighed == 2).sum() >= (plain == 2).sum()
    assert not np.array_equal(weighed, plain) or head == "boosting"


@pytest.mark.parametrize("least", [0, 1])
def test_support_vectors_by_way_of_a_kernel_weigh_as_scikit_learn_s(weighted, least):
    rows, y, weights, _ = weighted
    weights = weights + least
    ours = SVC(kernel="rbf", decision_function_shape="ovo")
    fit_by_kernel(ours, rows, y, weights)
    theirs = SVC(kernel="rbf", decision_function_shape="ovo").fit(rows, y, weights)
    expected = theirs.decision_function(rows)
    np.testing.assert_allclose(ours.decision_function(rows), expected, atol=1e-3)


def test_a_search_of_support_vectors_weighs_as_scikit_learn_where_some_weigh_nothing(weighted):
    rows, y, weights, _ = weighted
    design = SampleDesign(weights=weights)
    problem = ClassificationProblem(y.astype(str), design=design)
    split, head = (np.arange(160), np.arange(160, 240)), HEADS["linear-svm"]
    grid = head.grid[-2:]
    found = split_scores(head, grid, rows, problem, split, gram=True)
    train, test = split
    for params, ours in zip(grid, found, strict=True):
        estimator = head.build().set_params(**params)
        theirs = fit_labels(estimator, rows[train], problem.targets[train], weights[train])
        np.testing.assert_allclose(ours, scores(theirs, rows[test]), atol=1e-6)


def test_who_takes_no_weights_says_so_by_name(weighted):
    rows, y, weights, _ = weighted
    able = [name for name, head in HEADS.items() if takes_sample_weight(head.build())]
    assert able == ["logistic", "linear-svm", "rbf-svm", "ridge", "boosting"]
    for name in HEADS.keys() - able:
        with pytest.raises(
            BadOption, match=f"{type(make_head(name)[-1]).__name__} takes no sample"
        ):
            fit_labels(make_head(name), rows, y, weights)


def test_a_step_that_cannot_weigh_is_named_and_one_that_learns_nothing_is_not(weighted, recwarn):
    rows, y, weights, _ = weighted
    fit_labels(make_pipeline(Normalizer(), LogisticRegression()), rows, y, weights)
    nested = make_pipeline("passthrough", make_pipeline(StandardScaler(), LogisticRegression()))
    fit_labels(nested, rows, y, weights)
    assert not recwarn.list
    with pytest.warns(FeatxWarning, match="^PCA takes no sample weights: it learns from all"):
        fit_labels(make_pipeline(PCA(3), LogisticRegression()), rows, y, weights)


def test_without_weights_an_estimator_is_fitted_as_ever(weighted):
    rows, y, _, _ = weighted
    ours = fit_labels(HistGradientBoostingClassifier(max_iter=5), rows, y, None)
    theirs = HistGradientBoostingClassifier(max_iter=5).fit(rows, y)
    np.testing.assert_array_equal(ours.predict_proba(rows), theirs.predict_proba(rows))

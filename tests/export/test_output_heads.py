"""Heads that give numbers, or a score a label: the same values as nodes, as arrays, and from the estimator."""

import numpy as np
import pytest
from onnx import helper
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import (
    ElasticNet,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVR
from sklearn.tree import DecisionTreeRegressor

from featx.backbones.session import open_session
from featx.errors import BadOption, NotExportable
from featx.graphs.builder import DOUBLE, FLOAT, GraphBuilder
from featx.heads import LinearArrays, scores
from featx.heads.graph import add_scores
from featx.heads.scorers import EstimatorScorer, to_arrays

DIM = 12


@pytest.fixture(scope="module")
def rows():
    rows = np.random.default_rng(0).normal(size=(80, DIM)).astype(np.float32)
    rows[:, 1] *= 100
    return rows


def numbers_of(rows, k):
    weights = np.random.default_rng(1).normal(size=(DIM, k)) / np.linspace(1, 100, DIM)[:, None]
    numbers = rows @ weights + np.sin(3 * rows[:, :1])
    return numbers[:, 0] if k == 1 else numbers


def members_of(rows, n_labels):
    return (rows[:, 2 : 2 + n_labels] > np.linspace(-0.5, 0.5, n_labels)).astype(int)


def graph_answers(estimator, rows):
    graph = GraphBuilder()
    made = add_scores(graph, graph.cast("rows", DOUBLE), estimator)
    graph.named("scores", "Identity", made)
    given = helper.make_tensor_value_info("rows", FLOAT, ["N", DIM])
    out = helper.make_tensor_value_info("scores", DOUBLE, None)
    whole = helper.make_graph(graph.nodes, "head", [given], [out], graph.constants)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    return open_session(model.SerializeToString(), "head").run(None, {"rows": rows})[0]


NUMBERS = {
    "ridge": Ridge(),
    "ridge without intercept": Ridge(fit_intercept=False),
    "least squares": LinearRegression(),
    "elastic net": ElasticNet(0.01),
    "linear svr": LinearSVR(random_state=0),
    "svr of a plane": SVR(kernel="linear", C=0.1),
    "svr": SVR(),
    "nu-svr": NuSVR(),
    "knn": KNeighborsRegressor(),
    "boosting": HistGradientBoostingRegressor(min_samples_leaf=5, max_iter=5),
    "boosting of absolute errors": HistGradientBoostingRegressor(
        loss="absolute_error", min_samples_leaf=5, max_iter=5
    ),
}
# These give one number only.
ALONE = [name for name in NUMBERS if "svr" in name or "boosting" in name]


@pytest.mark.filterwarnings("ignore:Liblinear failed")
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_regressor_gives_its_own_numbers_from_graph_and_arrays(name, k, rows):
    wrapped = MultiOutputRegressor(NUMBERS[name]) if k > 1 and name in ALONE else NUMBERS[name]
    estimator = make_pipeline(StandardScaler(), wrapped).fit(rows, numbers_of(rows, k))
    expected = estimator.predict(rows).reshape(len(rows), k)
    found = scores(estimator, rows)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(graph_answers(estimator, rows), expected, rtol=1e-5, atol=1e-5)
    assert EstimatorScorer(estimator).n_outputs == k
    names = [f"number {index}" for index in range(k)]
    arrays = to_arrays(estimator, names)
    linear = ("ridge", "ridge without intercept", "least squares", "elastic net", "linear svr")
    assert (arrays is not None) == (name in linear)
    if arrays is not None:
        again = LinearArrays.from_bytes(arrays.to_bytes())
        np.testing.assert_array_equal(again.scores(rows), found)
        assert again.classes.tolist() == names


def test_one_number_is_not_taken_for_the_score_of_two_classes(rows):
    estimator = make_pipeline(StandardScaler(), Ridge()).fit(rows, rows[:, 0])
    assert to_arrays(estimator, ["price"]).scores(rows).shape == (80, 1)
    assert to_arrays(estimator, ["price"]).n_outputs == 1


LABELS = {
    "logistic": OneVsRestClassifier(LogisticRegression()),
    "outputs": MultiOutputClassifier(LogisticRegression()),
    "ridge": RidgeClassifier(),
    "linear-svm": OneVsRestClassifier(LinearSVC()),
    "svm": OneVsRestClassifier(SVC()),
    "knn": KNeighborsClassifier(),
    "boosting": OneVsRestClassifier(
        HistGradientBoostingClassifier(min_samples_leaf=5, max_iter=10)
    ),
    "pipelines": OneVsRestClassifier(make_pipeline(PCA(4), LogisticRegression())),
}


@pytest.mark.parametrize("n_labels", [2, 5])
@pytest.mark.parametrize("name", LABELS)
def test_a_score_a_label_is_positive_where_the_label_is_given(name, n_labels, rows):
    members = members_of(rows, n_labels)
    estimator = make_pipeline(StandardScaler(), LABELS[name]).fit(rows, members)
    found = scores(estimator, rows)
    assert found.shape == (80, n_labels)
    np.testing.assert_array_equal(found > 0, estimator.predict(rows) == 1)
    np.testing.assert_allclose(graph_answers(estimator, rows), found, atol=1e-4)
    arrays = to_arrays(estimator, [f"label {index}" for index in range(n_labels)])
    assert (arrays is not None) == (name in ("logistic", "outputs", "ridge", "linear-svm"))
    if arrays is not None:
        np.testing.assert_array_equal(arrays.scores(rows), found)


def test_a_chain_of_labels_is_scored_and_not_written_as_a_graph(rows):
    members = members_of(rows, 3)
    chain = ClassifierChain(LogisticRegression(max_iter=5000)).fit(rows, members)
    np.testing.assert_array_equal(scores(chain, rows) > 0, chain.predict(rows) == 1)
    with pytest.raises(NotExportable, match="head ClassifierChain: cannot be written"):
        graph_answers(chain, rows)


def test_a_label_that_every_training_sample_has_is_always_likely(rows):
    members = members_of(rows, 2)
    members[:, 1] = 1
    with pytest.warns(UserWarning, match="present in all training examples"):
        estimator = OneVsRestClassifier(LogisticRegression()).fit(rows, members)
    assert (scores(estimator, rows)[:, 1] > 3).all()


@pytest.mark.parametrize("n_classes", [2, 4])
def test_classes_one_against_the_rest_are_scored_as_ever(n_classes, rows):
    labels = np.array(list("abcd"))[np.arange(80) % n_classes]
    estimator = OneVsRestClassifier(LogisticRegression()).fit(rows, labels)
    expected = estimator.decision_function(rows)
    if n_classes == 2:
        expected = np.stack([np.zeros(80), expected], axis=1)
    np.testing.assert_array_equal(scores(estimator, rows), expected)
    np.testing.assert_allclose(graph_answers(estimator, rows), expected, atol=1e-4)


def test_several_classes_in_a_column_are_refused_by_name(rows):
    targets = np.stack([np.arange(80) % 3, np.arange(80) % 2], axis=1)
    estimator = MultiOutputClassifier(HistGradientBoostingClassifier(max_iter=2))
    with pytest.raises(BadOption, match=r"expected labels that a sample has \(1\)"):
        scores(estimator.fit(rows, targets), rows)


REFUSED = {
    "weights": (KNeighborsRegressor(weights="distance"), "head KNeighborsRegressor: only equal"),
    "a kernel": (SVR(kernel="poly"), "head SVR: kernel 'poly'"),
    "a tree": (DecisionTreeRegressor(), "head DecisionTreeRegressor: cannot be written"),
    "within": (MultiOutputRegressor(SVR(kernel="sigmoid")), "head SVR: kernel 'sigmoid'"),
    "a norm": (make_pipeline(Normalizer("l1"), Ridge()), "head Normalizer: norm"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_regressor_that_is_no_graph_is_refused_by_name(name, rows):
    estimator, message = REFUSED[name]
    targets = numbers_of(rows, 2) if name == "within" else numbers_of(rows, 1)
    with pytest.raises(NotExportable, match=message):
        graph_answers(estimator.fit(rows, targets), rows)


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
def test_trees_of_logarithms_give_the_number(loss, rows):
    estimator = HistGradientBoostingRegressor(loss=loss, min_samples_leaf=5, max_iter=9)
    estimator.fit(rows, np.exp(rows[:, 0]))
    np.testing.assert_allclose(
        graph_answers(estimator, rows)[:, 0], estimator.predict(rows), rtol=1e-6
    )


def test_a_row_on_a_threshold_takes_the_same_branch_in_float32(rows):
    estimator = HistGradientBoostingRegressor(min_samples_leaf=5, max_iter=20).fit(rows, rows[:, 0])
    thresholds = [
        (node["feature_idx"], node["num_threshold"])
        for [tree] in estimator._predictors
        for node in tree.nodes
        if not node["is_leaf"]
    ]
    near = []
    for column, threshold in thresholds:
        below = np.float32(threshold)
        for value in (np.nextafter(below, np.float32(-np.inf)), below):
            near.append(rows[0].copy())
            near[-1][column] = value
            near.append(rows[0].copy())
            near[-1][column] = np.nextafter(value, np.float32(np.inf))
    near = np.array(near)
    np.testing.assert_allclose(graph_answers(estimator, near)[:, 0], estimator.predict(near))

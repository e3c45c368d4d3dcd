"""Every head as nodes: the same probabilities on any row, or a refusal by name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, Normalizer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

from featx.backbones.session import open_session
from featx.errors import NotExportable
from featx.export.heads import add_head
from featx.graphs.builder import DOUBLE, FLOAT, GraphBuilder
from featx.heads import HEADS, TemperatureScaling, TrainedHead, make_head

DIM = 12


def session_of(head):
    graph = GraphBuilder()
    shares = add_head(graph, "rows", head)
    graph.named("shares", "Identity", shares)
    rows = helper.make_tensor_value_info("rows", FLOAT, ["N", DIM])
    made = helper.make_tensor_value_info("shares", DOUBLE, ["N", len(head.classes)])
    whole = helper.make_graph(graph.nodes, "head", [rows], [made], graph.constants)
    versions = {"": 18, **graph.domains}
    opsets = [helper.make_opsetid(*version) for version in versions.items()]
    model = helper.make_model(whole, opset_imports=opsets, ir_version=8)
    return open_session(model.SerializeToString(), "head")


def drawn(rng, n, classes):
    """Rows of classes that overlap, one column nearly and one wholly constant."""
    y = np.arange(n) % classes
    rows = rng.normal(size=(n, DIM)) + np.eye(classes, DIM)[y] * 2
    rows[:, -1] = 7
    rows[:, -2] = -5 + 1e-4 * rng.normal(size=n)
    return rows.astype(np.float32), [f"no. {k}" for k in y]


@pytest.fixture(scope="module")
def fitted():
    made = {}

    def fitted(head, classes):
        if (head, classes) not in made:
            rows, labels = drawn(np.random.default_rng(classes), 20 * classes, classes)
            with threadpool_limits(1):
                estimator = make_head(head).fit(rows, labels)
            trained = TrainedHead.from_estimator(head, estimator, TemperatureScaling(0.3))
            made[head, classes] = trained, rows, session_of(trained)
        return made[head, classes]

    return fitted


def check(head, rows, session):
    [found] = session.run(None, {"rows": rows})
    expected = head.predict_proba(rows)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    first, second = np.sort(expected, axis=1)[:, -1], np.sort(expected, axis=1)[:, -2]
    clear = first - second > 1e-6
    np.testing.assert_array_equal(found.argmax(1)[clear], expected.argmax(1)[clear])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:self.within_class_std_dev_")  # of the constant column
@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("name", HEADS)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), size=st.sampled_from([0.0, 0.1, 1.0, 10.0, 1000.0]))
def test_every_head_gives_its_probabilities_on_any_rows(name, classes, seed, size, fitted):
    head, trained_on, session = fitted(name, classes)
    rng = np.random.default_rng(seed)
    near = trained_on[rng.integers(0, len(trained_on), 4)]
    noise = (rng.normal(size=(4, DIM)) * size).astype(np.float32)
    noise[:, -2:] = near[:, -2:]
    check(head, np.concatenate([near, noise, (near + noise) / 2]), session)


@pytest.mark.parametrize(
    "own",
    [
        LinearSVC(),
        RidgeClassifierCV(),
        SGDClassifier(random_state=0),
        make_pipeline(PCA(4), LogisticRegression()),
        make_pipeline(Normalizer(), SVC(kernel="linear", decision_function_shape="ovo")),
        KNeighborsClassifier(3),
        HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=3),
        HistGradientBoostingClassifier(min_samples_leaf=99),  # trees of one leaf
    ],
    ids=lambda own: type(own).__name__,
)
@pytest.mark.parametrize("classes", [2, 4])
def test_estimators_of_the_users_own_that_are_products_kernels_and_trees_are_written(
    own, classes, rng
):
    rows, labels = drawn(rng, 40, classes)
    head = TrainedHead.from_estimator("own", own.fit(rows, labels), TemperatureScaling(0.7))
    check(head, drawn(rng, 12, classes)[0], session_of(head))


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (DecisionTreeClassifier(), "head DecisionTreeClassifier: cannot be written as a graph"),
        (make_pipeline(MinMaxScaler(), LinearSVC()), "head MinMaxScaler: cannot be written"),
        (make_pipeline(Normalizer("l1"), LinearSVC()), "norm = 'l1' cannot be written"),
        (make_pipeline(PCA(2, whiten=True), LinearSVC()), "with whiten=True it cannot"),
        (SVC(kernel="poly"), "kernel 'poly' cannot be written"),
        (SVC(), "decision_function_shape must be 'ovo'"),
        (KNeighborsClassifier(weights="distance"), "only equal votes by Euclidean distance"),
        (
            HistGradientBoostingClassifier(max_iter=2, categorical_features=[DIM - 1]),
            "splits by category cannot be written",
        ),
        (KNeighborsClassifier(metric="cosine"), "only equal votes by Euclidean distance"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(own, words, rng):
    rows, labels = drawn(rng, 40, 4)
    with pytest.raises(NotExportable, match=words):
        session_of(
            TrainedHead.from_estimator("own", own.fit(rows, labels), TemperatureScaling(1.0))
        )


def test_numbers_that_a_tiny_scale_makes_much_of_are_rounded_as_scikit_learn_rounds_them(rng):
    """A column of which only the last bits differ: float64 would see another world."""
    rows, labels = drawn(rng, 60, 3)
    rows[:, 0] = np.float32(-5) + np.float32(4.8e-7) * rng.integers(0, 5, 60)
    head = TrainedHead.from_estimator(
        "own",
        make_pipeline(StandardScaler(), LinearSVC()).fit(rows, labels),
        TemperatureScaling(1.0),
    )
    check(head, rows, session_of(head))

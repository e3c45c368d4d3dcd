import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVC

from featx.errors import BadOption, UnknownHead
from featx.heads import (
    HEADS,
    TemperatureScaling,
    TrainedHead,
    choose_heads,
    make_head,
    robust_log_loss,
    scores,
    softmax,
)
from featx.tasks.classification_problem import ClassificationProblem
from featx.tuning import HeadConfig, fit_choice, tune


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))[:900]
    return data.data[order].astype(np.float32), data.target[order].astype(str)


def test_the_heads_are_those_that_the_readme_names():
    assert list(HEADS) == [
        "logistic", "linear-svm", "rbf-svm", "ridge", "lda", "knn", "centroid", "boosting",
    ]  # fmt: skip
    assert all(head.description.endswith(".") and head.cost for head in HEADS.values())


def test_a_name_that_is_no_head_is_refused_with_the_nearest():
    with pytest.raises(UnknownHead, match="did you mean 'logistic'"):
        make_head("logistics")
    with pytest.raises(UnknownHead, match="did you mean 'ridge'"):
        choose_heads("rigde", largest=9)


def test_the_table_of_heads_is_read_only():
    with pytest.raises(TypeError):
        HEADS["mine"] = HEADS["ridge"]


@pytest.mark.parametrize("name", HEADS)
def test_every_candidate_of_a_head_can_be_set(name):
    for params in HEADS[name].grid:
        head = make_head(name).set_params(**params)
        assert {key: head.get_params()[key] for key in params} == dict(params)


@pytest.mark.parametrize("name", ["logistic", "ridge", "lda", "knn"])
def test_the_first_choice_of_the_scores_is_what_the_estimator_predicts(name, digits):
    X, y = digits
    head = make_head(name).fit(X[:300], y[:300])
    first = head.classes_[scores(head, X[300:]).argmax(axis=1)]
    assert (first == head.predict(X[300:])).mean() > 0.999


@pytest.mark.parametrize("name", ["linear-svm", "rbf-svm"])
def test_margins_of_support_vectors_are_right_nearly_as_often_as_their_votes(name, digits):
    X, y = digits
    problem = ClassificationProblem(y[:300])
    choice = tune([HEADS[name]], X[:300], problem, config=HeadConfig())
    head = fit_choice(choice, X[:300], problem)
    margins = (head.predict(X[300:]) == y[300:]).mean()
    assert margins > (head.estimator.predict(X[300:]) == y[300:]).mean() - 0.02


def test_the_nearest_centroid_has_the_highest_score(rng):
    X = rng.normal(size=(60, 8)).astype(np.float32)
    head = make_head("centroid").fit(X, np.arange(60) % 3)
    np.testing.assert_array_equal(scores(head, X).argmax(axis=1), head.predict(X))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", HEADS)
def test_probabilities_are_float32_rows_that_add_up_to_one(name, n_classes, rng):
    X = rng.normal(size=(60, 8)).astype(np.float32)
    y = np.array(["a", "b", "c"])[np.arange(60) % n_classes]
    head = TrainedHead.from_estimator(name, make_head(name).fit(X, y), TemperatureScaling(1.5))
    table = head.predict_proba(X)
    assert table.dtype == np.float32
    assert table.flags.c_contiguous
    assert table.shape == (60, n_classes)
    np.testing.assert_allclose(table.sum(axis=1), 1, atol=1e-6)
    assert list(head.predict(X)) == [head.classes[i] for i in table.argmax(axis=1)]


def test_at_temperature_one_logistic_gives_its_own_probabilities(digits):
    X, y = digits
    for labels in (y, np.where(y == "3", "three", "other")):
        estimator = make_head("logistic").fit(X, labels)
        table = TrainedHead.from_estimator(
            "logistic", estimator, TemperatureScaling(1.0)
        ).predict_proba(X)
        np.testing.assert_allclose(table, estimator.predict_proba(X), atol=1e-5)


def test_no_rows_give_an_empty_table_of_the_right_width(digits):
    X, y = digits
    head = TrainedHead.from_estimator(
        "ridge", make_head("ridge").fit(X, y), TemperatureScaling(1.0)
    )
    assert head.predict_proba(X[:0]).shape == (0, 10)
    assert head.predict(X[:0]).shape == (0,)


def test_rows_of_another_width_are_refused(digits):
    X, y = digits
    head = TrainedHead.from_estimator(
        "ridge", make_head("ridge").fit(X, y), TemperatureScaling(1.0)
    )
    with pytest.raises(BadOption, match=r"\(2, 63\).*\(n, 64\)"):
        head.predict_proba(X[:2, :63])


def test_a_stray_row_does_not_decide_the_temperature(rng):
    y = rng.integers(0, 3, 300)
    values = rng.normal(size=(300, 3))
    values[np.arange(300), y] += 2
    usual = TemperatureScaling.fit(values, y).temperature
    values[0] = 0
    values[0, (y[0] + 1) % 3] = 1e4  # wrong, and sure beyond all measure
    assert abs(TemperatureScaling.fit(values, y).temperature - usual) < 0.1 * usual
    assert robust_log_loss(softmax(values), y).max() <= np.log(300) + 1e-9


def test_the_temperature_is_the_one_that_scikit_learn_finds():
    X, y = make_classification(4000, 10, n_informative=6, n_classes=3, flip_y=0.2, random_state=0)
    estimator = SVC(kernel="linear", decision_function_shape="ovr").fit(X[:1000], y[:1000])
    theirs = CalibratedClassifierCV(
        FrozenEstimator(estimator), method="temperature", ensemble=False
    )
    expected = theirs.fit(X[1000:], y[1000:]).predict_proba(X[:50])
    values = estimator.decision_function(X[1000:])
    temperature = TemperatureScaling.fit(values, y[1000:]).temperature
    ours = softmax(estimator.decision_function(X[:50]) / temperature)
    # scikit-learn does not allow for the one sample in a hundred that may be anything
    np.testing.assert_allclose(ours, expected, atol=5e-3)


def test_the_temperature_undoes_a_scale(rng):
    values = rng.normal(size=(500, 4)) * 3
    y = np.array([rng.choice(4, p=row) for row in softmax(values)])
    plain = TemperatureScaling.fit(values, y).temperature
    assert plain == pytest.approx(1, abs=0.2)
    assert TemperatureScaling.fit(values * 7, y).temperature == pytest.approx(7 * plain, rel=1e-3)


def test_a_head_without_a_mistake_is_not_sure_for_ever():
    values = np.array([[1.0, 0.0], [0.0, 1.0]] * 10)
    shares = softmax(values / TemperatureScaling.fit(values, np.array([0, 1] * 10)).temperature)
    assert 0.9 < shares.max() < 0.999


def test_a_user_may_give_any_classifier():
    (head,) = choose_heads(RandomForestClassifier(n_estimators=5), largest=2, random_state=7)
    assert head.name == "RandomForestClassifier"
    assert head.build().random_state == 7
    assert head.grid == ({},)


@pytest.mark.parametrize("thing", [Ridge(), LogisticRegression, 3, None])
def test_what_is_not_a_classifier_is_refused(thing):
    with pytest.raises(BadOption, match="expected the name of a head or a scikit-learn classifier"):
        choose_heads(thing, largest=9)


def test_balance_sets_the_class_weight_where_there_is_one_and_else_is_refused():
    (head,) = choose_heads("logistic", largest=9, class_weight="balanced")
    assert head.build()[-1].class_weight == "balanced"
    with pytest.raises(BadOption, match="head 'knn' cannot balance classes; those that can"):
        choose_heads("knn", largest=9, class_weight="balanced")
    with pytest.raises(BadOption, match="GaussianNB"):
        choose_heads(GaussianNB(), largest=9, class_weight="balanced")
    chosen = {head.name for head in choose_heads("auto", largest=9, class_weight="balanced")}
    assert chosen == {"logistic", "linear-svm", "rbf-svm", "ridge"}


def test_auto_leaves_out_what_so_few_samples_cannot_train():
    assert "lda" not in {head.name for head in choose_heads("auto", largest=3)}
    assert "lda" in {head.name for head in choose_heads("auto", largest=4)}
    with pytest.raises(BadOption, match="at least 4 samples, the largest has 3"):
        choose_heads("lda", largest=3)


def test_neighbours_are_never_more_than_the_samples():
    assert [p["kneighborsclassifier__n_neighbors"] for p in HEADS["knn"].candidates(4)] == [3, 1]

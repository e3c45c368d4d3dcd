"""Linear forms: the scores of a head as weighted sums of the columns of a row, or why they are none."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, LinearSVC

from featx.errors import NoExactSum
from featx.heads import TemperatureScaling, TrainedHead, to_arrays
from featx.heads.linear_form import linear_form
from featx.heads.number_scaling import NumberScaling

BEFORE = {
    "nothing": [],
    "standard": [StandardScaler()],
    "centred only": [StandardScaler(with_std=False)],
    "scaled only": [StandardScaler(with_mean=False)],
    "robust": [RobustScaler()],
    "range": [MinMaxScaler((-1, 1))],
    "largest": [MaxAbsScaler()],
    "length": [Normalizer()],
    "sum": [StandardScaler(), Normalizer("l1")],
    "largest value": [Normalizer("max")],
    "components": [StandardScaler(), PCA(4)],
    "whitened": [PCA(4, whiten=True), Normalizer()],
    "singular values": [TruncatedSVD(4)],
    "best columns": [SelectKBest(k=5), StandardScaler()],
    "varied columns": [VarianceThreshold(), PCA(3)],
    "nothing by name": ["passthrough", StandardScaler()],
}
CLASSIFIERS = [
    LogisticRegression(),
    RidgeClassifier(),
    LinearSVC(),
    NearestCentroid(),
    OneVsRestClassifier(RidgeClassifier()),
]


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(3).normal(1, 2, (60, 8)).astype(np.float32)


def trained(estimator, rows, n_classes):
    labels = np.array(["a", "b", "c"])[np.digitize(rows[:, 0], [0, 2] if n_classes == 3 else [1])]
    return TrainedHead.from_estimator("mine", estimator.fit(rows, labels), TemperatureScaling())


def assert_gives_the_scores(head, rows):
    form = linear_form(head)
    for row in rows[:5]:
        scores = head.scorer.scores(row[None])[0]
        for weights in np.eye(len(scores)):
            own, constant = form.pull(weights, row.astype(np.float64))
            expected = pytest.approx(weights @ scores, rel=1e-5, abs=1e-5)
            assert own @ row + constant == expected
    return form


@pytest.mark.parametrize("name", BEFORE)
def test_what_stands_before_the_model_is_folded_in(name, rows):
    assert_gives_the_scores(
        trained(make_pipeline(*BEFORE[name], LogisticRegression()), rows, 3), rows
    )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda model: type(model).__name__)
def test_every_linear_classifier_has_a_form(model, n_classes, rows):
    assert_gives_the_scores(trained(make_pipeline(StandardScaler(), model), rows, n_classes), rows)


def test_a_head_of_arrays_has_the_same_form(rows):
    head = trained(make_pipeline(StandardScaler(), LogisticRegression()), rows, 2)
    arrays = to_arrays(head.estimator)
    again = TrainedHead.from_arrays("mine", arrays, head.calibrator, lambda: head.estimator)
    form = assert_gives_the_scores(again, rows)
    np.testing.assert_allclose(form.center, rows.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(form.coef, linear_form(head).coef)


def test_a_support_vector_machine_with_a_straight_border_has_a_form(rows):
    assert_gives_the_scores(trained(SVC(kernel="linear"), rows, 2), rows)


@pytest.mark.parametrize("model", [Ridge(), SVR(kernel="linear")])
def test_a_linear_regression_has_a_form(model, rows):
    fitted = make_pipeline(StandardScaler(), model).fit(rows, rows[:, 0] * 2 + 1)
    scaling = NumberScaling((0.0,), (1.0,), (0.1,))
    assert_gives_the_scores(TrainedHead.from_estimator("x", fitted, scaling, ["value"]), rows)


def test_several_labels_have_a_form(rows):
    fitted = make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression()))
    fitted.fit(rows, np.stack([rows[:, 0] > 1, rows[:, 1] > 1, rows[:, 2] > 1], axis=1).astype(int))
    head = TrainedHead.from_estimator("x", fitted, TemperatureScaling(), ["a", "b", "c"])
    assert_gives_the_scores(head, rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("estimator", "n_classes", "words"),
    [
        (SVC(), 2, "head mine: SVC is a kernel, which compares whole rows"),
        (SVC(kernel="linear"), 3, "head mine: of more than two classes, its score is the least"),
        (KNeighborsClassifier(), 2, "KNeighborsClassifier is a vote of whole rows"),
        (RandomForestClassifier(5), 2, "RandomForestClassifier is made of trees"),
        (HistGradientBoostingClassifier(max_iter=3), 2, "is made of trees"),
        (MLPClassifier((3,), max_iter=5000), 2, "MLPClassifier is a network with layers"),
        (CalibratedClassifierCV(LogisticRegression()), 2, "is a mean of several calibrated"),
        (OneVsRestClassifier(SVC()), 3, "OneVsRestClassifier is not linear in the row"),
        (
            make_pipeline(FunctionTransformer(np.abs), LogisticRegression()),
            2,
            "step FunctionTransformer is not known",
        ),
        (make_pipeline(MinMaxScaler(clip=True), LogisticRegression()), 2, "MinMaxScaler clips"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_head_that_is_not_linear_says_so(estimator, n_classes, words, rows):
    with pytest.raises(NoExactSum, match=words):
        linear_form(trained(estimator, rows, n_classes))


def test_a_head_whose_own_probabilities_are_taken_is_none(rows):
    fitted = LogisticRegression().fit(rows, rows[:, 0] > 1)
    head = TrainedHead.from_estimator("x", fitted, TemperatureScaling(), own_answers=True)
    with pytest.raises(NoExactSum, match="its own probabilities are taken as they are"):
        linear_form(head)


def test_the_middle_is_the_mean_row_of_a_scaler_that_takes_nothing_off(rows):
    head = make_pipeline(StandardScaler(with_mean=False), RidgeClassifier())
    head.fit(rows, np.arange(len(rows)) % 2)
    trained = TrainedHead.from_estimator("own", head, TemperatureScaling(1.0))
    np.testing.assert_allclose(linear_form(trained).center, rows.mean(axis=0), rtol=1e-5)

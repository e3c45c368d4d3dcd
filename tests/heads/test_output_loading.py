"""Heads of numbers and of several labels in a file: loaded as they were, and examined before they answer."""

import warnings

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.feature_selection import SelectKBest, SelectPercentile
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    RidgeCV,
    SGDRegressor,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR, LinearSVC, LinearSVR, NuSVR
from sklearn.tree import DecisionTreeRegressor

import featx
from featx.catalog import get_card
from featx.errors import BadArtifact
from featx.heads import TemperatureScaling, TrainedHead
from featx.heads.label_calibration import LabelCalibration
from featx.heads.number_scaling import NumberScaling
from featx.predictor import predictor_class
from featx.tasks import get_task

DIM = 384


@pytest.fixture(scope="module")
def rows():
    rows = np.random.default_rng(0).normal(size=(40, DIM)).astype(np.float32)
    rows[:, 0] += np.arange(40) % 2 * 2
    return rows


def labels_of(k):
    return np.stack(
        [np.arange(40) % 2, *(np.arange(40) // (3 + i) % 2 for i in range(k - 1))], axis=1
    )


def saved(estimator, task, folder, n, own=False):
    """Save a fitted estimator as a predictor of a task; return its head and the one that is loaded."""
    calibrator = {
        "regression": NumberScaling((0.0,) * n, (1.0,) * n, (1.0,) * n),
        "multilabel": LabelCalibration((1.0,) * n, (0.0,) * n, (0.5,) * n),
        "classification": TemperatureScaling(),
    }[task]
    names = None if task == "classification" else [f"output {i}" for i in range(n)]
    head = TrainedHead.from_estimator("own", estimator, calibrator, names, own_answers=own)
    predictor = predictor_class(get_task(task)).from_card(
        get_card("featx-image-nano"), head, task=task
    )
    return head, featx.load(featx.save(predictor, folder / "x.featx", overwrite=True)).head


def without_trees(names):
    """Boosted trees of several outputs take seconds."""
    slow = pytest.mark.slow
    return [pytest.param(name, marks=slow) if name == "boosting" else name for name in names]


def fitted(estimator, rows, targets):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(rows, targets)


NUMBERS = {
    "ridge": Ridge(),
    "ridge cv": RidgeCV(),
    "least squares": LinearRegression(),
    "lasso": Lasso(0.1),
    "elastic net": ElasticNet(0.1),
    "huber": HuberRegressor(),
    "sgd": SGDRegressor(random_state=0),
    "linear svr": LinearSVR(random_state=0),
    "svr": SVR(),
    "nu-svr": NuSVR(),
    "knn": KNeighborsRegressor(weights="distance"),
    "boosting": HistGradientBoostingRegressor(min_samples_leaf=5, max_iter=3),
    "forest": RandomForestRegressor(3, random_state=0),
    "extra trees": ExtraTreesRegressor(3, random_state=0),
    "tree": DecisionTreeRegressor(max_depth=3),
    "network": MLPRegressor(hidden_layer_sizes=(5,), max_iter=20, random_state=0),
}
TABLES = {
    "ridge": Ridge(),
    "knn": KNeighborsRegressor(),
    "network": MLPRegressor(hidden_layer_sizes=(5,), max_iter=20, random_state=0),
    "svr": MultiOutputRegressor(SVR()),
    "boosting": MultiOutputRegressor(HistGradientBoostingRegressor(max_iter=2)),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_regressor_is_loaded_without_trust_and_gives_the_same_numbers(name, rows, tmp_path):
    estimator = fitted(make_pipeline(StandardScaler(), NUMBERS[name]), rows, rows[:, 0] * 3)
    head, loaded = saved(estimator, "regression", tmp_path, 1)
    np.testing.assert_array_equal(loaded.predict_outputs(rows), head.predict_outputs(rows))
    np.testing.assert_array_equal(loaded.estimator.predict(rows), estimator.predict(rows))


@pytest.mark.parametrize("name", without_trees(TABLES))
def test_a_regressor_of_several_numbers_is_loaded_as_it_was(name, rows, tmp_path):
    estimator = fitted(make_pipeline(StandardScaler(), TABLES[name]), rows, rows[:, :3])
    head, loaded = saved(estimator, "regression", tmp_path, 3)
    np.testing.assert_array_equal(loaded.predict_outputs(rows), head.predict_outputs(rows))
    np.testing.assert_array_equal(loaded.estimator.predict(rows), estimator.predict(rows))


SEVERAL = {
    "logistic": OneVsRestClassifier(LogisticRegression()),
    "outputs": MultiOutputClassifier(LogisticRegression()),
    "ridge": RidgeClassifier(),
    "knn": KNeighborsClassifier(),
    "boosting": OneVsRestClassifier(HistGradientBoostingClassifier(max_iter=2)),
}


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("name", without_trees(SEVERAL))
def test_a_classifier_of_several_labels_is_loaded_as_it_was(name, n_labels, rows, tmp_path):
    members = labels_of(n_labels)
    estimator = fitted(make_pipeline(StandardScaler(), SEVERAL[name]), rows, members)
    head, loaded = saved(estimator, "multilabel", tmp_path, n_labels)
    np.testing.assert_array_equal(loaded.predict_outputs(rows), head.predict_outputs(rows))
    np.testing.assert_array_equal(loaded.estimator.predict(rows), estimator.predict(rows))


KEPT = {
    "best columns": make_pipeline(SelectKBest(k=5), LogisticRegression()),
    "a share of columns": make_pipeline(SelectPercentile(percentile=5), LogisticRegression()),
    "a sigmoid": CalibratedClassifierCV(LinearSVC(), cv=2),
    "steps": CalibratedClassifierCV(LinearSVC(), method="isotonic", cv=2),
    "a temperature": CalibratedClassifierCV(LogisticRegression(), method="temperature", cv=2),
    "frozen": make_pipeline(StandardScaler(), FrozenEstimator(GaussianNB())),
}


@pytest.mark.parametrize("name", KEPT)
def test_chosen_columns_and_calibrated_classifiers_are_loaded_as_they_were(name, rows, tmp_path):
    labels = np.array(["no", "yes"])[np.arange(40) % 2]
    estimator = KEPT[name]
    if name == "frozen":
        estimator.steps[-1] = ("bayes", FrozenEstimator(GaussianNB().fit(rows, labels)))
    estimator = fitted(estimator, rows, labels)
    head, loaded = saved(estimator, "classification", tmp_path, 2, own=True)
    # The temperature may have been a float32.
    np.testing.assert_allclose(loaded.predict_outputs(rows), head.predict_outputs(rows), atol=1e-6)


def spoiled(make, change):
    return lambda rows: (lambda estimator: (change(estimator), estimator)[1])(make(rows))


def number_head(estimator):
    return lambda rows: fitted(estimator, rows, rows[:, 0])


def calibrated(method):
    made = CalibratedClassifierCV(LinearSVC(), method=method, cv=2)
    return lambda rows: fitted(made, rows, np.arange(40) % 2)


def put(name, value):
    return lambda estimator: vars(estimator).__setitem__(name, value)


def a_map(name, value):
    return lambda estimator: vars(estimator.calibrated_classifiers_[0].calibrators[0]).__setitem__(
        name, value
    )


BAD = {
    "coefficients of fewer columns": (number_head(Ridge()), put("coef_", np.ones(3)), "regression"),
    "a coefficient that is none": (
        number_head(Ridge()),
        put("coef_", np.full(DIM, np.nan)),
        "regression",
    ),
    "classes in a regressor": (
        number_head(Ridge()),
        put("classes_", np.array([0, 1])),
        "regression",
    ),
    "more vectors than there are": (
        number_head(SVR()),
        put("_n_support", np.array([10**6, 10**6], np.int32)),
        "regression",
    ),
    "fewer weights than vectors": (
        number_head(SVR()),
        put("_dual_coef_", np.ones((1, 2))),
        "regression",
    ),
    "vectors of another width": (
        number_head(SVR()),
        put("support_vectors_", np.ones((40, 3))),
        "regression",
    ),
    "neighbours without numbers": (
        number_head(KNeighborsRegressor()),
        put("_y", np.ones(3)),
        "regression",
    ),
    "more neighbours than rows": (
        number_head(KNeighborsRegressor()),
        put("n_neighbors", 10**6),
        "regression",
    ),
    "a tree of classes": (
        number_head(RandomForestRegressor(2)),
        lambda e: e.estimators_.__setitem__(0, number_head(Ridge())(np.eye(DIM)[:40])),
        "regression",
    ),
    "steps out of order": (
        calibrated("isotonic"),
        a_map("X_thresholds_", np.array([1.0, 0.0])),
        "classification",
    ),
    "probabilities above one": (
        calibrated("isotonic"),
        a_map("y_thresholds_", np.full(2, 7.0)),
        "classification",
    ),
    "a slope that is none": (calibrated("sigmoid"), a_map("a_", float("nan")), "classification"),
    "maps of another method": (
        calibrated("sigmoid"),
        lambda e: vars(e.calibrated_classifiers_[0]).__setitem__("method", "isotonic"),
        "classification",
    ),
    "an unknown method": (
        calibrated("sigmoid"),
        lambda e: vars(e.calibrated_classifiers_[0]).__setitem__("method", "eval"),
        "classification",
    ),
    "a map too many": (
        calibrated("sigmoid"),
        lambda e: e.calibrated_classifiers_[0].calibrators.append(
            e.calibrated_classifiers_[0].calibrators[0]
        ),
        "classification",
    ),
    "other classes within": (
        calibrated("sigmoid"),
        lambda e: vars(e.calibrated_classifiers_[0].estimator).__setitem__(
            "classes_", np.array([5, 6])
        ),
        "classification",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_training_cannot_leave_is_refused_by_name_when_it_is_read(name, rows, tmp_path):
    make, change, task = BAD[name]
    estimator = spoiled(make, change)(rows)
    with pytest.raises(BadArtifact, match=r"damaged|cannot answer|is not a trained predictor"):
        saved(estimator, task, tmp_path, 1 if task == "regression" else 2, own=True)

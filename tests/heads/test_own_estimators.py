"""Estimators of the user's own as heads: their labels, their warnings, and whether they can be loaded again."""

import re
import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, NuSVC
from sklearn.utils import all_estimators

import featx
from featx.catalog import get_card
from featx.errors import BadArtifact, BadOption, FeatxNotice, FeatxWarning
from featx.heads import HEADS, TemperatureScaling, TrainedHead, make_head
from featx.heads.scorers import EstimatorScorer
from featx.predictor import Classifier
from featx.training import fit_head
from featx.tuning import HeadConfig

DIM = 384


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))[:100]
    return data.data[order].astype(np.float32), data.target[order].astype(str)


@pytest.fixture(scope="module")
def rows():
    """Rows without a negative number, which some classifiers refuse."""
    rows = np.random.default_rng(0).normal(size=(90, DIM)).astype(np.float32)
    rows[:, 0] += np.arange(90) % 3 * 3
    return np.abs(rows)


class Grumbler(LogisticRegression):
    """A classifier that warns at every training, each time in other words or in the same."""

    def fit(self, X, y):
        warnings.warn("the columns are many", UserWarning, stacklevel=2)
        return super().fit(X, y)


def test_other_warnings_of_an_estimator_are_said_once_with_how_often(digits):
    X, y = digits
    with pytest.warns(FeatxWarning) as told:
        fit_head(X, y, HeadConfig(Grumbler(max_iter=2000, tol=10.0)))
    [said] = [str(each.message) for each in told]
    assert re.fullmatch(r"while training: the columns are many \(\d\d times\)", said)


class Numbers(ClassifierMixin, BaseEstimator):
    """A classifier that takes 0 to n_classes - 1 for labels and nothing else, as xgboost's does."""

    def fit(self, X, y):
        y = np.asarray(y)
        if not np.array_equal(np.unique(y), np.arange(len(np.unique(y)))):
            raise ValueError(f"Invalid classes: expected 0 to n, got {np.unique(y)}")
        self.model_ = LogisticRegression(max_iter=500).fit(X, y)
        self.classes_, self.n_features_in_ = np.unique(y), X.shape[1]
        return self

    def predict_proba(self, X):
        return self.model_.predict_proba(X)


class Nameless(Numbers):
    """One that does not say what its classes are."""

    def fit(self, X, y):
        super().fit(X, y)
        del self.classes_
        return self


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Numbers, Nameless])
@pytest.mark.parametrize("wrapped", [False, True])
def test_an_estimator_that_insists_on_numbers_is_trained_on_texts(kind, wrapped, rng):
    centers = {"zebra": 0, "ant": 4, "10": 8, "9": 12}
    labels = np.repeat(list(centers), 12)
    X = np.array([centers[label] for label in labels])[:, None] + rng.normal(size=(48, 3)) / 4
    head = make_pipeline(StandardScaler(), kind()) if wrapped else kind()
    trained = fit_head(X.astype(np.float32), labels, HeadConfig(head))
    assert trained.head.classes == ("10", "9", "ant", "zebra")
    assert trained.head.predict(X.astype(np.float32)).tolist() == labels.tolist()
    assert trained.validation.report.accuracy == 1.0
    assert [score.label for score in trained.validation.report.classes] == sorted(centers)


def test_an_estimator_that_fails_on_labels_and_numbers_fails_with_its_own_words(digits):
    class Broken(Numbers):
        def fit(self, X, y):
            raise RuntimeError("no disk for " + np.asarray(y).dtype.kind)

    with pytest.raises(RuntimeError, match="no disk for U"):
        fit_head(digits[0], digits[1], HeadConfig(Broken()))


CLASSIFIERS = dict(all_estimators(type_filter="classifier"))
# What they cannot do without.
ARGUMENTS = {
    "ClassifierChain": {"estimator": LogisticRegression()},
    "FixedThresholdClassifier": {"estimator": LogisticRegression()},
    "MultiOutputClassifier": {"estimator": LogisticRegression()},
    "OneVsOneClassifier": {"estimator": LogisticRegression()},
    "OneVsRestClassifier": {"estimator": LogisticRegression()},
    "OutputCodeClassifier": {"estimator": LogisticRegression()},
    "SelfTrainingClassifier": {"estimator": LogisticRegression()},
    "StackingClassifier": {"estimators": [("a", LogisticRegression())], "cv": 2},
    "TunedThresholdClassifierCV": {"estimator": LogisticRegression(), "cv": 2},
    "VotingClassifier": {"estimators": [("a", LogisticRegression())], "voting": "soft"},
    "AdaBoostClassifier": {"n_estimators": 5},
    "ExtraTreesClassifier": {"n_estimators": 5},
    "GradientBoostingClassifier": {"n_estimators": 5},
    "LogisticRegressionCV": {"Cs": 2, "cv": 2},
    "HistGradientBoostingClassifier": {"max_iter": 3},
    "LabelPropagation": {"gamma": 1e-3},
    "LabelSpreading": {"gamma": 1e-3},
    "MLPClassifier": {"hidden_layer_sizes": (7, 5), "max_iter": 30},
    "RandomForestClassifier": {"n_estimators": 5},
}
# Those that need other targets or samples than a label for each of these rows.
UNFIT = {"ClassifierChain", "MultiOutputClassifier", "SelfTrainingClassifier"}
UNFIT |= {"QuadraticDiscriminantAnalysis", "RadiusNeighborsClassifier"}
# It warns that it is going to be removed.
UNFIT |= {"PassiveAggressiveClassifier"}
LOADED_WITHOUT_TRUST = {
    *("AdaBoostClassifier", "BaggingClassifier", "BernoulliNB", "ComplementNB", "DummyClassifier"),
    "CalibratedClassifierCV",
    *("DecisionTreeClassifier", "ExtraTreeClassifier", "ExtraTreesClassifier", "GaussianNB"),
    *("GradientBoostingClassifier", "HistGradientBoostingClassifier", "KNeighborsClassifier"),
    *("LabelPropagation", "LabelSpreading", "LinearDiscriminantAnalysis", "LinearSVC"),
    *("LogisticRegression", "LogisticRegressionCV", "MLPClassifier", "MultinomialNB", "SVC"),
    *("NearestCentroid", "NuSVC", "OneVsOneClassifier", "OneVsRestClassifier", "Perceptron"),
    *("RandomForestClassifier", "RidgeClassifier", "RidgeClassifierCV", "SGDClassifier"),
}


def saved_and_loaded(estimator, rows, labels, folder):
    """The head of a fitted estimator, and what is read of it; None where saving it is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator.fit(rows, labels)
    head = TrainedHead.from_estimator("own", estimator, TemperatureScaling())
    classifier = Classifier.from_card(get_card("featx-image-nano"), head)
    path = folder / "x.featx"
    try:
        featx.save(classifier, path)
    except BadArtifact as error:
        refused = str(error)
    else:
        return head, featx.load(path).head
    assert re.search(r"types that featx does not trust: .*save it with trusted=", refused)
    assert not path.exists()
    return head, None


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", sorted(set(CLASSIFIERS) - UNFIT))
def test_every_classifier_of_scikit_learn_is_loaded_as_it_was_or_refused_when_saved(
    name, n_classes, rows, tmp_path
):
    if n_classes > 2 and name in ("FixedThresholdClassifier", "TunedThresholdClassifierCV"):
        pytest.skip("it takes two classes only")
    labels = np.array(["ä", "b", "c"])[np.arange(90) % n_classes]
    estimator = CLASSIFIERS[name](**ARGUMENTS.get(name, {}))
    trained, loaded = saved_and_loaded(estimator, rows, labels, tmp_path)
    assert (loaded is not None) == (name in LOADED_WITHOUT_TRUST)
    if loaded is not None:
        np.testing.assert_array_equal(loaded.predict_proba(rows), trained.predict_proba(rows))
        np.testing.assert_array_equal(loaded.estimator.predict(rows), estimator.predict(rows))


LOGISTIC = LogisticRegression(max_iter=300)
PIPELINES = {
    "standard": make_pipeline(StandardScaler(with_mean=False), LOGISTIC),
    "standard without scale": make_pipeline(StandardScaler(with_std=False), LOGISTIC),
    "min-max": make_pipeline(MinMaxScaler((-1, 1), clip=True), LOGISTIC),
    "max-abs": make_pipeline(MaxAbsScaler(), LOGISTIC),
    "robust": make_pipeline(RobustScaler(with_centering=False), LOGISTIC),
    "variance": make_pipeline(VarianceThreshold(0.1), LOGISTIC),
    "whitened": make_pipeline(PCA(5, whiten=True), LOGISTIC),
    "svd": make_pipeline(TruncatedSVD(5), Normalizer(), "passthrough", LOGISTIC),
    "within": make_pipeline(StandardScaler(), make_pipeline(PCA(4), SVC())),
    "distances": make_pipeline(PCA(3), KNeighborsClassifier(4, weights="distance")),
    "balls": make_pipeline(PCA(3), KNeighborsClassifier(algorithm="ball_tree", p=1)),
    "angles": KNeighborsClassifier(metric="cosine"),
    "probabilities": NuSVC(nu=0.3, kernel="poly"),
    "bags": BaggingClassifier(make_pipeline(StandardScaler(), LOGISTIC), max_features=0.1),
    "boosted lines": AdaBoostClassifier(LOGISTIC, n_estimators=3),
    "from zero": GradientBoostingClassifier(init="zero", n_estimators=3),
    "one job": RandomForestClassifier(3, max_leaf_nodes=5, n_jobs=4, random_state=0),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_steps_and_parameters_are_loaded_as_they_were(name, rows, tmp_path):
    labels = np.array(["a", "b", "c"])[np.arange(90) % 3]
    trained, loaded = saved_and_loaded(PIPELINES[name], rows, labels, tmp_path)
    np.testing.assert_array_equal(loaded.predict_proba(rows), trained.predict_proba(rows))
    # Jobs are processes, which a file may not start.
    assert loaded.estimator.get_params().get("n_jobs") is None


UNTRUSTED = {
    "a function": (
        make_pipeline(FunctionTransformer(np.log1p), LOGISTIC),
        "FunctionTransformer",
    ),
    "a search": (GridSearchCV(LOGISTIC, {"C": [1, 2]}, cv=2, n_jobs=1), "GridSearchCV"),
    "a metric": (KNeighborsClassifier(metric=np.dot, algorithm="brute"), "metric"),
    "weights": (KNeighborsClassifier(weights=np.ones_like), "weights"),
}


@pytest.mark.parametrize("name", UNTRUSTED)
def test_what_calls_functions_or_starts_jobs_is_refused_by_name_when_saved(name, rows, tmp_path):
    estimator, culprit = UNTRUSTED[name]
    head = TrainedHead.from_estimator("own", fitted(estimator, rows), TemperatureScaling())
    classifier = Classifier.from_card(get_card("featx-image-nano"), head)
    with pytest.raises(BadArtifact, match=culprit):
        featx.save(classifier, tmp_path / "x.featx")


def fitted(estimator, rows):
    return estimator.fit(rows, np.array(["a", "b"])[np.arange(90) % 2])


def test_a_head_that_needs_trust_is_told_of_before_the_work_begins(rng):
    pictures = [rng.integers(0, 256, (9, 9, 3), dtype=np.uint8) for _ in range(8)]
    with pytest.warns(
        FeatxNotice, match=r"Numbers: save works with trust, .* holds types .* trust: .*trusted="
    ) as told:
        classifier = featx.fit(pictures, ["a", "b"] * 4, head=Numbers())
    assert len(told) == 1
    assert classifier.classes == ("a", "b")


def test_labels_that_were_numbers_for_the_estimator_are_texts_once_it_is_loaded(rng, tmp_path):
    X = rng.normal(size=(40, DIM)).astype(np.float32)
    trained = fit_head(X, ["no", "yes"] * 20, HeadConfig(Numbers()))
    classifier = Classifier.from_card(get_card("featx-image-nano"), trained.head)
    trusted = [f"{Numbers.__module__}.Numbers"]
    path = featx.save(classifier, tmp_path / "x.featx", trusted=trusted)
    loaded = featx.load(path, trusted=trusted).head
    assert loaded.classes == ("no", "yes")
    np.testing.assert_array_equal(loaded.predict(X), trained.head.predict(X))


@pytest.mark.parametrize("name", [name for name in HEADS if name != "boosting"])
def test_every_head_of_featx_is_rebuilt_with_the_parameters_that_it_had(name, rows, tmp_path):
    labels = np.array(["a", "b", "c"])[np.arange(90) % 3]
    head = make_head(name)
    trained, loaded = saved_and_loaded(head, rows, labels, tmp_path)
    assert repr(loaded.estimator.get_params()) == repr(trained.estimator.get_params())


def test_an_estimator_of_xgboost_is_trained_on_texts(digits):
    xgboost = pytest.importorskip("xgboost")
    X, y = digits
    names = np.array([f"digit {label}" for label in y])
    trained = fit_head(X, names, HeadConfig(xgboost.XGBClassifier(n_estimators=3, n_jobs=1)))
    assert trained.head.classes == tuple(sorted(set(names)))
    assert (trained.head.predict(X) == names).mean() > 0.9


class _Uncounted(ClassifierMixin, BaseEstimator):
    """An estimator that does not say how many columns it was trained on."""

    def fit(self, rows, labels):
        self.classes_ = np.unique(labels)
        return self


def test_an_estimator_that_does_not_say_its_number_of_columns_is_refused_in_words():
    fitted = _Uncounted().fit(np.zeros((2, 3)), ["a", "b"])
    with pytest.raises(BadOption, match=r"head _Uncounted: has no n_features_in_ after fit"):
        _ = EstimatorScorer(fitted).dim

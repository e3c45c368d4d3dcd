"""A fitted scikit-learn pipeline becomes a predictor that answers alike, in every form in which one is used."""

import pickle
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier, SGDClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler
from sklearn.svm import SVC, LinearSVC

import featx
from featx.errors import BadArtifact, BadOption, FeatxWarning, NotExportable
from featx.export import export

TOLERANCE = 1e-6


def picture(seed, shade):
    rng = np.random.default_rng(seed)
    return np.clip(rng.normal(shade, 40, (12, 12, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pictures():
    return [picture(seed, 60 + 60 * (seed % 3)) for seed in range(36)]


@pytest.fixture(scope="module")
def rows(pictures):
    """The rows are cached: many pipelines are fitted on the same pictures."""
    return featx.FeatureExtractor().transform(pictures)


LABELS = np.arange(36) % 3
CLASSIFIERS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression()),
    "logistic alone": LogisticRegression(max_iter=1000),
    "steps": make_pipeline(Normalizer(), PCA(8), SelectKBest(k=5), LogisticRegression()),
    "within": make_pipeline(make_pipeline(StandardScaler(), PCA(5)), SVC()),
    "svm": make_pipeline(StandardScaler(), SVC()),
    "linear svm": make_pipeline(StandardScaler(), LinearSVC()),
    "ridge": make_pipeline(StandardScaler(), RidgeClassifier()),
    "log loss": make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)),
    "knn": KNeighborsClassifier(4),
    "knn by distance": KNeighborsClassifier(4, weights="distance"),
    "bayes": GaussianNB(),
    "forest": RandomForestClassifier(9, random_state=0),
    "boosting": HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=4),
    "one against the rest": OneVsRestClassifier(LogisticRegression()),
    "sigmoid": CalibratedClassifierCV(LinearSVC(), cv=2),
    "isotonic": CalibratedClassifierCV(make_pipeline(PCA(5), LinearSVC()), method="isotonic", cv=2),
    "temperature": CalibratedClassifierCV(LogisticRegression(), method="temperature", cv=2),
    "one calibrated": CalibratedClassifierCV(LinearSVC(), cv=2, ensemble=False),
}
# Those whose answers cannot be written as a graph, with the step that the refusal names.
NO_GRAPH = {
    "knn by distance": "KNeighborsClassifier",
    "bayes": "GaussianNB",
    "forest": "RandomForestClassifier",
    "log loss": "SGDClassifier",
    "one against the rest": "OneVsRestClassifier",
}


def mostly_slow(names, *fast):
    """Only some are tried each time; all of them take half a minute."""
    slow = pytest.mark.slow
    return [name if name in fast else pytest.param(name, marks=slow) for name in names]


def fitted_pipeline(rest, pictures, targets):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make_pipeline(featx.FeatureExtractor(), rest).fit(pictures, targets)


def assert_answers_alike(predictor, pipeline, pictures):
    np.testing.assert_array_equal(predictor.predict(pictures), pipeline.predict(pictures))
    if hasattr(pipeline, "predict_proba"):
        np.testing.assert_allclose(
            predictor.predict_proba(pictures), pipeline.predict_proba(pictures), atol=TOLERANCE
        )


@pytest.mark.parametrize("n_classes", [pytest.param(2, marks=pytest.mark.slow), 3])
@pytest.mark.parametrize("name", mostly_slow(CLASSIFIERS, "logistic", "steps", "svm", "forest"))
def test_a_pipeline_answers_alike_as_a_predictor_also_when_it_was_saved(
    name, n_classes, pictures, tmp_path
):
    labels = np.array(["dim", "grey", "light"])[LABELS % n_classes]
    pipeline = fitted_pipeline(CLASSIFIERS[name], pictures, labels)
    predictor = featx.from_pipeline(pipeline)
    assert_answers_alike(predictor, pipeline, pictures)
    path = featx.save(pipeline, tmp_path / "x.featx")
    assert_answers_alike(featx.load(path), pipeline, pictures)
    if name in NO_GRAPH and (n_classes > 2 or name not in ("log loss", "one against the rest")):
        with pytest.raises(NotExportable, match=f"head {NO_GRAPH[name]}: "):
            export(predictor, tmp_path / "x.onnx", samples=pictures)
    else:
        check = export(predictor, tmp_path / "x.onnx", samples=pictures[:6])
        assert check.n == 6
        assert check.worst <= 1e-4


def test_a_search_over_backbones_and_parameters_is_its_best_pipeline(pictures, tmp_path):
    pipeline = Pipeline(
        [
            ("rows", featx.FeatureExtractor(cache=True)),
            ("scaler", StandardScaler()),
            ("model", LogisticRegression(max_iter=2000)),
        ]
    )
    grid = {"rows__backbone": ["featx-image-nano"], "model__C": [0.01, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(pictures, LABELS)
    predictor = featx.from_pipeline(search)
    assert predictor.card.name == search.best_params_["rows__backbone"]
    assert search.best_params_["model__C"] == predictor.head.estimator[-1].C
    assert_answers_alike(predictor, search, pictures)
    by_chance = RandomizedSearchCV(pipeline, grid, n_iter=1, cv=2, random_state=0)
    assert_answers_alike(featx.from_pipeline(by_chance.fit(pictures, LABELS)), by_chance, pictures)


@pytest.mark.slow
def test_a_search_within_a_pipeline_and_a_frozen_step_are_unwrapped(pictures, rows, tmp_path):
    search = GridSearchCV(LogisticRegression(max_iter=2000), {"C": [0.1, 1.0]}, cv=2)
    pipeline = fitted_pipeline(make_pipeline(StandardScaler(), search), pictures, LABELS)
    path = featx.save(pipeline, tmp_path / "x.featx")
    assert_answers_alike(featx.load(path), pipeline, pictures)
    assert featx.load(path).head.name == "LogisticRegression"
    frozen = make_pipeline(
        featx.FeatureExtractor(), FrozenEstimator(GaussianNB().fit(rows, LABELS))
    ).fit(pictures, LABELS)
    assert_answers_alike(featx.from_pipeline(frozen), frozen, pictures)


@pytest.mark.slow
@pytest.mark.parametrize("method", mostly_slow(["sigmoid", "isotonic", "temperature"], "isotonic"))
@pytest.mark.parametrize("ensemble", [True, False])
def test_a_calibrated_pipeline_keeps_its_probabilities(method, ensemble, pictures, tmp_path):
    inner = make_pipeline(featx.FeatureExtractor(cache=True), StandardScaler(), LinearSVC())
    calibrated = CalibratedClassifierCV(inner, method=method, ensemble=ensemble, cv=3)
    calibrated.fit(pictures, np.array(["a", "b", "c"])[LABELS])
    path = featx.save(calibrated, tmp_path / "x.featx")
    loaded = featx.load(path)
    assert_answers_alike(loaded, calibrated, pictures)
    assert export(loaded, tmp_path / "x.onnx", samples=pictures[:6]).worst <= 1e-4


def test_a_pipeline_that_was_fitted_before_its_calibration_is_kept_too(pictures, tmp_path):
    inner = fitted_pipeline(GaussianNB(), pictures[:24], LABELS[:24])
    calibrated = CalibratedClassifierCV(FrozenEstimator(inner), cv=2).fit(
        pictures[24:], LABELS[24:]
    )
    path = featx.save(calibrated, tmp_path / "x.featx")
    assert_answers_alike(featx.load(path), calibrated, pictures)


MEMBERS = np.stack([LABELS == 0, LABELS != 2, np.arange(36) % 2 == 0], axis=1).astype(int)
SEVERAL = {
    "logistic": OneVsRestClassifier(LogisticRegression(max_iter=1000)),
    "outputs": MultiOutputClassifier(LogisticRegression(max_iter=1000)),
    "ridge": RidgeClassifier(),
    "knn": KNeighborsClassifier(4),
    "forest": RandomForestClassifier(5, random_state=0),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", mostly_slow(SEVERAL, "logistic", "knn"))
def test_a_pipeline_of_several_labels_answers_alike(name, pictures, tmp_path):
    pipeline = fitted_pipeline(make_pipeline(StandardScaler(), SEVERAL[name]), pictures, MEMBERS)
    predictor = featx.from_pipeline(pipeline, labels=["dim", "dark", "even"])
    assert predictor.labels == ("dim", "dark", "even")
    np.testing.assert_array_equal(predictor.predict(pictures), pipeline.predict(pictures))
    if hasattr(pipeline, "predict_proba"):
        shares = pipeline.predict_proba(pictures)
        if isinstance(shares, list):
            shares = np.stack([one[:, 1] for one in shares], axis=1)
        np.testing.assert_allclose(predictor.predict_proba(pictures), shares, atol=TOLERANCE)
    if name != "forest":
        path = featx.save(predictor, tmp_path / "x.featx")
        np.testing.assert_array_equal(
            featx.load(path).predict(pictures), pipeline.predict(pictures)
        )


NUMBERS = LABELS * 1000.0 + np.arange(36)
REGRESSORS = {
    "ridge": Ridge(),
    "standardised": TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
    "logarithms": TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp),
    "forest": RandomForestRegressor(5, random_state=0),
}


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_pipeline_of_numbers_answers_alike_and_says_that_it_knows_no_interval(
    name, pictures, tmp_path
):
    targets = NUMBERS + 1
    pipeline = fitted_pipeline(make_pipeline(StandardScaler(), REGRESSORS[name]), pictures, targets)
    with pytest.warns(FeatxWarning, match="low and high are the number itself"):
        predictor = featx.from_pipeline(pipeline)
    assert np.abs(predictor.predict(pictures) - pipeline.predict(pictures)).max() <= 1e-6 * np.ptp(
        targets
    )
    loaded = featx.load(featx.save(predictor, tmp_path / "x.featx"))
    np.testing.assert_array_equal(loaded.predict(pictures), predictor.predict(pictures))


def test_samples_that_were_left_out_decide_the_interval(pictures):
    pipeline = fitted_pipeline(Ridge(), pictures[:18], NUMBERS[:18])
    predictor = featx.from_pipeline(pipeline, samples=pictures[18:], targets=NUMBERS[18:])
    low, high = predictor.predict_interval(pictures[18:]).T
    # 18 of 18 + 1 are more than nine tenths, 17 fewer.
    assert ((low <= NUMBERS[18:] * (1 + 1e-6)) & (NUMBERS[18:] <= high * (1 + 1e-6))).sum() == 18
    with pytest.raises(BadOption, match="expected at least 10"):
        featx.from_pipeline(pipeline, samples=pictures[18:22], targets=NUMBERS[18:22])


class Contrary(ClassifierMixin, BaseEstimator):
    """A classifier whose label is not its most probable one."""

    def fit(self, X, y):
        self.classes_, self.n_features_in_ = np.unique(y), X.shape[1]
        return self

    def predict_proba(self, X):
        return np.tile(np.eye(len(self.classes_))[0], (len(X), 1))

    def predict(self, X):
        return np.repeat(self.classes_[-1], len(X))


REFUSED = {
    "not fitted": (lambda: make_pipeline(featx.FeatureExtractor(), GaussianNB()), "is not fitted"),
    "no search yet": (
        lambda: GridSearchCV(make_pipeline(featx.FeatureExtractor(), GaussianNB()), {}),
        "GridSearchCV: is not fitted",
    ),
    "no pipeline": (lambda: GaussianNB().fit(np.eye(4), [0, 1, 0, 1]), "GaussianNB: expected a"),
    "no extractor": (
        lambda: make_pipeline(StandardScaler(), GaussianNB()).fit(np.eye(4), [0, 1, 0, 1]),
        "first step, found 'standardscaler', a StandardScaler",
    ),
    "something else": (lambda: "a text", "str: expected a fitted Pipeline"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_fitted_pipeline_of_samples_is_refused_in_words(name):
    make, message = REFUSED[name]
    with pytest.raises(BadOption, match=message):
        featx.from_pipeline(make())


STEPS = {
    "a transformer": (StandardScaler(), "step 'standardscaler' .*expected a classifier"),
    "labels without scores": (
        VotingClassifier([("nb", GaussianNB())], voting="hard"),
        "VotingClassifier.*neither predict_proba nor decision_function",
    ),
    "a threshold": (FixedThresholdClassifier(LogisticRegression()), "another label than the most"),
    "centroids": (NearestCentroid(), "NearestCentroid.*contradict each other"),
    "contrary": (Contrary(), "Contrary.*expected an estimator whose predict"),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_step_that_cannot_answer_as_a_predictor_is_refused_by_its_name(name, pictures):
    rest, message = STEPS[name]
    pipeline = fitted_pipeline(rest, pictures, LABELS % 2)
    with pytest.raises((BadOption, BadArtifact), match=message):
        featx.from_pipeline(pipeline)


def test_a_second_extractor_and_a_transformation_that_cannot_be_kept_are_named(pictures):
    odd = TransformedTargetRegressor(Ridge(), func=np.sqrt, inverse_func=np.square)
    pipeline = fitted_pipeline(odd, pictures, NUMBERS)
    with pytest.raises(BadOption, match="step TransformedTargetRegressor: expected a Standard"):
        featx.from_pipeline(pipeline)


def test_a_function_in_a_pipeline_needs_trust_and_is_named(pictures, tmp_path):
    rest = make_pipeline(FunctionTransformer(np.abs), LogisticRegression(max_iter=1000))
    pipeline = fitted_pipeline(rest, pictures, LABELS)
    with pytest.raises(
        BadArtifact, match=r"numpy.absolute, .*FunctionTransformer.*trusted=\['numpy.absolute', "
    ):
        featx.save(pipeline, tmp_path / "x.featx")


@pytest.mark.parametrize("labels", [LABELS, LABELS == 1, LABELS.astype(float), LABELS.astype(str)])
def test_labels_of_a_pipeline_have_their_type_also_when_it_was_saved(labels, pictures, tmp_path):
    pipeline = fitted_pipeline(LogisticRegression(max_iter=1000), pictures, labels)
    loaded = featx.load(featx.save(pipeline, tmp_path / "x.featx"))
    np.testing.assert_array_equal(loaded.classes_, pipeline.classes_)
    assert loaded.classes_.dtype.kind == pipeline.classes_.dtype.kind
    assert accuracy_score(labels, loaded.predict(pictures)) == pipeline.score(pictures, labels)


def test_classes_that_were_numbers_get_the_names_that_are_given(pictures):
    pipeline = fitted_pipeline(LogisticRegression(max_iter=1000), pictures, LABELS)
    predictor = featx.from_pipeline(pipeline, labels=["dim", "grey", "light"])
    assert predictor.predict(pictures[:1]).tolist() == ["dim"]
    with pytest.raises(BadOption, match="labels: expected 3 names that differ"):
        featx.from_pipeline(pipeline, labels=["a", "a", "b"])


def test_an_extractor_with_another_tap_or_pooling_keeps_it(pictures):
    extractor = featx.FeatureExtractor(normalize=True)
    pipeline = make_pipeline(extractor, LogisticRegression()).fit(pictures, LABELS)
    predictor = featx.from_pipeline(pipeline)
    assert predictor.card.normalize
    assert_answers_alike(predictor, pipeline, pictures)


def test_a_pipeline_of_texts_is_a_predictor_of_texts(tmp_path):
    texts = [f"{word} number {index}" for index in range(10) for word in ("apple", "storm")]
    labels = ["food", "weather"] * 10
    pipeline = make_pipeline(
        featx.FeatureExtractor("featx-text-nano"), StandardScaler(), LogisticRegression()
    ).fit(texts, labels)
    loaded = featx.load(featx.save(pipeline, tmp_path / "x.featx.zip", bundle=True))
    assert_answers_alike(loaded, pipeline, texts)
    report = featx.evaluate(loaded, featx.make_samples(texts, labels))
    assert report.accuracy == pipeline.score(texts, labels)


@pytest.mark.slow
def test_pickles_and_joblib_files_of_a_pipeline_answer_alike(pictures, tmp_path):
    pipeline = fitted_pipeline(
        make_pipeline(StandardScaler(), LogisticRegression()), pictures, LABELS
    )
    joblib.dump(pipeline, tmp_path / "x.joblib")
    for again in (joblib.load(tmp_path / "x.joblib"), pickle.loads(pickle.dumps(pipeline))):
        np.testing.assert_array_equal(again.predict(pictures), pipeline.predict(pictures))
        assert_answers_alike(featx.from_pipeline(again), pipeline, pictures)

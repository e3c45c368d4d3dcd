import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

import featx
from featx.embedding.engine import Engine
from featx.errors import BadArtifact, BadLabels, BadSample, FeatxWarning
from featx.heads import HEADS, TemperatureScaling, TrainedHead
from featx.metrics.classification import evaluate_predictions
from featx.tasks.classification_problem import ClassificationProblem, stratified_folds
from featx.training import fit_head
from featx.tuning import HeadConfig, tune

HEADS_BY_SPEED = [
    pytest.param(name, marks=pytest.mark.slow if name == "boosting" else ()) for name in HEADS
]


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))[:600]
    return data.data[order].astype(np.float32), data.target[order].astype(str)


@pytest.fixture(scope="module")
def noisy():
    """Three classes that overlap, so that nobody can be sure."""
    X, y = make_classification(
        1200, 20, n_informative=8, n_classes=3, flip_y=0.25, class_sep=1.0, random_state=0
    )
    return X.astype(np.float32), np.array(["a", "b", "c"])[y]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(2, 5), st.integers(0, 9))
@settings(deadline=None, max_examples=60)
def test_folds_are_even_and_leave_every_class_in_every_training_part(labels, k, seed):
    y = np.array(labels).astype(str)
    folds = stratified_folds(y, k, np.random.default_rng(seed))
    whole = [int((folds == fold).sum()) for fold in range(k)]
    assert max(whole) - min(whole) <= 1
    for fold in range(k):
        assert set(y[folds != fold]) == set(y)
    for label in set(y.tolist()):
        sizes = [int((y[folds == fold] == label).sum()) for fold in range(k)]
        assert max(sizes) - min(sizes) <= 1
        assert (sum(sizes) == 0) == (int((y == label).sum()) == 1)


@pytest.mark.parametrize("name", [*HEADS_BY_SPEED, pytest.param("auto", marks=pytest.mark.slow)])
def test_every_head_learns_digits_and_is_measured_on_others(name, digits):
    X, y = digits
    trained = fit_head(X[:150], y[:150], HeadConfig(name))
    accuracy = (trained.head.predict(X[150:]) == y[150:]).mean()
    assert accuracy > 0.8
    report = trained.validation.report
    assert report.n == 150
    assert abs(report.accuracy - accuracy) < 0.08


@pytest.mark.slow
@pytest.mark.parametrize("name", HEADS_BY_SPEED)
def test_probabilities_are_calibrated_for_every_head(name, noisy):
    X, y = noisy
    head = fit_head(X[:400], y[:400], HeadConfig(name)).head
    shares = head.predict_proba(X[400:])
    report = evaluate_predictions(y[400:], head.predict(X[400:]), shares, classes=head.classes)
    assert report.expected_calibration_error < 0.09
    plain = TrainedHead.from_estimator(name, head.estimator, TemperatureScaling(1.0)).predict_proba(
        X[400:]
    )
    assert report.log_loss < log_loss(y[400:], plain) + 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", ["logistic", "rbf-svm", "knn"])
def test_the_same_seed_gives_the_same_head_bit_for_bit_whatever_the_threads(name, noisy):
    X, y = np.tile(noisy[0], (1, 30)), noisy[1]  # large enough for threads to be used
    tables = [
        fit_head(
            X[:1100], y[:1100], HeadConfig(name, random_state=3, n_jobs=jobs)
        ).head.predict_proba(X)
        for jobs in (1, 2)
    ]
    np.testing.assert_array_equal(*tables)


@pytest.mark.slow
def test_random_labels_are_told_to_be_worth_nothing(rng):
    X = rng.normal(size=(60, 100)).astype(np.float32)
    y = np.array(["a", "b"])[rng.integers(0, 2, 60)]
    low, high = fit_head(X, y, HeadConfig("auto")).validation.report.intervals["accuracy"]
    assert low < 0.5 < high + 0.05


def test_many_samples_are_measured_on_a_hold_out_and_few_by_nested_folds(rng):
    X = rng.normal(size=(1200, 4)).astype(np.float32)
    y = np.where(X[:, 0] > 0, "right", "left")
    many, few = fit_head(X, y).validation, fit_head(X[:300], y[:300]).validation
    assert (many.method, many.report.n) == ("hold-out", 240)
    assert (few.method, few.n_folds, few.report.n) == ("nested cross-validation", 5, 300)


@pytest.mark.parametrize("name", ["logistic", "linear-svm", "rbf-svm", "ridge", "knn", "centroid"])
def test_two_samples_a_class_are_enough(name):
    X = np.array([[0, 0], [0, 1], [9, 9], [9, 8]], np.float32)
    trained = fit_head(X, ["near", "near", "far", "far"], HeadConfig(name))
    assert list(trained.head.predict(X)) == ["near", "near", "far", "far"]
    assert trained.validation.report.n == 4


def test_a_rare_class_among_large_ones_is_learned(rng):
    X = rng.normal(size=(102, 5)).astype(np.float32)
    y = np.array(["a"] * 50 + ["b"] * 50 + ["rare"] * 2)
    X[50:100, 0] += 8
    X[100:, 1] += 30
    head = fit_head(X, y).head
    assert list(head.predict(X[100:])) == ["rare", "rare"]


def test_balance_finds_more_of_the_smaller_class(rng):
    X = rng.normal(size=(200, 3)).astype(np.float32)
    y = np.array(["many"] * 180 + ["few"] * 20)
    X[180:, 0] += 1.2
    found = [
        (fit_head(X, y, HeadConfig(class_weight=weight)).head.predict(X[180:]) == "few").mean()
        for weight in (None, "balanced")
    ]
    assert found[1] > found[0] + 0.3


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([], "expected labelled samples, found none"),
        (["a"] * 6, "all 6 samples are 'a'; expected at least 2 classes"),
        (["a", "a", "b", None, float("nan"), "b"], r"2 of 6 samples have none \(row 3, row 4\)"),
        (["a", "a", "a", "b", "c", "a"], "a single sample of 'b', 'c'; expected at least 2"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused_in_words(labels, words):
    with pytest.raises(BadLabels, match=words):
        fit_head(np.zeros((len(labels), 3), np.float32), labels)


def test_rows_that_are_not_finite_are_refused_by_name():
    X = np.zeros((4, 2), np.float32)
    X[2, 1] = np.nan
    with pytest.raises(BadSample, match=r"1 of 4 hold NaN or infinity \(row 2\)"):
        fit_head(X, ["a", "a", "b", "b"])


def test_constant_rows_give_the_majority_and_no_warning():
    X = np.ones((30, 6), np.float32)
    head = fit_head(X, ["a"] * 20 + ["b"] * 10).head
    assert set(head.predict(X)) == {"a"}


def test_a_solver_at_its_limit_is_told_once_and_by_featx(digits):
    X, y = digits
    with pytest.warns(FeatxWarning, match=r"while training: lbfgs failed .*, \d+ times; ") as told:
        fit_head(X[:100], y[:100], HeadConfig(LogisticRegression(max_iter=1)))
    assert len(told) == 1
    assert not any(issubclass(each.category, ConvergenceWarning) for each in told)


def test_warning_filters_are_as_before(digits):
    X, y = digits
    before = list(warnings.filters)
    tune([HEADS["centroid"]], X[:50], ClassificationProblem(y[:50]), config=HeadConfig())
    assert list(warnings.filters) == before


def test_numbers_serve_as_labels():
    X = np.array([[0.0], [1.0], [8.0], [9.0]], np.float32)
    assert fit_head(X, [0, 0, 1, 1]).head.classes == ("0", "1")


def test_fit_tells_baselines_and_what_it_was_trained_on(photos):
    samples = featx.read_samples(photos)
    classifier = featx.fit(samples)
    report = classifier.report
    assert report.data.targets == {"dark": 3, "light": 3}
    trivial, raw = report.baselines
    assert trivial.scores["accuracy"] == 0.5
    assert raw.name == "the same head on raw pixels"
    assert 0 <= raw.scores["accuracy"] <= 1
    assert list(classifier.predict(samples)) == ["dark"] * 3 + ["light"] * 3


def test_fit_names_the_samples_without_a_label(photos):
    samples = [*sorted(photos.rglob("*.png"))]
    with pytest.raises(BadLabels, match=r"1 of 6 samples have none \(.*0\.png\)"):
        featx.fit(samples, [None, "a", "a", "b", "b", "b"])


def test_fit_leaves_out_what_cannot_be_read_when_asked(photos):
    (photos / "dark" / "broken.png").write_text("no picture")
    samples = featx.read_samples(photos)
    with pytest.raises(BadSample, match=r"broken\.png"):
        featx.fit(samples)
    with pytest.warns(FeatxWarning, match=r"1 of 7 samples could not be read"):
        classifier = featx.fit(samples, engine=Engine(on_error="skip"))
    assert classifier.report.data.n == 6
    assert [reject.id for reject in classifier.report.rejects] == ["dark/broken.png"]


def test_a_classifier_and_its_report_read_well_in_a_notebook(photos):
    classifier = featx.fit(featx.read_samples(photos), head="centroid")
    assert repr(classifier) == "Classifier(image: featx-image-nano; head centroid, 2 classes)"
    report = classifier.report
    assert repr(report) == report.format_table()
    html = report._repr_html_()
    for words in ("Head centroid on featx-image-nano", "<table>", "<td>dark</td>", "Times:"):
        assert words in html
    assert (
        "&lt;b&gt;"
        in featx.FitReport.from_dict({**report.to_dict(), "timings": {"<b>": 1.0}})._repr_html_()
    )


def test_a_report_goes_to_json_and_back_and_to_a_data_frame(photos):
    report = featx.fit(featx.read_samples(photos), head="ridge").report
    again = featx.FitReport.from_dict(json.loads(json.dumps(report.to_dict())))
    assert again.to_dict() == report.to_dict()
    assert again.tuning == report.tuning
    frame = report.to_frame()
    assert list(frame.index) == ["dark", "light"]
    assert list(frame["support"]) == [3, 3]
    with pytest.raises(BadArtifact, match="not the JSON of a training's report"):
        featx.FitReport.from_dict({"task": "classification"})

import json
import warnings

import numpy as np
import pytest
from sklearn import metrics

import featx
from featx.errors import BadLabels, BadOption, FeatxWarning
from featx.metrics.classification import evaluate_predictions
from featx.metrics.intervals import wilson


@pytest.fixture
def truth(rng):
    return rng.choice(["cat", "dog", "eel"], 200, p=[0.6, 0.3, 0.1])


@pytest.fixture
def guesses(truth, rng):
    return np.where(rng.random(200) < 0.75, truth, rng.choice(["cat", "dog", "eel"], 200))


def test_scores_are_those_of_scikit_learn(truth, guesses):
    report = evaluate_predictions(truth, guesses)
    assert report.n == 200
    assert report.accuracy == pytest.approx(metrics.accuracy_score(truth, guesses))
    assert report.balanced_accuracy == pytest.approx(
        metrics.balanced_accuracy_score(truth, guesses)
    )
    assert report.macro_f1 == pytest.approx(metrics.f1_score(truth, guesses, average="macro"))
    np.testing.assert_array_equal(report.confusion, metrics.confusion_matrix(truth, guesses))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(truth, guesses)
    for i, each in enumerate(report.classes):
        assert (each.precision, each.recall, each.f1) == pytest.approx(
            (precision[i], recall[i], f1[i])
        )
        assert each.support == support[i]


def test_classes_absent_from_the_labels_or_the_predictions_count_as_in_scikit_learn():
    truth, guesses = list("aabbc"), list("aabda")
    report = evaluate_predictions(truth, guesses, classes=list("abcdz"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert report.balanced_accuracy == metrics.balanced_accuracy_score(truth, guesses)
        assert report.macro_f1 == pytest.approx(metrics.f1_score(truth, guesses, average="macro"))
    assert [each.label for each in report.classes] == list("abcdz")


def test_log_loss_is_that_of_scikit_learn_and_calibration_is_by_hand():
    shares = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.95, 0.05]])
    truth, guesses = list("abba"), list("aaba")
    report = evaluate_predictions(truth, guesses, shares, classes=["a", "b"])
    assert report.log_loss == pytest.approx(metrics.log_loss(truth, shares))
    # bins .6: wrong, .6 sure; .8: right; .9 and .95 together: right
    assert report.expected_calibration_error == pytest.approx((0.6 + 0.2 + (2 - 1.85)) / 4)


def test_labels_that_were_never_shown_are_errors_and_are_said():
    shares = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    report = evaluate_predictions(["a", "b", "owl"], ["a", "b", "a"], shares, classes=["a", "b"])
    assert report.accuracy == pytest.approx(2 / 3)
    assert report.unseen_labels == ("owl",)
    assert "never shown: owl" in report.format_table()
    assert report.log_loss == pytest.approx(-np.log([0.9, 0.8]).mean())


def test_intervals_hold_the_truth_about_as_often_as_they_say(rng):
    inside = np.zeros(3)
    for seed in range(150):
        truth = rng.choice(["a", "b"], 100, p=[0.7, 0.3])
        guesses = np.where(rng.random(100) < 0.8, truth, np.where(truth == "a", "b", "a"))
        report = evaluate_predictions(truth, guesses, random_state=seed)
        expected = {"accuracy": 0.8, "balanced_accuracy": 0.8, "macro_f1": 0.77368}
        for place, (key, value) in enumerate(expected.items()):
            low, high = report.intervals[key]
            inside[place] += low <= value <= high
    assert min(inside / 150) > 0.89
    assert max(inside / 150) < 0.995


def test_wilsons_interval_is_the_published_one():
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)  # Newcombe, 1998
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_the_same_seed_gives_the_same_intervals(truth, guesses):
    first, second = (evaluate_predictions(truth, guesses, random_state=1) for _ in range(2))
    assert first == second


def test_no_mistake_is_not_certainty():
    report = evaluate_predictions(["a", "b"] * 5, ["a", "b"] * 5)
    assert report.intervals["macro_f1"][0] < 0.8


def test_one_class_in_the_test_data_is_measured():
    report = evaluate_predictions(["a", "a"], ["a", "b"], classes=["a", "b", "c"])
    assert (report.accuracy, report.balanced_accuracy) == (0.5, 0.5)
    assert report.majority_baseline == 1


@pytest.mark.parametrize(("truth", "guesses"), [([], []), (["a"], ["a", "b"])])
def test_nothing_to_measure_is_refused(truth, guesses):
    with pytest.raises(BadLabels, match="labels: expected one or more"):
        evaluate_predictions(truth, guesses)


def test_the_json_has_the_keys_that_programs_rely_on(truth, guesses):
    table = evaluate_predictions(truth, guesses).to_dict()
    assert {"n", "accuracy", "balanced_accuracy", "macro_f1", "intervals", "classes"} <= set(table)
    assert table["classes"][0]["label"] == "cat"
    assert len(table["intervals"]["macro_f1"]) == 2


def test_a_classifier_is_measured_on_samples_with_labels_only(photos):
    samples = featx.read_samples(photos)
    classifier = featx.fit(samples)
    with pytest.warns(FeatxWarning, match="6 of 6 samples are among those that the classifier was"):
        assert featx.evaluate(classifier, samples).accuracy == 1
    with pytest.raises(BadLabels, match="none of the 6 samples has one"):
        featx.evaluate(classifier, [sample.data for sample in samples])


def test_top_k_accuracy_is_what_scikit_learn_computes_and_has_wilsons_interval(rng):
    classes = list("abcdef")
    shares = rng.dirichlet(np.ones(6), 200)
    truth = rng.integers(0, 6, 200)
    guesses = np.array(classes)[shares.argmax(axis=1)]
    report = evaluate_predictions(np.array(classes)[truth], guesses, shares, classes=classes)
    for k in range(1, 6):
        value, (low, high) = report.top_k_accuracy(k)
        assert value == pytest.approx(
            metrics.top_k_accuracy_score(truth, shares, k=k, labels=range(6))
        )
        assert (low, high) == wilson(round(value * 200), 200)
    assert report.top_k_accuracy(1)[0] == report.accuracy
    assert report.top_k_accuracy(6)[0] == 1
    assert type(report).from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_top_k_accuracy_refuses_more_classes_than_there_are(truth, guesses):
    with pytest.raises(BadOption, match="top_k = 1: expected a report on probabilities"):
        evaluate_predictions(truth, guesses).top_k_accuracy(1)
    shares = np.full((len(truth), 3), 1 / 3)
    report = evaluate_predictions(truth, guesses, shares, classes=["a", "b", "c"])
    with pytest.raises(BadOption, match="top_k = 4: expected 1 to 3"):
        report.top_k_accuracy(4)

"""Labels come back as they went in, and scikit-learn takes a predictor for what it is."""

import json

import numpy as np
import pytest
from sklearn.base import is_classifier, is_regressor
from sklearn.metrics import accuracy_score, log_loss
from sklearn.utils.validation import check_is_fitted

import featx
from featx.errors import BadArtifact, BadOption
from tests.support.commands import run
from tests.support.files import reseal


@pytest.fixture(scope="module")
def pictures():
    return [np.full((9, 9, 3), value, np.uint8) for value in range(0, 240, 6)]


HALVES = np.arange(40) >= 20
LABELS = {
    "whole numbers": (HALVES * 7 - 3, "i", [-3, 4]),
    "truth values": (HALVES, "b", [False, True]),
    "numbers": (np.where(HALVES, 0.5, 2.0), "f", [0.5, 2.0]),
    "a list": ([int(half) for half in HALVES], "i", [0, 1]),
    "texts": (np.where(HALVES, "light", "dark"), "U", ["dark", "light"]),
    "both": ([1 if half else "1.5" for half in HALVES], "U", ["1", "1.5"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LABELS)
def test_labels_come_back_as_they_went_in_also_when_it_was_saved(name, pictures, tmp_path):
    labels, kind, classes = LABELS[name]
    trained = featx.fit(pictures, labels, head="centroid", baseline=False)
    path = featx.save(trained, tmp_path / "x.featx")
    for classifier in (trained, featx.load(path)):
        assert classifier.classes_.dtype.kind == kind
        assert classifier.classes_.tolist() == classes
        predicted = classifier.predict(pictures)
        assert predicted.dtype.kind == kind
        expected = np.asarray(labels) if name != "both" else [str(one) for one in labels]
        assert np.mean(expected == predicted) > 0.95
        # What other programs read are texts, as ever.
        [answer] = classifier.predict_samples(featx.make_samples(pictures[:1]))
        assert isinstance(answer.to_dict()["label"], str)


@pytest.mark.slow
def test_more_than_ten_numbers_are_sorted_as_numbers(pictures, tmp_path):
    labels = np.arange(40) // 3
    labels[-1] = 12
    trained = featx.fit(pictures, labels, head="centroid", baseline=False)
    assert trained.classes_.tolist() == list(range(13))
    assert trained.classes == tuple(map(str, range(13)))
    shares = trained.predict_proba(pictures)
    assert accuracy_score(labels, trained.predict(pictures)) > 0.5
    # Labels of the columns are those that scikit-learn takes them for.
    assert log_loss(labels, shares) < 1
    np.testing.assert_array_equal(
        trained.classes_[shares.argmax(axis=1)], trained.predict(pictures)
    )
    loaded = featx.load(featx.save(trained, tmp_path / "x.featx"))
    np.testing.assert_array_equal(loaded.predict_proba(pictures), shares)


@pytest.mark.filterwarnings("default::featx.errors.FeatxWarning")
def test_commands_print_texts_and_measure_against_texts(tmp_path):
    from PIL import Image

    for label, base in ((1, 20), (2, 220)):
        (tmp_path / "set" / str(label)).mkdir(parents=True)
        for k in range(3):
            image = Image.new("RGB", (9, 9), (base + k, base, base))
            image.save(tmp_path / "set" / str(label) / f"{k}.png")
    paths = sorted((tmp_path / "set").rglob("*.png"))
    labels = [int(path.parent.name) for path in paths]
    path = featx.save(featx.fit(paths, labels, baseline=False), tmp_path / "x.featx")
    result = run("evaluate", path, tmp_path / "set", "--format", "json")
    assert json.loads(result.stdout)["accuracy"] == 1.0
    line = json.loads(run("predict", path, paths[0]).stdout)
    assert line["label"] == "1"


@pytest.mark.parametrize(
    "targets",
    [
        {"classes": ["0", "1"], "type": "complex"},
        {"classes": ["a", "b"], "type": "int"},
        {"classes": ["0", "1"], "type": "bool"},
        {"classes": ["1", "01"], "type": "int"},
        {"classes": ["1", "9" * 30], "type": "int"},
        {"classes": ["1", "9" * 9000], "type": "int"},
        {"classes": ["nan", "inf"], "type": "float"},
        {"classes": ["0", "1"], "type": ["int"]},
    ],
)
def test_a_type_that_the_labels_cannot_have_is_refused_when_it_is_read(targets, pictures, tmp_path):
    classifier = featx.fit(pictures, HALVES.astype(int), head="knn", baseline=False)
    path = featx.save(classifier, tmp_path / "x.featx")

    def change(manifest):
        manifest["targets"] = targets

    reseal(path, change)
    with pytest.raises(BadArtifact, match=r"labels|classes"):
        featx.load(path)


def test_a_predictor_says_what_it_is(pictures):
    classifier = featx.fit(pictures, HALVES, head="centroid", baseline=False)
    assert is_classifier(classifier)
    assert not is_regressor(classifier)
    check_is_fitted(classifier)
    with pytest.raises(BadOption, match=r"is trained already; featx\.fit trains another"):
        classifier.fit(pictures, HALVES)
    regressor = featx.fit(pictures, np.arange(40.0), task="regression", baseline=False)
    assert is_regressor(regressor)
    assert not is_classifier(regressor)


@pytest.mark.slow
def test_scikit_learn_draws_what_a_predictor_does(pictures):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from sklearn.calibration import CalibrationDisplay
    from sklearn.metrics import (
        ConfusionMatrixDisplay,
        PredictionErrorDisplay,
        RocCurveDisplay,
        confusion_matrix,
    )

    classifier = featx.fit(pictures, HALVES, head="centroid", baseline=False)
    drawn = ConfusionMatrixDisplay.from_estimator(classifier, pictures, HALVES)
    expected = confusion_matrix(HALVES, classifier.predict(pictures))
    np.testing.assert_array_equal(drawn.confusion_matrix, expected)
    assert np.trace(expected) >= 38
    calibration = CalibrationDisplay.from_estimator(classifier, pictures, HALVES)
    np.testing.assert_array_equal(calibration.y_prob, classifier.predict_proba(pictures)[:, 1])
    RocCurveDisplay.from_estimator(classifier, pictures, HALVES)
    regressor = featx.fit(pictures, np.arange(40.0), task="regression", baseline=False)
    PredictionErrorDisplay.from_estimator(regressor, pictures, np.arange(40.0))

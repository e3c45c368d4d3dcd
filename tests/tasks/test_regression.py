import json

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import featx
from featx.errors import BadLabels, BadOption, UnknownHead
from featx.sources.numbers import read_numbers
from featx.training import fit_head
from featx.tuning import HeadConfig
from featx.tuning.design import SampleDesign
from tests.support.commands import run

SLOW = pytest.param("boosting", marks=pytest.mark.slow)
HEADS = ("ridge", "linear-svm", "rbf-svm", "knn", SLOW)
SHADES = list(range(0, 240, 6))


def texts_of(numbers):
    return [repr(float(number)) for number in numbers]


def objects_of(table, names):
    return [
        json.dumps({name: repr(float(cell)) for name, cell in zip(names, row, strict=True)})
        for row in table
    ]


@pytest.fixture
def line(rng):
    """Rows of which a line and a little noise make a number of mean 500."""
    X = rng.normal(size=(160, 8)).astype(np.float32)
    y = 500 + 30 * (X @ rng.normal(size=8)) + rng.normal(0, 3, 160)
    return X, y


@pytest.mark.parametrize("head", HEADS)
def test_every_head_predicts_the_numbers_in_their_own_unit(head, line):
    X, y = line
    trained = fit_head(X[:120], texts_of(y[:120]), HeadConfig(head), task="regression")
    values = trained.head.predict_outputs(X[120:])[:, 0]
    explained = 1 - ((values - y[120:]) ** 2).mean() / y[120:].var()
    assert explained > 0.5
    assert trained.validation.report.r2 > 0.4
    assert abs(trained.validation.report.baseline_rmse - y[:120].std()) < 1


def test_ridge_is_scikit_learns_with_the_penalty_that_leaving_one_out_chooses(line):
    X, y = line
    trained = fit_head(X, texts_of(y), task="regression")
    alphas = [params["ridge__alpha"] for params in trained.search.head.grid]
    theirs = make_pipeline(StandardScaler(), RidgeCV(alphas)).fit(X, (y - y.mean()) / y.std())
    assert trained.search.params["ridge__alpha"] == theirs[-1].alpha_
    expected = theirs.predict(X) * y.std() + y.mean()
    np.testing.assert_allclose(trained.head.predict_outputs(X)[:, 0], expected, rtol=1e-4)


def test_with_groups_ridge_is_chosen_with_whole_groups_left_out(line, rng):
    X, y = line
    groups = np.repeat(np.arange(20), 8).astype(str)
    design = SampleDesign(groups=groups)
    trained = fit_head(X, texts_of(y), task="regression", design=design)
    left_out = trained.search.left_out.scores[:, 0]
    alpha = trained.search.params["ridge__alpha"]
    scaled, z = StandardScaler().fit_transform(X), (y - y.mean()) / y.std()
    expected = np.empty_like(z)
    for train, test in GroupKFold(20).split(X, z, groups):
        expected[test] = Ridge(alpha).fit(scaled[train], z[train]).predict(scaled[test])
    np.testing.assert_allclose(left_out, expected, atol=1e-4)


@pytest.mark.parametrize("head", ["ridge", "linear-svm", "knn", SLOW])
def test_several_numbers_are_predicted_by_one_predictor(head, line):
    X, y = line
    table = np.stack([y, -2 * y + X[:, 0]], axis=1)
    config = HeadConfig(head)
    trained = fit_head(X, objects_of(table, ["price", "area"]), config, task="regression")
    assert trained.head.classes == ("price", "area")
    outputs = trained.head.predict_outputs(X)
    assert outputs.shape == (160, 6)
    for column in range(2):
        assert np.corrcoef(outputs[:, column], table[:, column])[0, 1] > 0.9


@pytest.mark.slow
def test_intervals_hold_the_number_as_often_as_they_say(rng):
    inside = []
    for _ in range(40):
        X = rng.normal(size=(300, 5)).astype(np.float32)
        y = X @ np.arange(1.0, 6) + rng.standard_t(3, 300)
        head = fit_head(X[:200], texts_of(y[:200]), task="regression").head
        _, low, high = head.predict_outputs(X[200:]).T
        inside.append(((low <= y[200:]) & (y[200:] <= high)).mean())
    assert 0.885 <= np.mean(inside) <= 0.915


def test_logarithms_are_predicted_where_numbers_differ_by_factors(rng):
    X = rng.normal(size=(200, 4)).astype(np.float32)
    y = np.exp(3 * X[:, 0] + rng.normal(0, 0.1, 200))
    plain = fit_head(X, texts_of(y), task="regression").validation.report
    trained = fit_head(X, texts_of(y), HeadConfig(log_target=True), task="regression")
    assert trained.validation.report.median_absolute_error < plain.median_absolute_error / 5
    value, low, high = trained.head.predict_outputs(X).T
    assert (low > 0).all()
    assert (low < value).all()
    assert (value < high).all()
    with pytest.raises(BadLabels, match="expected numbers above 0, found -1"):
        fit_head(X, texts_of([-1, *y[1:]]), HeadConfig(log_target=True), task="regression")


def test_weights_count_a_sample_so_many_times(line):
    X, y = line
    weights = np.ones(160)
    weights[:80] = 3
    design = SampleDesign(weights=weights / weights.mean())
    weighted = fit_head(X, texts_of(y), HeadConfig("ridge"), task="regression", design=design).head
    alpha = weighted.estimator[-1].alpha
    center = np.average(y, weights=weights)
    scale = np.sqrt(np.average((y - center) ** 2, weights=weights))
    scaler = StandardScaler().fit(X, sample_weight=weights)
    ridge = Ridge(alpha).fit(scaler.transform(X), (y - center) / scale, weights / weights.mean())
    expected = ridge.predict(scaler.transform(X)) * scale + center
    np.testing.assert_allclose(weighted.predict_outputs(X)[:, 0], expected, rtol=1e-4)


class Median(BaseEstimator):
    _estimator_type = "regressor"

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.estimator_type = "regressor"
        return tags

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        self.median_ = np.median(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.median_)


def test_an_estimator_of_ones_own_predicts_numbers(line):
    X, y = line
    trained = fit_head(X, texts_of(y), HeadConfig(Median()), task="regression")
    np.testing.assert_allclose(trained.head.predict_outputs(X)[:, 0], np.median(y), rtol=1e-5)
    assert clone(trained.head.estimator)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["a"] * 20, "expected a number, found 'a'"),
        (["1,5"] * 20, "a decimal comma is not read"),
        (["nan"] * 20, "expected a number"),
        (["inf"] * 20, "expected a number"),
        (["1"] * 20, "value is 1 in all 20 samples"),
        (list("123456789"), "9 samples; expected at least 10"),
        (['["a", "b"]'] * 20, "a list of labels"),
        ([None] * 20, "none of the 20 samples has one"),
        (['{"a": "1"}', '{"a": "1", "b": "2"}'] * 10, "has the numbers a, b, expected a"),
    ],
)
def test_targets_that_are_no_numbers_are_refused_in_words(labels, words):
    with pytest.raises(BadLabels, match=words):
        fit_head(np.zeros((len(labels), 3), np.float32), labels, task="regression")


def test_what_makes_no_sense_of_numbers_is_refused():
    images, numbers = [np.zeros((9, 9, 3), np.uint8)] * 12, list(range(12))
    for options, words in (
        ({"class_weight": "balanced"}, "a regression has no classes"),
        ({"threshold": 0.5}, "has no thresholds"),
        ({"min_samples": 2}, "a regression has no classes"),
    ):
        with pytest.raises(BadOption, match=words):
            featx.fit(images, numbers, task="regression", **options)
    with pytest.raises(UnknownHead, match="'lda'"):
        fit_head(np.eye(12, dtype=np.float32), numbers, HeadConfig("lda"), task="regression")


def test_a_regression_is_saved_loaded_and_measured(tmp_path):
    images = [np.full((9, 9, 3), shade, np.uint8) for shade in SHADES]
    regressor = featx.fit(images, SHADES, task="regression", baseline=False)
    again = featx.load(featx.save(regressor, tmp_path / "shade.featx"))
    np.testing.assert_array_equal(again.predict(images), regressor.predict(images))
    low, high = again.predict_interval(images).T
    assert (low < again.predict(images)).all()
    assert (again.predict(images) < high).all()
    unseen = [np.full((9, 9, 3), shade + 3, np.uint8) for shade in SHADES[::2]]
    report = featx.evaluate(again, unseen, [shade + 3 for shade in SHADES[::2]])
    assert report.r2 > 0.9
    assert report.outputs[0].coverage > 0.7
    assert again.report.validation.report.to_dict() == regressor.report.validation.report.to_dict()
    assert again.report.samples.targets.tolist() == list(map(str, SHADES))
    [prediction] = again.predict_samples(featx.make_samples(images[:1]))
    assert set(prediction.to_dict()) == {"value", "low", "high"}


def test_several_columns_of_a_frame_are_several_numbers(tmp_path):
    pandas = pytest.importorskip("pandas")
    images = [np.full((9, 9, 3), shade, np.uint8) for shade in SHADES]
    frame = pandas.DataFrame({"up": SHADES, "down": [-2.5 * shade for shade in SHADES]})
    regressor = featx.fit(images, frame, task="regression", baseline=False)
    again = featx.load(featx.save(regressor, tmp_path / "two.featx"))
    assert again.names == ("up", "down")
    assert again.predict(images).shape == (40, 2)
    assert again.predict_interval(images).shape == (40, 2, 2)
    [prediction] = again.predict_samples(featx.make_samples(images[-1:]))
    assert prediction.to_cells().keys() == {
        *("id", "value_up", "low_up", "high_up", "value_down", "low_down", "high_down")
    }


def test_a_number_alone_may_have_another_name_than_in_training():
    assert read_numbers(['{"cost": "3"}'], None, ["value"])[1].tolist() == [[3.0]]


def test_the_largest_errors_are_listed_by_the_command(tmp_path):
    rows = [f"sentence {number},{number % 7}.5" for number in range(60)]
    table = tmp_path / "numbers.csv"
    table.write_text("\n".join(["text,score", *rows]) + "\n")
    said = ("--task", "regression", "--target-column", "score")
    predictor = tmp_path / "n.featx"
    assert run("fit", table, *said, "--no-baseline", "--bundle", "-o", predictor).exit_code == 0
    others = tmp_path / "others.csv"
    others.write_text("text,score\nsome words,3.5\nother words,60.5\n")
    result = run("evaluate", predictor, others, *said[2:], "--errors", tmp_path / "e.csv")
    assert result.exit_code == 0, result.output
    assert "the 2 largest errors of 2 samples" in result.stderr
    first = (tmp_path / "e.csv").read_text().splitlines()[1].split(",")
    assert first[:3] == ["row 2", "value", "60.5"]

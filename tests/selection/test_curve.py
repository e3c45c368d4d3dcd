"""Learning curves: scores by the number of labels for every task, with groups, and what they foretell."""

import json
import math
from dataclasses import replace
from inspect import signature

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import featx
from featx.embedding.cache import RowCache
from featx.errors import BadLabels, BadOption, FeatxNotice, FeatxWarning
from featx.selection.curve import measure_draws
from featx.selection.draws import Draw
from featx.tasks import get_task
from featx.tuning import HeadConfig
from tests.support.targets import make_records

# Trained in a moment, and the same each time.
QUICK = {"backbone": "featx-text-nano", "head": "ridge", "draws": 3}


@pytest.fixture(scope="module")
def records():
    """Texts of which every sixth is of another kind than it says."""
    found = make_records(90)
    for number in range(0, 90, 6):
        found[number] = found[number] | {"kind": "red" if number % 4 else "blue"}
    return found


@pytest.fixture(scope="module")
def texts(records):
    return [one["text"] for one in records]


@pytest.fixture(scope="module")
def curve(records, texts):
    return featx.learning_curve(texts, [one["kind"] for one in records], **QUICK)


def test_a_score_is_that_of_a_head_trained_on_the_set_and_measured_on_what_is_left_out(rng):
    rows = rng.normal(size=(120, 5)).astype(np.float32)
    labels = np.where(rows[:, 0] + rng.normal(0, 0.5, 120) > 0, "up", "down")
    kind, head = get_task("classification"), LogisticRegression()
    problem = kind.tuning_problem(kind.encode_targets(labels), HeadConfig(head))
    draws = [Draw((np.arange(20), np.arange(60)), np.arange(60, 120))]
    scores = measure_draws(rows, problem, draws, HeadConfig(head))
    for n, score in zip((20, 60), scores[0], strict=True):
        alone = LogisticRegression().fit(rows[:n], labels[:n])
        assert score == pytest.approx(alone.score(rows[60:], labels[60:]))


def test_classes_that_a_small_set_lacks_are_predicted_wrongly_and_not_mixed_up(rng):
    labels = np.repeat(["a", "b", "c"], 20)
    rows = np.eye(3, dtype=np.float32)[np.repeat([0, 1, 2], 20)]
    rows += rng.normal(0, 0.01, rows.shape).astype(np.float32)
    kind = get_task("classification")
    problem = kind.tuning_problem(kind.encode_targets(labels), HeadConfig("ridge"))
    without_a = np.r_[20:30, 40:50]
    draws = [Draw((without_a, np.r_[0:10, without_a]), np.r_[10:20, 30:40, 50:60])]
    scores = measure_draws(rows, problem, draws, HeadConfig("ridge"))
    assert scores[0].tolist() == [pytest.approx(2 / 3), 1.0]


@pytest.mark.slow
def test_curves_of_backbone_and_baseline_are_measured_at_the_same_sizes(curve):
    backbone, words = curve.curves
    assert backbone.labels == words.labels == (13, 18, 25, 36, 51, 72)
    assert (backbone.name, words.name) == ("featx-text-nano", "hashed words")
    assert all(len(point.scores) == 3 for one in curve.curves for point in one.points)
    assert (curve.n, curve.score, curve.head) == (90, "accuracy", "ridge")


def test_twice_the_labels_are_foretold_in_points_with_a_range(curve):
    assert curve.forecast.startswith("With all 90 labels accuracy is about ")
    assert "twice the labels would bring about" in curve.forecast
    assert curve.gain.low <= curve.gain.value <= curve.gain.high
    assert curve.curves[0].fitted[-1][0] == 180


def test_what_the_baseline_would_need_is_told_in_times_as_many_labels(curve):
    for labels, sentence in (
        ((180.0, 135.0, 450.0), "hashed words would need about 2 times as many labels (1.5 to 5)."),
        (
            (9e4, 9e3, math.inf),
            "would need more than 100 times as many labels, if any number does.",
        ),
        ((30.0, 20.0, 60.0), "30 labels already (20 to 60): this backbone does not help here."),
        ((60.0, 20.0, 300.0), "60 labels already (20 to 300): this backbone hardly helps here."),
    ):
        found = replace(curve, baseline_labels=featx.ScoreForecast(*labels))
        assert found.comparison.endswith(sentence)
    assert curve.baseline_labels.low >= 13


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "column", "score"),
    [("multilabel", "topics", "micro_f1"), ("regression", "price", "r2")],
)
def test_several_labels_and_numbers_have_curves_too(task, column, score, records, texts):
    targets = [one[column] for one in records]
    found = featx.learning_curve(texts, targets, task=task, baseline=False, **QUICK)
    assert found.score == score
    assert found.curves[0].means[-1] > found.curves[0].means[0]
    assert found.curves[0].means[-1] > 0.5
    assert found.baseline_labels is None
    assert found.comparison == ""


def test_groups_are_drawn_whole_and_the_forecast_says_so(records, texts):
    labels, people = [one["kind"] for one in records], [f"p{k // 5}" for k in range(90)]
    found = featx.learning_curve(texts, labels, groups=people, baseline=False, **QUICK)
    assert found.groups
    assert all(n % 5 == 0 for n in found.curves[0].labels)
    assert "twice the labels, of twice the groups, would bring" in found.forecast


def test_small_sets_without_two_groups_of_a_class_are_left_out_in_a_note(records, texts):
    labels = [("red", "green", "blue")[k % 3] for k in range(90)]
    people = [one["person"] for one in records]
    found = featx.learning_curve(texts, labels, groups=people, baseline=False, **QUICK)
    assert any(
        "labels are too small for this head and are left out" in note for note in found.notes
    )
    assert "too small for this head" in found.format_table()


def test_sizes_and_draws_are_those_that_were_asked_for_or_ten_draws(records, texts):
    assert signature(featx.learning_curve).parameters["draws"].default == 10
    labels = [one["kind"] for one in records]
    asked = QUICK | {"draws": 2, "baseline": False}
    found = featx.learning_curve(texts, labels, sizes=[60, 20], **asked)
    assert found.curves[0].labels == (20, 60)
    assert found.gain is None
    assert found.forecast == "There are too few sizes to tell what more labels would bring."
    assert "too few sizes" in found.format_table()


def test_more_samples_than_wanted_are_drawn_from_in_words(records, texts):
    labels = [one["kind"] for one in records]
    with pytest.warns(FeatxNotice, match="of 90 samples are drawn to be measured"):
        found = featx.learning_curve(texts, labels, max_labels=48, baseline=False, **QUICK)
    assert found.n == 90
    assert found.curves[0].labels[-1] <= 50
    assert found.curves[0].fitted[-1][0] == 180
    assert any("are drawn" in note for note in found.notes)


def test_sets_too_small_for_a_head_are_left_out_by_size(records, texts):
    labels = [one["kind"] for one in records]
    asked = QUICK | {"head": "knn", "baseline": False}
    with pytest.warns(FeatxWarning, match="sets of 3 labels are too small for this head"):
        found = featx.learning_curve(texts, labels, sizes=[3, 36, 72], **asked)
    assert found.curves[0].labels == (36, 72)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"draws": 1}, "draws = 1: expected a whole number, 2 to 1000"),
        ({"draws": 10**9}, "draws = 1000000000"),
        ({"class_weight": "some"}, "class_weight = 'some'"),
        ({"random_state": -1}, "random_state = -1"),
        ({"sizes": 40}, "sizes = 40: expected a list of whole numbers"),
        ({"sizes": "40"}, "sizes = '40'"),
        ({"draws": 2.5}, "draws = 2.5"),
        ({"sizes": []}, r"sizes = \[\]: expected a list of whole numbers of labels"),
        ({"sizes": [0, 20]}, "expected a list of whole numbers of labels, 2 or more"),
        ({"sizes": [20, 500]}, "expected at most 72, which a fold that is measured leaves of 90"),
        ({"max_labels": 0}, "max_labels = 0"),
        ({"log_target": True}, "only a regression has numbers"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(asked, message, records, texts):
    with pytest.raises(BadOption, match=message) as refused:
        featx.learning_curve(texts, [one["kind"] for one in records], **(QUICK | asked))
    assert "\n" not in str(refused.value)


def test_too_few_samples_are_refused_with_how_many_are_needed():
    with pytest.raises(BadLabels, match="are too few for a curve; expected at least"):
        featx.learning_curve(["yes", "yes!", "no", "no!"], list("aabb"), backbone="featx-text-nano")


def test_the_same_seed_gives_the_same_curve(records, texts, curve):
    again = featx.learning_curve(texts, [one["kind"] for one in records], **QUICK)
    assert again == curve


def test_rows_come_from_the_cache_where_work_was_interrupted(records, texts, tmp_path):
    labels = [one["kind"] for one in records]
    with_cache = RowCache(tmp_path / "rows.sqlite")
    engine = featx.Engine(cache=with_cache)
    engine.embed(featx.make_samples(texts[:40]), featx.Backbone("featx-text-nano"))
    assert with_cache.info().rows == 40
    featx.learning_curve(texts, labels, engine=engine, baseline=False, **QUICK)
    assert with_cache.info().rows == 90
    with_cache.close()


def test_a_curve_comes_back_from_json_and_what_is_none_is_refused(curve):
    table = json.loads(json.dumps(curve.to_dict()))
    assert featx.LearningCurve.from_dict(table) == curve
    for damaged in (
        {},
        table | {"curves": 3},
        table | {"n": "many"},
        table | {"curves": []},
        table | {"curves": [table["curves"][0] | {"points": []}]},
    ):
        with pytest.raises(BadLabels, match="not the JSON of a learning curve report"):
            featx.LearningCurve.from_dict(damaged)


def test_labels_that_no_number_reaches_are_infinite_here_and_none_in_json(curve):
    never = featx.ScoreForecast(math.inf, 5000.0, math.inf)
    found = replace(curve, baseline_labels=never)
    table = json.loads(json.dumps(found.to_dict()))
    assert table["baseline_labels"] == {"value": None, "low": 5000.0, "high": None}
    assert featx.LearningCurve.from_dict(table) == found
    assert "more than 55.6 times as many labels, if any number does" in found.comparison


def test_a_curve_is_a_frame_of_all_draws_and_a_page_for_notebooks(curve):
    frame = curve.to_frame()
    assert list(frame.columns) == ["name", "labels", "draw", "score"]
    assert len(frame) == sum(len(p.scores) for one in curve.curves for p in one.points)
    means = frame.groupby(["name", "labels"])["score"].mean()
    assert means["featx-text-nano"].tolist() == pytest.approx(curve.curves[0].means)
    page = curve._repr_html_()
    assert "<table>" in page
    assert curve.forecast.split(";")[0] in page

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import featx
from featx.errors import BadLabels, BadOption
from featx.sources.label_sets import indicator_matrix, read_label_sets
from featx.training import fit_head
from featx.tuning import HeadConfig
from featx.tuning.design import SampleDesign

SLOW = pytest.param("boosting", marks=pytest.mark.slow)
HEADS = ("logistic", "ridge", "linear-svm", "knn", SLOW)
NOUNS = ("apple", "pear", "car", "truck", "fire", "house", "river", "tree")
WORDS = [f"{color} {noun}" for noun in NOUNS for color in ("red", "green", "blue")]


def sets_of(texts):
    """The colour of each text, and whether it is a fruit."""
    fruits = ("apple", "pear")
    return [[t.split()[0]] + (["fruit"] if t.endswith(fruits) else []) for t in texts]


def lists_of(members, names):
    return [json.dumps(np.compress(row, names).tolist()) for row in members]


@pytest.fixture
def planes(rng):
    """Rows, and four labels that each hold on one side of a plane."""
    X = rng.normal(size=(240, 6)).astype(np.float32)
    return X, X @ rng.normal(size=(6, 4)) + rng.normal(0, 0.5, (240, 4)) > [0, 0.5, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize("head", HEADS)
def test_every_head_gives_most_labels_rightly(head, planes):
    X, members = planes
    config = HeadConfig(head)
    trained = fit_head(X[:180], lists_of(members[:180], list("abcd")), config, task="multilabel")
    shares, given = np.split(trained.head.predict_outputs(X[180:]), 2, axis=1)
    assert f1_score(members[180:], given, average="micro") > 0.7
    assert trained.validation.report.micro_f1 > 0.7
    assert ((shares >= 0) & (shares <= 1)).all()


def test_the_logistic_head_is_one_regression_a_label(planes):
    X, members = planes
    trained = fit_head(X, lists_of(members, list("abcd")), task="multilabel")
    strength = trained.search.params["onevsrestclassifier__estimator__C"]
    theirs = make_pipeline(
        StandardScaler(), OneVsRestClassifier(LogisticRegression(C=strength, tol=1e-8))
    ).fit(X, members.astype(int))
    np.testing.assert_allclose(
        trained.head.scorer.scores(X), theirs.decision_function(X), atol=0.05
    )
    np.testing.assert_allclose(
        trained.head.estimator.decision_function(X), theirs.decision_function(X), atol=0.05
    )


def test_thresholds_are_chosen_for_rare_labels_and_may_be_said(rng):
    X = rng.normal(size=(1500, 5)).astype(np.float32)
    rare = (X[:, 0] + rng.normal(0, 1, 1500) > 2.2)[:, None]
    members = np.concatenate([rare, X[:, 1:2] > 0], axis=1)
    labels = lists_of(members, ["rare", "usual"])
    chosen = fit_head(X, labels, task="multilabel")
    fixed = fit_head(X, labels, HeadConfig(threshold=0.5), task="multilabel")
    assert chosen.head.calibrator.thresholds[0] < 0.45
    assert fixed.head.calibrator.thresholds == (0.5, 0.5)
    recall = [one.validation.report.labels[0].recall for one in (chosen, fixed)]
    assert recall[0] > recall[1] + 0.1


def test_no_group_is_on_both_sides_of_a_fold(planes):
    X, members = planes
    groups = np.repeat(np.arange(40), 6).astype(str)
    trained = fit_head(
        X,
        lists_of(members, list("abcd")),
        task="multilabel",
        design=SampleDesign(groups=groups),
    )
    folds = trained.search.left_out.folds
    assert all(len(set(folds[groups == group])) == 1 for group in set(groups))


@pytest.mark.slow
@pytest.mark.parametrize("given", ["lists", "text", "columns", "frame"])
def test_labels_are_read_however_they_are_written(given):
    sets = sets_of(WORDS)
    labels = sets
    if given == "text":
        labels = [";".join(names) for names in sets]
    if given in ("columns", "frame"):
        names = sorted({name for some in sets for name in some})
        labels = indicator_matrix(list(map(frozenset, sets)), names).astype(int)
        names = names if given == "frame" else list(map(str, range(len(names))))
    if given == "frame":
        pandas = pytest.importorskip("pandas")
        labels = pandas.DataFrame(labels, columns=names)
    predictor = featx.fit(WORDS, labels, task="multilabel", baseline=False)
    assert len(predictor.labels) == 4
    assert predictor.predict(WORDS[:6]).sum(axis=1).tolist() == [2] * 6


@pytest.mark.slow
def test_labels_of_one_sample_are_left_out_by_name():
    sets = [[text.split()[0]] for text in WORDS]
    sets[0].append("once")
    with pytest.warns(featx.FeatxWarning, match=r"1 of 4 labels are left out, .*'once'"):
        predictor = featx.fit(WORDS, sets, task="multilabel", baseline=False)
    assert predictor.labels == ("blue", "green", "red")
    with pytest.warns(featx.FeatxWarning, match="1 of 4 labels are left out, which fewer than 7"):
        predictor = featx.fit(
            WORDS, sets_of(WORDS), task="multilabel", baseline=False, min_samples=7
        )
    assert predictor.labels == ("blue", "green", "red")


@pytest.mark.slow
def test_several_labels_are_saved_loaded_and_measured(tmp_path):
    sets = sets_of(WORDS)
    predictor = featx.fit(WORDS, sets, task="multilabel", baseline=False)
    again = featx.load(featx.save(predictor, tmp_path / "words.featx"))
    np.testing.assert_array_equal(again.predict_proba(WORDS), predictor.predict_proba(WORDS))
    assert again.predict_labels(["green apple"]) == [("fruit", "green")]
    with pytest.warns(featx.FeatxWarning, match="1 labels of 1 kinds .*'new'"):
        report = featx.evaluate(again, ["green lake", "red boat"], [["green", "new"], ["red"]])
    assert report.labels[0].label == "blue"
    [prediction] = again.predict_samples(featx.make_samples(["green apple"]), top_k=2)
    assert sorted(prediction.to_dict()["labels"]) == ["fruit", "green"]
    assert len(prediction.top) == 2


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["[]"] * 6, "at least 2 labels among 6 samples, found none"),
        (["a", "a", "a", "[]", "[]", "[]"], "found only 'a'"),
        (['{"a": "1", "b": "2"}'] * 6, "the column 'b' holds '2'; expected 1 or 0"),
        (["a;b"] * 6, "expected at least 2 samples with a label and 2 without it"),
        ([None, *["a"] * 5], "1 of 6 samples have none"),
    ],
)
def test_labels_of_which_nothing_can_be_learned_are_refused_in_words(labels, words):
    with pytest.raises(BadLabels, match=words):
        fit_head(np.zeros((6, 3), np.float32), labels, task="multilabel")


def test_what_makes_no_sense_of_labels_is_refused():
    for options, words in (
        ({"log_target": True}, "only a regression has numbers"),
        ({"threshold": 1.5}, "expected a number between 0 and 1"),
    ):
        with pytest.raises(BadOption, match=words):
            featx.fit(WORDS, ["a"] * len(WORDS), task="multilabel", **options)


def test_a_predictor_that_knows_no_label_is_not_measured():
    sets = [[text.split()[0]] for text in WORDS]
    predictor = featx.fit(WORDS, sets, task="multilabel", baseline=False)
    with pytest.raises(BadLabels, match="knows none of them: found 'other'"):
        featx.evaluate(predictor, ["red lake", "red sky"], [["other"], ["other"]])


def test_spaces_around_labels_and_empty_parts_do_not_matter():
    assert read_label_sets([" a ; b ;", "b"]) == [frozenset("ab"), frozenset("b")]

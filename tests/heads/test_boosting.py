"""Boosted trees: saved and loaded like every head, and examined before anything is computed with them."""

from copy import deepcopy

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

import featx
from featx.catalog import get_card
from featx.errors import BadArtifact
from featx.heads import TemperatureScaling, TrainedHead, choose_heads, make_head
from featx.heads.boosting import TREE_TYPE, check_boosting
from featx.predictor import Classifier
from featx.tasks.classification_problem import ClassificationProblem
from featx.tuning import HeadConfig, fit_choice, tune

DIM = 384


@pytest.fixture(scope="module")
def rows():
    rows = np.random.default_rng(0).normal(size=(60, DIM)).astype(np.float32)
    rows[:, 0] += np.arange(60) % 3 * 3
    return rows


@pytest.fixture(scope="module", params=[2, 3])
def trained(request, rows):
    labels = np.array(["a", "b", "c"])[np.arange(60) % request.param]
    head = make_head("boosting").set_params(histgradientboostingclassifier__max_iter=3)
    with threadpool_limits(1):
        return head.fit(rows, labels)


@pytest.fixture
def fitted(trained):
    return deepcopy(trained)


@pytest.fixture
def load_again(tmp_path):
    def load_again(estimator, **options):
        head = TrainedHead.from_estimator("boosting", estimator, TemperatureScaling(0.5))
        classifier = Classifier.from_card(get_card("featx-image-nano"), head)
        return featx.load(
            featx.save(classifier, tmp_path / "x.featx", overwrite=True), **options
        ).head

    return load_again


def test_boosted_trees_are_loaded_without_a_question_of_trust_and_answer_alike(
    rows, fitted, load_again
):
    head = TrainedHead.from_estimator("boosting", fitted, TemperatureScaling(0.5))
    np.testing.assert_array_equal(load_again(fitted).predict_proba(rows), head.predict_proba(rows))


def test_a_single_leaf_is_a_tree_too(rows, load_again):
    fitted = HistGradientBoostingClassifier(min_samples_leaf=40).fit(rows, np.arange(60) % 2)
    assert {len(tree.nodes) for [tree] in fitted._predictors} == {1}
    assert load_again(fitted).predict_proba(rows).shape == (60, 2)


def spoil(field, value, *, leaf=False):
    """A change of one field of the first inner node, or leaf, of the last tree."""

    def change(last):
        nodes = last._predictors[-1][-1].nodes
        index = np.flatnonzero(nodes["is_leaf"] == leaf)[0]
        nodes[field][index] = value(nodes, index) if callable(value) else value

    return change


BAD_TREES = {
    "a child far outside": spoil("left", 2**31),
    "a child just outside": spoil("right", lambda nodes, _: len(nodes)),
    "a child that is its parent": spoil("left", lambda _, index: index),
    "two children in one": spoil("left", lambda nodes, index: nodes["right"][index]),
    "a column far outside": spoil("feature_idx", 2**40),
    "a column just outside": spoil("feature_idx", DIM),
    "a column before the first": spoil("feature_idx", -1),
    "a threshold that is no number": spoil("num_threshold", np.nan),
    "a leaf that is no number": spoil("value", np.nan, leaf=True),
    "an endless leaf": spoil("value", np.inf, leaf=True),
    "a leaf that is said to branch": spoil("is_leaf", 0, leaf=True),
    "a branch that is said to be a leaf": spoil("is_leaf", 1),
    "a split by category": spoil("is_categorical", 1),
    "samples from nowhere": spoil("count", 10**6),
    "no nodes": lambda last: setattr(last._predictors[0][0], "nodes", np.empty(0, nodes_of(last))),
    "nodes of another kind": lambda last: setattr(last._predictors[0][0], "nodes", np.zeros(3)),
    "nodes in two axes": lambda last: setattr(
        last._predictors[0][0], "nodes", last._predictors[0][0].nodes[None]
    ),
    "a tree that is a list": lambda last: last._predictors[0].__setitem__(0, [1, 2]),
    "a tree less": lambda last: last._predictors[0].pop(),
    "an output more": lambda last: setattr(last, "n_trees_per_iteration_", 5),
    "a baseline of another shape": lambda last: setattr(last, "_baseline_prediction", np.ones(7)),
    "a baseline that is no number": lambda last: last._baseline_prediction.fill(np.nan),
    "bins of fewer columns": lambda last: last._bin_mapper.bin_thresholds_.pop(),
    "bins out of order": lambda last: (
        last._bin_mapper.bin_thresholds_[0].sort()
        or last._bin_mapper.bin_thresholds_[0].__setitem__(slice(None), 0.0)
    ),
    "another number of bins": lambda last: last._bin_mapper.n_bins_non_missing_.fill(9),
    "columns of categories": lambda last: last._bin_mapper.is_categorical_.fill(1),
    "other columns than it says": lambda last: setattr(last, "n_features_in_", DIM - 1),
    "rows that are taken for bins": lambda last: setattr(last, "_in_fit", True),
    "no trees": lambda last: delattr(last, "_predictors"),
}


def nodes_of(last):
    return last._predictors[0][0].nodes.dtype


@pytest.mark.slow
@pytest.mark.parametrize("change", BAD_TREES.values(), ids=BAD_TREES)
def test_trees_that_training_cannot_leave_are_refused_and_never_computed_with(
    change, fitted, load_again
):
    change(fitted[-1])
    for trusted in ([], [TREE_TYPE]):
        with pytest.raises(
            BadArtifact, match=r"boosted trees are damaged: |cannot be read: Cannot cast"
        ):
            load_again(fitted, trusted=trusted)


@pytest.mark.slow
def test_random_bytes_in_place_of_nodes_are_refused_or_harmless(rows, fitted, rng):
    last = fitted[-1]
    whole = last._predictors[0][0].nodes.copy()
    refused = 0
    with threadpool_limits(1):
        for _ in range(300):
            data = bytearray(whole.tobytes())
            for index in rng.integers(0, len(data), 2):
                data[index] = rng.integers(256)
            last._predictors[0][0].nodes = np.frombuffer(bytes(data), whole.dtype)
            try:
                check_boosting(last)
            except BadArtifact:
                refused += 1
            else:
                assert np.isfinite(fitted.decision_function(rows[:3])).all()
    assert refused > 100


def test_boosted_trees_for_one_class_against_the_rest_are_examined_too(rows, load_again):
    own = OneVsRestClassifier(HistGradientBoostingClassifier(max_iter=2))
    own.fit(rows, np.array(["a", "b"])[np.arange(60) % 2])
    head = TrainedHead.from_estimator("boosting", own, TemperatureScaling(0.5))
    np.testing.assert_array_equal(load_again(own).predict_proba(rows), head.predict_proba(rows))
    spoil("left", 2**31)(own.estimators_[0])
    with pytest.raises(BadArtifact, match="boosted trees are damaged"):
        load_again(own)


def test_what_nothing_is_computed_with_stays_behind(rows, fitted, load_again):
    fitted[-1].stowaway = HistGradientBoostingClassifier(max_iter=2).fit(rows, np.arange(60) % 2)
    fitted[-1].predict_proba = "no method"
    loaded = load_again(make_pipeline(*[step for _, step in fitted.steps]))
    assert not {"stowaway", "predict_proba"} & set(vars(loaded.estimator[-1]))


def test_auto_leaves_boosting_out_and_balance_reaches_it():
    assert "boosting" not in {head.name for head in choose_heads("auto", largest=99)}
    (head,) = choose_heads("boosting", largest=9, class_weight="balanced")
    assert head.build()[-1].class_weight == "balanced"


@pytest.mark.slow
def test_threads_do_not_change_a_bit_of_boosted_trees(rng):
    X = rng.normal(size=(120, 3000)).astype(np.float32)
    problem = ClassificationProblem(np.array([*"abcdef"])[np.arange(120) % 6])
    own = HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=3, early_stopping=False)
    heads, tables = problem.choose_heads(own, random_state=0), []
    for n_jobs in (1, 2):
        choice = tune(heads, X, problem, config=HeadConfig(own, n_jobs=n_jobs))
        tables.append(fit_choice(choice, X, problem, n_jobs=n_jobs).predict_proba(X))
    np.testing.assert_array_equal(*tables)

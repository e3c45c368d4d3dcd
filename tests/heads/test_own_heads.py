"""An estimator of one's own as a head: its grid, its refusals before any work, and what can be done with it."""

import re

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, SVR

import featx
from featx.errors import BadOption, FeatxNotice
from featx.heads.own_heads import OwnHead, check_own, deployment_of
from featx.training import fit_head
from featx.tuning import HeadConfig


@pytest.fixture(scope="module")
def rows():
    rows = np.random.default_rng(0).normal(size=(60, 12)).astype(np.float32)
    rows[:, 0] += np.arange(60) % 3 * 2
    return rows


LABELS = np.array(["a", "b", "c"])[np.arange(60) % 3]
PIPELINE = make_pipeline(StandardScaler(), PCA(), LogisticRegression(max_iter=500))


@pytest.mark.slow
def test_a_grid_is_searched_over_every_step_of_a_pipeline(rows):
    grid = {"pca__n_components": [1, 8], "logisticregression__C": [1e-6, 1.0]}
    trained = fit_head(rows, LABELS, HeadConfig(PIPELINE, param_grid=grid))
    assert trained.search.n_candidates == 4
    assert dict(trained.search.params)["logisticregression__C"] == 1.0
    chosen = trained.head.estimator.get_params()
    assert {key: chosen[key] for key in grid} == dict(trained.search.params)
    assert trained.validation.report.accuracy > 0.6


def test_a_list_of_grids_is_all_of_their_candidates():
    grids = [{"C": [1, 2]}, {"C": [3], "tol": np.array([0.1, 0.2])}]
    own = OwnHead(LogisticRegression(), grids).candidates()
    assert [params["C"] for params in own] == [1, 2, 3, 3]


BAD_GRIDS = {
    "a name": (
        {"logisticregression__c": [1]},
        "no parameter .*did you mean 'logisticregression__C'",
    ),
    "no list": ({"logisticregression__C": 3}, "C = 3: expected a list of values"),
    "a text": ({"logisticregression__penalty": "l2"}, "penalty = 'l2': expected a list"),
    "nothing": ({"logisticregression__C": []}, "expected a list of values, one or more"),
    "no dict": ("C", "expected a dict of lists"),
    "an empty list": ([], "expected a dict of lists"),
    "a list of texts": (["C"], "expected a dict of lists"),
    "too many": (
        {"logisticregression__C": list(range(200)), "pca__n_components": list(range(60))},
        "12000 candidates; expected at most",
    ),
}


@pytest.mark.parametrize("name", BAD_GRIDS)
def test_a_grid_that_makes_no_sense_is_refused_before_anything_is_embedded(name):
    grid, message = BAD_GRIDS[name]
    # Nothing could embed these.
    with pytest.raises(BadOption, match=message):
        featx.fit(["missing.png"] * 6, ["a", "b"] * 3, head=PIPELINE, param_grid=grid)


@pytest.mark.parametrize("head", ["ridge", None])
def test_a_grid_beside_the_name_of_a_head_is_refused(head):
    with pytest.raises(BadOption, match=r"param_grid: head '.*' has a grid of its own"):
        featx.fit(["missing.png"] * 6, ["a", "b"] * 3, head=head, param_grid={"alpha": [1]})


class Scoreless(ClassifierMixin, BaseEstimator):
    """A classifier that gives labels alone."""

    def fit(self, X, y):
        self.classes_, self.n_features_in_ = np.unique(y), X.shape[1]
        return self

    def predict(self, X):
        return np.repeat(self.classes_[0], len(X))


HEADS = {
    "a regressor": (
        Ridge(),
        "classification",
        "expected the name of a head or a scikit-learn class",
    ),
    "a classifier": (
        SVC(),
        "regression",
        "expected the name of a head or a scikit-learn regressor",
    ),
    "a class": (SVC, "classification", "expected the name of a head or a scikit-learn classifier"),
    "one label": (
        SVC(),
        "multilabel",
        r"head SVC: gives one label .*OneVsRestClassifier\(SVC\(\)\)",
    ),
    "labels alone": (Scoreless(), "classification", "save, export and serve cannot work"),
    "hard votes": (
        VotingClassifier([("nb", GaussianNB())]),
        "classification",
        "head VotingClassifier: .*cannot work",
    ),
    "a lambda": (
        make_pipeline(FunctionTransformer(lambda X: X), GaussianNB()),
        "classification",
        "save does not, export does not .*serve does not; it holds .*<lambda>",
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_what_cannot_be_a_head_is_refused_before_anything_is_embedded(name):
    head, task, message = HEADS[name]
    targets = {
        "classification": ["a", "b"] * 6,
        "regression": list(range(12)),
        "multilabel": [["a"], ["b", "c"], ["a", "c"], ["b"]] * 3,
    }[task]
    with pytest.raises(BadOption, match=message):
        featx.fit(["missing.png"] * 12, targets, head=head, task=task)


def test_a_regressor_of_one_number_is_refused_for_several():
    with pytest.raises(BadOption, match=r"MultiOutputRegressor\(SVR\(\)\)"):
        check_own(SVR(), "regressors")
    check_own(SVR(), "regressor")
    check_own(Ridge(), "regressors")
    check_own(KNeighborsClassifier(), "multilabel")
    check_own(OneVsRestClassifier(SVC()), "multilabel")
    check_own(MultiOutputRegressor(SVR()), "regressors")


@pytest.mark.slow
def test_own_estimators_of_every_task_are_searched_saved_and_loaded(rng, tmp_path):
    pictures = [np.full((9, 9, 3), value, np.uint8) for value in range(0, 240, 8)]
    sets = [["a"] if i < 15 else ["b", "c"] if i % 2 else ["c"] for i in range(30)]
    for task, head, grid, targets in (
        ("regression", SVR(), {"C": [1.0, 10.0]}, np.arange(30.0)),
        ("multilabel", OneVsRestClassifier(SVC()), {"estimator__C": [0.1, 1.0]}, sets),
    ):
        predictor = featx.fit(
            pictures, targets, task=task, head=head, param_grid=grid, baseline=False
        )
        assert predictor.report.tuning.params.keys() == grid.keys()
        loaded = featx.load(featx.save(predictor, tmp_path / f"{task}.featx"))
        np.testing.assert_array_equal(loaded.predict(pictures), predictor.predict(pictures))


WORDS = {
    "all": (LogisticRegression(), "LogisticRegression: save works, export works, serve works"),
    "a forest": (
        RandomForestClassifier(),
        "RandomForestClassifier: save works, export does not (RandomForestClassifier)",
    ),
    "a function": (
        make_pipeline(FunctionTransformer(np.abs), LogisticRegression()),
        "LogisticRegression: save works with trust, export does not (FunctionTransformer), serve works "
        "with trust",
    ),
    "labels alone": (
        Scoreless(),
        "Scoreless: save works with trust, export does not (Scoreless), serve works with trust",
    ),
}


@pytest.mark.parametrize("name", WORDS)
def test_words_say_which_of_save_export_and_serve_will_work(name):
    estimator, words = WORDS[name]
    assert str(deployment_of(estimator)).startswith(words)


def test_what_will_not_work_is_told_before_the_work_begins(rng):
    pictures = [rng.integers(0, 256, (9, 9, 3), dtype=np.uint8) for _ in range(8)]
    forest = RandomForestClassifier(3)
    with pytest.warns(FeatxNotice, match=r"export does not \(RandomForestClassifier\)") as told:
        featx.fit(pictures, ["a", "b"] * 4, head=forest, baseline=False)
    assert len([one for one in told if re.search("export", str(one.message))]) == 1

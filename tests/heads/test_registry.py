import numpy as np
import pytest
from sklearn.base import ClassifierMixin, MetaEstimatorMixin
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, NuSVC

from featx.errors import BadOption
from featx.heads import ESTIMATORS, HEADS, TRANSFORMERS, last_step, make_head, scores, steps_of
from featx.heads.scorers import to_arrays

# Those of numbers and of several labels are in tests/export/test_output_heads.py.
LINEAR_CLASSIFIERS = [
    kind
    for kind, forms in ESTIMATORS.items()
    if forms.linear
    and issubclass(kind, ClassifierMixin)
    and not issubclass(kind, MetaEstimatorMixin)
]


@pytest.fixture
def rows(rng):
    return rng.normal(size=(60, 5)).astype(np.float32)


@pytest.fixture(params=[2, 3])
def labels(request):
    return np.array(["a", "b", "c"])[np.arange(60) % request.param]


@pytest.mark.parametrize("name", HEADS)
def test_every_step_of_every_head_has_an_entry(name):
    *before, last = steps_of(make_head(name))
    assert type(last) in ESTIMATORS
    assert {type(step) for step in before} <= set(TRANSFORMERS)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of LogisticRegressionCV's own defaults
@pytest.mark.parametrize("kind", LINEAR_CLASSIFIERS, ids=lambda k: k.__name__)
def test_the_linear_form_of_an_estimator_gives_its_scores(kind, rows, labels):
    estimator = kind().fit(rows, labels)
    coef, intercept = ESTIMATORS[kind].linear(estimator)
    values = rows @ coef.T + intercept
    if values.shape[1] == 1:
        values = np.hstack([np.zeros_like(values), values])
    np.testing.assert_allclose(values, scores(estimator, rows), atol=1e-9)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of LogisticRegressionCV's own defaults
@pytest.mark.parametrize("kind", LINEAR_CLASSIFIERS, ids=lambda k: k.__name__)
def test_every_linear_estimator_behind_a_scaler_is_kept_as_arrays(kind, rows, labels):
    estimator = make_pipeline(StandardScaler(), kind()).fit(rows, labels)
    arrays = to_arrays(estimator)
    np.testing.assert_array_equal(arrays.scores(rows), scores(estimator, rows))
    assert list(arrays.classes) == list(estimator.classes_)


def test_an_estimator_with_something_else_before_it_is_not_kept_as_arrays(rows, labels):
    assert to_arrays(LogisticRegression().fit(rows, labels)) is None
    without_mean = make_pipeline(StandardScaler(with_std=False), LogisticRegression())
    assert to_arrays(without_mean.fit(rows, labels)) is None
    assert to_arrays(make_head("lda").fit(rows, labels)) is None


def test_a_pipeline_gives_the_scores_of_its_last_step_on_what_that_sees(rows, labels):
    for last in (NearestCentroid(), SVC(decision_function_shape="ovo"), GaussianNB()):
        pipeline = make_pipeline(StandardScaler(), last).fit(rows, labels)
        inner = pipeline[:-1].transform(rows)
        np.testing.assert_array_equal(scores(pipeline, rows), scores(last_step(pipeline), inner))
        alone = make_pipeline(last).fit(rows, labels)
        np.testing.assert_array_equal(scores(alone, rows), scores(last, rows))


def test_one_vs_one_margins_of_an_estimator_without_an_entry_become_a_score_a_class(rows, labels):
    estimator = NuSVC(nu=0.3, decision_function_shape="ovo").fit(rows, labels)
    assert scores(estimator, rows).shape == (60, len(estimator.classes_))


def test_an_estimator_that_gives_no_scores_is_refused_by_name(rows, labels):
    estimator = VotingClassifier([("nb", GaussianNB())], voting="hard").fit(rows, labels)
    with pytest.raises(BadOption, match="head VotingClassifier: expected a classifier with"):
        scores(estimator, rows)


class Halves(LogisticRegression):
    """A subclass that says other things than its coefficients."""

    def decision_function(self, X):
        return super().decision_function(X) / 2


def test_a_subclass_is_not_taken_for_its_parent(rows, labels):
    estimator = make_pipeline(StandardScaler(), Halves()).fit(rows, labels)
    assert to_arrays(estimator) is None
    plain = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels)
    np.testing.assert_allclose(scores(estimator, rows), scores(plain, rows) / 2)

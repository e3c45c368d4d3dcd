"""Two tables: what featx knows of each type of estimator, and the heads that people choose by name.

A new head is a row in ``HEADS``; an estimator with scores, arrays or an ONNX form of its own is one entry in
``ESTIMATORS``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_selection import SelectKBest, SelectPercentile, VarianceThreshold
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeClassifier,
    RidgeClassifierCV,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestCentroid
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR, NuSVR

from featx._typing import Doubles, Numbers
from featx.errors import UnknownHead
from featx.heads import boosting, calibrated, onnx_forms, output_forms, own_answers, score_forms
from featx.heads.weighting import weight_parameters

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder

__all__ = [
    "ESTIMATORS",
    "HEADS",
    "TRANSFORMERS",
    "EstimatorForms",
    "HeadSpec",
    "Search",
    "estimators_in",
    "fit_labels",
    "last_step",
    "make_head",
    "parameter_grid",
    "scores",
    "steps_of",
]

ScoreForm = Callable[[Any, Numbers], Doubles]
LinearForm = Callable[[Any], tuple[Doubles, Doubles] | None]
# From the graph, the name of the input and the fitted estimator to the name of the output.
OnnxForm = Callable[["GraphBuilder", str, Any], str]

# How the candidates of a head are compared: by a fit each; along one path of penalties; with each
# sample left out in closed form; by fits that share a kernel matrix, or one search for neighbours.
Search = Literal["fits", "path", "label-path", "leave-one-out", "kernel", "neighbors"]


@dataclass(frozen=True, slots=True)
class EstimatorForms:
    """The forms of one type of estimator at the end of a head: its scores, arrays and graph.

    Attributes
    ----------
    scores : callable
        Gives the scores of the fitted estimator for rows, float64 of shape (n, n_outputs).
    linear : callable, default=None
        Gives the coefficients and intercepts of the same scores; None where they are not linear.
    onnx : callable, default=None
        Adds the same scores to a graph; None where they cannot be written as one.
    own_onnx : callable, default=None
        Adds to a graph what ``own_answers.own_scores`` gives, where that is something else than the scores.
    """

    scores: ScoreForm = score_forms.default_scores
    linear: LinearForm | None = None
    onnx: OnnxForm | None = None
    own_onnx: OnnxForm | None = None


_NUMBERS = EstimatorForms(
    scores=output_forms.linear_numbers,
    linear=output_forms.number_coefficients,
    onnx=output_forms.add_linear_numbers,
)
_STACK = EstimatorForms(
    scores=output_forms.stack_scores,
    linear=output_forms.stack_coefficients,
    onnx=output_forms.add_stack,
)
_VECTOR_NUMBERS = EstimatorForms(onnx=output_forms.add_support_vector_numbers)
_LINEAR = EstimatorForms(linear=score_forms.linear_coefficients, onnx=onnx_forms.add_linear)

ESTIMATORS: Mapping[type, EstimatorForms] = MappingProxyType(
    {
        LogisticRegression: _LINEAR,
        LogisticRegressionCV: _LINEAR,
        RidgeClassifier: _LINEAR,
        RidgeClassifierCV: _LINEAR,
        SGDClassifier: _LINEAR,
        LinearSVC: _LINEAR,
        LinearDiscriminantAnalysis: _LINEAR,
        NearestCentroid: EstimatorForms(
            scores=score_forms.centroid_scores,
            linear=score_forms.centroid_coefficients,
            onnx=onnx_forms.add_centroids,
        ),
        SVC: EstimatorForms(
            scores=score_forms.one_vs_one_scores,
            onnx=onnx_forms.add_support_vectors,
            own_onnx=own_answers.add_voted_margins,
        ),
        KNeighborsClassifier: EstimatorForms(
            onnx=output_forms.add_neighbor_votes, own_onnx=own_answers.add_neighbor_shares
        ),
        HistGradientBoostingClassifier: EstimatorForms(onnx=boosting.add_boosting),
        **dict.fromkeys(
            (LinearRegression, Ridge, RidgeCV, Lasso, ElasticNet, HuberRegressor), _NUMBERS
        ),
        **dict.fromkeys((SGDRegressor, LinearSVR), _NUMBERS),
        **dict.fromkeys((SVR, NuSVR), _VECTOR_NUMBERS),
        KNeighborsRegressor: EstimatorForms(onnx=output_forms.add_neighbor_numbers),
        HistGradientBoostingRegressor: EstimatorForms(onnx=boosting.add_boosting),
        CalibratedClassifierCV: EstimatorForms(
            scores=score_forms.log_probabilities,
            onnx=calibrated.add_calibrated,
            own_onnx=calibrated.add_calibrated,
        ),
        **dict.fromkeys((OneVsRestClassifier, MultiOutputClassifier, MultiOutputRegressor), _STACK),
    }
)

# ONNX forms of the steps that may stand before the last one.
TRANSFORMERS: Mapping[type, OnnxForm] = MappingProxyType(
    {
        StandardScaler: onnx_forms.add_standard_scaler,
        PCA: onnx_forms.add_pca,
        Normalizer: onnx_forms.add_normalizer,
        SelectKBest: onnx_forms.add_selection,
        SelectPercentile: onnx_forms.add_selection,
        VarianceThreshold: onnx_forms.add_selection,
    }
)


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """One kind of estimator that can be trained on rows.

    Attributes
    ----------
    name : str
    description : str
        One sentence for people who choose.
    cost : str
        What training and predicting ask for, in words.
    build : callable
        Makes the unfitted estimator, with its own scaler.
    grid : tuple of mappings
        Parameters of each candidate, the most regularised first.
    search : str, default="fits"
        How candidates are compared.
    min_class_size : int, default=2
        Samples that the largest class must have.
    growth : float, default=1.0
        The power of the number of samples with which its time grows, as measured from 800 to 10 000 of
        them; part of the work is linear.
    in_auto : bool, default=True
        Whether the choice "auto" tries it.
    shipped : bool, default=True
        Whether it is one of featx's own, and not a user's estimator.
    standardizes : bool, default=True
        Whether columns are standardised before its last step; see ``featx.heads.prescaled``.
    """

    name: str
    description: str
    cost: str
    build: Callable[[], BaseEstimator]
    grid: tuple[Mapping[str, Any], ...] = (MappingProxyType({}),)
    search: Search = "fits"
    min_class_size: int = 2
    growth: float = 1.0
    in_auto: bool = True
    shipped: bool = True
    standardizes: bool = True

    def candidates(self, n_samples: int) -> tuple[Mapping[str, Any], ...]:
        """Return the part of the grid that ``n_samples`` training samples allow."""
        return tuple(
            params
            for params in self.grid
            if all(v <= n_samples for k, v in params.items() if k.endswith("n_neighbors"))
        )


def parameter_grid(name: str, values: Sequence[Any]) -> tuple[Mapping[str, Any], ...]:
    """Return a candidate for each value of one parameter, in their order.

    >>> [dict(params) for params in parameter_grid("ridge__alpha", [10, 1])]
    [{'ridge__alpha': 10}, {'ridge__alpha': 1}]
    """
    return tuple(MappingProxyType({name: value}) for value in values)


_TABLE = (
    HeadSpec(
        "logistic",
        "Multinomial logistic regression with an L2 penalty: the first to try, and hard to beat.",
        "seconds for thousands of rows",
        lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        parameter_grid(
            "logisticregression__C", [float(f"{10**e:.2g}") for e in np.arange(-5, 1.5, 0.5)]
        ),
        search="path",
    ),
    HeadSpec(
        "linear-svm",
        "Support vectors with straight borders, one against one: strong with few samples a class.",
        "grows with the square of the samples; keeps its support vectors",
        lambda: make_pipeline(
            StandardScaler(), SVC(kernel="linear", decision_function_shape="ovo")
        ),
        parameter_grid("svc__C", [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]),
        search="kernel",
        growth=1.8,
    ),
    HeadSpec(
        "rbf-svm",
        "Support vectors with curved borders: when classes are not separated by a plane.",
        "grows with the square of the samples; keeps its support vectors",
        lambda: make_pipeline(StandardScaler(), SVC(decision_function_shape="ovo")),
        parameter_grid("svc__C", [0.3, 1.0, 3.0, 10.0, 30.0]),
        search="kernel",
        growth=1.8,
    ),
    HeadSpec(
        "ridge",
        "Least squares on the classes with an L2 penalty, tuned by leave-one-out in closed form.",
        "a second for thousands of rows",
        lambda: make_pipeline(StandardScaler(), RidgeClassifier()),
        parameter_grid("ridgeclassifier__alpha", [1e5, 3e4, 1e4, 3e3, 1e3, 3e2, 1e2, 3e1, 1e1]),
        search="leave-one-out",
    ),
    HeadSpec(
        "lda",
        "Gaussian classes of one shape, the shape shrunk: strong when classes are round clouds.",
        "grows with the cube of the columns; seconds at 1280",
        lambda: make_pipeline(
            StandardScaler(),
            PCA(0.99, svd_solver="full"),
            LinearDiscriminantAnalysis(solver="lsqr"),
        ),
        parameter_grid("lineardiscriminantanalysis__shrinkage", [0.9, 0.3, 0.1]),
        min_class_size=4,
    ),
    HeadSpec(
        "knn",
        "A vote of the nearest training samples by angle: no shape assumed, and easy to explain.",
        "no training; every prediction compares with every row kept",
        lambda: make_pipeline(StandardScaler(), Normalizer(), KNeighborsClassifier()),
        parameter_grid("kneighborsclassifier__n_neighbors", [20, 10, 5, 3, 1]),
        search="neighbors",
        growth=1.5,
    ),
    HeadSpec(
        "centroid",
        "The class whose mean is nearest: nothing to tune, for one to five samples a class.",
        "milliseconds",
        lambda: make_pipeline(StandardScaler(), NearestCentroid()),
    ),
    HeadSpec(
        "boosting",
        "Gradient boosted trees of few leaves: when single columns matter, seldom so on embeddings.",
        "grows with samples, columns and classes; minutes for hundreds of columns and ten classes",
        lambda: make_pipeline(
            StandardScaler(),
            HistGradientBoostingClassifier(
                early_stopping=False, min_samples_leaf=5, random_state=0
            ),
        ),
        parameter_grid("histgradientboostingclassifier__max_leaf_nodes", [2, 4, 8]),
        in_auto=False,
    ),
)

HEADS: Mapping[str, HeadSpec] = MappingProxyType({head.name: head for head in _TABLE})


def steps_of(estimator: BaseEstimator) -> list[BaseEstimator]:
    """Return the steps of a pipeline that do something, or the estimator alone.

    >>> [type(step).__name__ for step in steps_of(make_head("ridge"))]
    ['StandardScaler', 'RidgeClassifier']
    """
    if isinstance(estimator, Pipeline):
        return [step for _, step in estimator.steps if step not in (None, "passthrough")]
    return [estimator]


def last_step(estimator: BaseEstimator) -> BaseEstimator:
    """Return the last step of a pipeline, or the estimator itself."""
    return steps_of(estimator)[-1]


def fit_labels(
    estimator: BaseEstimator,
    rows: Numbers,
    labels: npt.NDArray[Any],
    sample_weight: Doubles | None = None,
) -> BaseEstimator:
    """Return an estimator fitted on labels; one that insists on numbers is given their indices instead.

    scikit-learn's own take any labels. Others may take 0 to n_classes - 1 alone, as xgboost's do: their
    ``classes_`` are then these numbers, in the order of the sorted labels.

    Parameters
    ----------
    sample_weight : ndarray of shape (n,), float64, default=None
        What each sample weighs; see ``featx.heads.weighting`` for who takes it.

    Raises
    ------
    BadOption
        There are weights, and the estimator takes none.
    Exception
        What the estimator raises, given labels, where numbers do not help either.
    """
    weights = weight_parameters(estimator, sample_weight)
    kinds = (type(one).__module__ for one in estimators_in(estimator))
    if all(module.partition(".")[0] == "sklearn" for module in kinds):
        return estimator.fit(rows, labels, **weights)
    unfitted = clone(estimator)
    try:
        return estimator.fit(rows, labels, **weights)
    # An estimator of anyone's says in its own way that labels are no numbers.
    except Exception as error:
        # Numbers are what they are: their indices would be others.
        if np.asarray(labels).dtype.kind not in "UOS":
            raise
        try:
            return unfitted.fit(rows, np.unique(labels, return_inverse=True)[1], **weights)
        except Exception:
            raise error from None


def estimators_in(value: Any) -> Iterator[Any]:
    """Give an estimator, those among its parameters, and the functions among them."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        yield value
        for one in value.get_params(deep=False).values():
            yield from estimators_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from estimators_in(one)
    elif inspect.isroutine(value) or isinstance(value, np.ufunc):
        yield value


def scores(estimator: BaseEstimator, rows: Numbers) -> Doubles:
    """Return what a fitted estimator says for each class, on a scale where softmax makes sense.

    An estimator that is not in ``ESTIMATORS`` gives its decision function (two classes: 0 and its value),
    else the logarithm of its probabilities after adding 0.03.

    Returns
    -------
    ndarray of shape (n, n_classes), float64
        Columns in the order of ``estimator.classes_``.

    Raises
    ------
    BadOption
        The estimator has neither ``decision_function`` nor ``predict_proba``.
    """
    # A subclass may do other things between its steps: it is asked as a whole.
    if type(estimator) is not Pipeline:
        return ESTIMATORS.get(type(estimator), EstimatorForms()).scores(estimator, rows)
    *before, last = steps_of(estimator)
    # One step after the other: a pipeline of these steps would cost more than they do.
    for step in before:
        rows = step.transform(rows)
    return ESTIMATORS.get(type(last), EstimatorForms()).scores(last, rows)


def make_head(name: str) -> Pipeline:
    """Return a new, unfitted pipeline of a head by its name.

    Raises
    ------
    UnknownHead
        No head has that name; ``auto`` is a choice among heads, not one of them.

    Examples
    --------
    >>> [step for step, _ in make_head("ridge").steps]
    ['standardscaler', 'ridgeclassifier']
    """
    if name not in HEADS:
        raise UnknownHead(name, HEADS)
    return HEADS[name].build()

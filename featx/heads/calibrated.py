"""scikit-learn's calibrated classifiers: their records in a file, and their ONNX form.

A ``CalibratedClassifierCV`` holds classifiers that were each trained on a part of the samples, each with a map
from its scores to probabilities: a sigmoid, steps (isotonic), or one temperature. It answers with their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV

from featx._typing import Doubles
from featx.errors import NotExportable
from featx.heads._sklearn_compat import (
    make_calibrated,
    make_isotonic,
    make_sigmoid,
    make_temperature,
)
from featx.heads.fitted import Fitted
from featx.heads.stored import StoredObject

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder

__all__ = [
    "CALIBRATED_PARTS",
    "add_calibrated",
    "calibrated_parts",
    "check_calibrated",
    "with_estimators",
]

_CALIBRATED = "sklearn.calibration._CalibratedClassifier"
_SIGMOID = "sklearn.calibration._SigmoidCalibration"
_TEMPERATURE = "sklearn.calibration._TemperatureScaling"
_ISOTONIC = "sklearn.isotonic.IsotonicRegression"
# What such a classifier holds, and nothing else may be.
CALIBRATED_PARTS = (_CALIBRATED, _SIGMOID, _TEMPERATURE, _ISOTONIC)
_TYPES = {"sigmoid": _SIGMOID, "isotonic": _ISOTONIC, "temperature": _TEMPERATURE}


def check_calibrated(fitted: Fitted) -> None:
    """Examine what stands beside the calibrated classifiers, which were examined when they were made."""
    fitted.classes()


def calibrated_parts(builder: Any, stored: StoredObject, estimator: Any, d: int) -> None:
    """Give a calibrated classifier its classifiers and their maps; raise ValueError where they do not fit."""
    records = stored.state.get("calibrated_classifiers_")
    if not isinstance(records, list) or not records:
        raise ValueError("calibrated_classifiers_: expected a list of them")
    n_classes = Fitted(estimator).classes()
    vars(estimator)["calibrated_classifiers_"] = [
        _calibrated(builder, one, estimator.classes_, n_classes, d) for one in records
    ]


def _calibrated(builder: Any, stored: Any, classes: Any, n_classes: int, d: int) -> Any:
    if not isinstance(stored, StoredObject) or stored.type != _CALIBRATED:
        raise ValueError("calibrated_classifiers_: expected calibrated classifiers")
    state = stored.state
    method, maps = state.get("method"), state.get("calibrators")
    inner = builder.estimator(state.get("estimator"), d)
    known = getattr(inner, "classes_", ())
    # With a temperature scikit-learn trains the classifiers on the numbers of the classes.
    numbered = method == "temperature" and np.array_equal(known, np.arange(n_classes))
    if not numbered and not np.array_equal(known, classes):
        raise ValueError("calibrated_classifiers_ has an estimator of other classes")
    if not isinstance(method, str) or method not in _TYPES or not isinstance(maps, list):
        raise ValueError(f"method = {method!r:.40}: expected one of {', '.join(_TYPES)}")
    n_maps = 1 if n_classes == 2 or method == "temperature" else n_classes
    if len(maps) != n_maps:
        raise ValueError(f"calibrators: expected {n_maps} of them")
    if not all(isinstance(one, StoredObject) and one.type == _TYPES[method] for one in maps):
        raise ValueError(f"calibrators: expected those of the method {method!r}")
    return make_calibrated(inner, [_map(one) for one in maps], classes, method)


def _map(stored: StoredObject) -> Any:
    """Return a map from scores to probabilities."""
    state = stored.state
    if stored.type == _SIGMOID:
        return make_sigmoid(_number(state, "a_"), _number(state, "b_"))
    if stored.type == _TEMPERATURE:
        return make_temperature(_number(state, "beta_"))
    x = Fitted.check_array("X_thresholds_", state.get("X_thresholds_"), None)
    y = Fitted.check_array("y_thresholds_", state.get("y_thresholds_"), len(x), low=0.0)
    if not (np.diff(x) > 0).all() or y.max() > 1:
        raise ValueError("X_thresholds_, y_thresholds_: expected probabilities of scores in order")
    return make_isotonic(x, y)


def _number(state: Any, name: str) -> float:
    value = state.get(name)
    # A single number may be an array without axes.
    if type(value) is np.ndarray and value.shape == ():
        value = value.item()
    if not isinstance(value, float) or not np.isfinite(value):
        raise ValueError(f"{name} = {value!r:.40}: expected a finite number")
    return value


def with_estimators(
    fitted: CalibratedClassifierCV, estimators: Sequence[Any], n_columns: int
) -> CalibratedClassifierCV:
    """Return a calibrated classifier whose maps follow other estimators, of rows of so many columns.

    >>> from sklearn.linear_model import LogisticRegression
    >>> rows, labels = np.arange(8.0)[:, None], [0, 1] * 4
    >>> fitted = CalibratedClassifierCV(LogisticRegression(), cv=2).fit(rows, labels)
    >>> again = with_estimators(fitted, [one.estimator for one in fitted.calibrated_classifiers_], 1)
    >>> np.array_equal(again.predict_proba(rows), fitted.predict_proba(rows))
    True
    """
    made = CalibratedClassifierCV(
        clone(estimators[0]), method=fitted.method, cv=None, ensemble=fitted.ensemble
    )
    made.classes_, made.n_features_in_ = fitted.classes_, n_columns
    made.calibrated_classifiers_ = [
        make_calibrated(estimator, one.calibrators, one.classes, one.method)
        for estimator, one in zip(estimators, fitted.calibrated_classifiers_, strict=True)
    ]
    return made


def add_calibrated(graph: GraphBuilder, value: str, estimator: Any) -> str:
    """Add the logarithms of the probabilities, as ``featx.heads.scores`` gives them.

    Raises
    ------
    NotExportable
        A classifier in it cannot be written, or has no linear scores or boosted trees.
    """
    parts = [_add_one(graph, value, one) for one in estimator.calibrated_classifiers_]
    total = parts[0]
    for part in parts[1:]:
        total = graph.add("Add", total, part)
    mean = graph.add("Div", total, graph.constant(float(len(parts))))
    return graph.add("Log", graph.add("Max", mean, graph.constant(np.finfo(np.float64).tiny)))


def _add_one(graph: GraphBuilder, value: str, calibrated: Any) -> str:
    from featx.heads.graph import add_scores
    from featx.heads.registry import last_step

    inner, maps, n_classes = calibrated.estimator, calibrated.calibrators, len(calibrated.classes)
    last = last_step(inner)
    if type(last).__name__ not in _DECISIONS:
        names = ", ".join(_DECISIONS)
        raise NotExportable(
            f"head {type(last).__name__}: calibrated it cannot be written as a graph; expected one of {names}"
        )
    scores = add_scores(graph, value, inner)
    if calibrated.method == "temperature":
        # Of two classes scikit-learn takes minus the score, and the score: twice their difference.
        factor = maps[0].beta_ * (2 if n_classes == 2 else 1)
        return graph.add("Softmax", graph.add("Mul", scores, graph.constant(factor)), axis=1)
    if n_classes == 2:
        score = graph.add("MatMul", scores, graph.constant([[-1.0], [1.0]]))
        second = _add_maps(graph, score, maps)
        first = graph.add("Sub", graph.constant(1.0), second)
        return graph.add("Concat", first, second, axis=1)
    shares = _add_maps(graph, scores, maps)
    total = graph.reduce("ReduceSum", shares, 1)
    none = graph.add("Equal", total, graph.constant(0.0))
    even = graph.constant(np.full((1, n_classes), 1 / n_classes))
    safe = graph.add("Where", none, graph.constant(1.0), total)
    return graph.add("Where", none, even, graph.add("Div", shares, safe))


# Those whose scores in featx are their decision function.
_DECISIONS = (
    *("HistGradientBoostingClassifier", "LinearDiscriminantAnalysis", "LinearSVC"),
    *("LogisticRegression", "LogisticRegressionCV", "RidgeClassifier", "RidgeClassifierCV"),
    "SGDClassifier",
)


def _add_maps(graph: GraphBuilder, scores: str, maps: Any) -> str:
    """Add the map of each column of scores."""
    if hasattr(maps[0], "a_"):
        slopes = graph.constant([-one.a_ for one in maps])
        offsets = graph.constant([-one.b_ for one in maps])
        return graph.add("Sigmoid", graph.add("Add", graph.add("Mul", scores, slopes), offsets))
    columns = []
    for index, one in enumerate(maps):
        column = graph.add("Gather", scores, graph.int_const(index), axis=1)
        columns.append(_add_steps(graph, column, one.X_thresholds_, one.y_thresholds_))
    return columns[0] if len(columns) == 1 else graph.add("Concat", *columns, axis=1)


def _add_steps(graph: GraphBuilder, value: str, x: Doubles, y: Doubles) -> str:
    """Add a function of straight pieces, constant beyond its ends, of a column of shape (n, 1)."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(x) == 1:
        zero = graph.add("Mul", value, graph.constant(0.0))
        return graph.add("Add", zero, graph.constant(y[0]))
    widths = np.diff(x)
    beyond = graph.add("Sub", value, graph.constant(x[:-1]))
    inside = graph.add("Min", graph.add("Max", beyond, graph.constant(0.0)), graph.constant(widths))
    # Each piece adds its share of its height: no slope, which may be endless, is multiplied.
    shares = graph.add("Div", inside, graph.constant(widths))
    heights = graph.constant(np.diff(y)[:, None])
    return graph.add("Add", graph.add("MatMul", shares, heights), graph.constant(y[0]))

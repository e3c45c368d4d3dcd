"""A fitted scikit-learn pipeline as a predictor that can be saved, served and exported."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, NuSVC
from sklearn.utils.validation import check_is_fitted

from featx._typing import Doubles, FloatArray
from featx.backbones.backbone import Backbone
from featx.backbones.providers import read_provider
from featx.errors import BadOption, FeatxNotice, FeatxWarning
from featx.extractor import FeatureExtractor
from featx.heads import TemperatureScaling, TrainedHead, last_step, scores
from featx.heads.calibrated import with_estimators
from featx.heads.faithful import is_faithful
from featx.heads.label_calibration import LabelCalibration
from featx.heads.label_types import label_type_of
from featx.heads.number_scaling import COVERAGE, NumberScaling
from featx.heads.output_forms import is_multilabel
from featx.heads.own_answers import own_scores
from featx.predictor import Predictor, check_exact, predictor_class
from featx.storage.border import library_border
from featx.tasks import get_task

__all__ = ["from_pipeline"]

_PASSED = (None, "passthrough")
# Searches and pipelines within each other.
_DEEPEST = 10
# Just above one half: scikit-learn gives a label whose probability is more than that.
_MORE_THAN_HALF = float(np.nextafter(np.float32(0.5), np.float32(1)))
# Rows on which the predictor is compared with the pipeline, and how near they must be.
_PROBES, _TOLERANCE = 33, 1e-6


def from_pipeline(
    fitted: BaseEstimator,
    *,
    labels: Sequence[str] | None = None,
    samples: Iterable[Any] | None = None,
    targets: Sequence[Any] | None = None,
) -> Any:
    """Return a predictor that answers as a fitted scikit-learn pipeline does.

    Parameters
    ----------
    fitted : Pipeline, GridSearchCV, RandomizedSearchCV or CalibratedClassifierCV
        Its first step is a ``FeatureExtractor``. Of a search it is the best estimator. The steps behind the
        extractor become the head, as they are.
    labels : sequence of str, default=None
        What the columns of a pipeline stand for that gives several labels or numbers, in their order; or the
        names of the classes of one that was trained on numbers, in the order of ``classes_``. None: as the
        pipeline has them, columns are counted from 0.
    samples, targets : sequences, default=None
        Samples with their numbers on which a regressor was not trained: they decide how wide its intervals are.

    Returns
    -------
    Classifier, MultilabelClassifier or Regressor
        Its ``predict``, and ``predict_proba`` where the pipeline has it, are the pipeline's within 1e-6.

    Raises
    ------
    BadOption
        It is not fitted, its first step is no ``FeatureExtractor``, or a step cannot answer; the message names
        the step.
    MissingWeights, WrongDigest, UnknownBackbone
        The backbone of the extractor is not on this machine.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from featx import FeatureExtractor
    >>> images = [np.full((9, 9, 3), value, np.uint8) for value in (0, 20, 40, 200, 220, 240)]
    >>> pipeline = make_pipeline(FeatureExtractor(), LogisticRegression()).fit(images, [0, 0, 0, 1, 1, 1])
    >>> classifier = from_pipeline(pipeline)
    >>> classifier.predict(images[2:4]).tolist()
    [0, 1]
    """
    extractor, head = _split(fitted, 0)
    backbone = _opened(extractor)
    head = _without_names(head)
    head, scaling = _without_target_scaling(head)
    _check_head(head)
    card = replace(backbone.card, dim=backbone.dim)
    if is_regressor(last_step(head)):
        return _regressor(head, scaling, backbone, labels, samples, targets)
    if samples is not None or targets is not None:
        raise BadOption("samples, targets: expected none, they are for the intervals of numbers")
    several = is_multilabel(last_step(head))
    make = _label_sets if several else _classes
    trained = make(head, labels, backbone.dim)
    task = "multilabel" if several else "classification"
    predictor = predictor_class(get_task(task)).from_card(card, trained, task=task)
    _compare(predictor, head)
    return predictor


def _split(fitted: Any, depth: int) -> tuple[FeatureExtractor, BaseEstimator]:
    """Return the extractor of a fitted pipeline, and what is behind it as one estimator."""
    fitted = _unwrapped(fitted)
    if depth > _DEEPEST:
        raise BadOption(f"pipeline: expected at most {_DEEPEST} pipelines within each other")
    if isinstance(fitted, CalibratedClassifierCV):
        return _split_calibrated(fitted, depth)
    if isinstance(fitted, TransformedTargetRegressor):
        check_fitted(fitted)
        extractor, inner = _split(fitted.regressor_, depth + 1)
        outer = copy.copy(fitted)
        outer.regressor_, outer.n_features_in_ = inner, _columns(inner)
        return extractor, outer
    if not isinstance(fitted, Pipeline):
        raise BadOption(
            f"{type(fitted).__name__}: expected a fitted Pipeline whose first step is a FeatureExtractor, or a "
            "search or calibration of one"
        )
    check_fitted(fitted)
    steps = list(_flat_steps(fitted, 0))
    if not steps or not isinstance(steps[0][1], FeatureExtractor):
        found = f"{steps[0][0]!r}, a {type(steps[0][1]).__name__}" if steps else "none"
        raise BadOption(f"pipeline: expected a FeatureExtractor as its first step, found {found}")
    if len(steps) == 1:
        raise BadOption("pipeline: expected a classifier or regressor behind its FeatureExtractor")
    others = [name for name, step in steps[1:] if isinstance(step, FeatureExtractor)]
    if others:
        raise BadOption(
            f"pipeline: step {others[0]!r}: expected one FeatureExtractor, the first step"
        )
    return steps[0][1], Pipeline(steps[1:])


def _flat_steps(pipeline: Pipeline, depth: int) -> Iterable[tuple[str, Any]]:
    """Give the steps that do something, those of pipelines within it by both names."""
    if depth > _DEEPEST:
        raise BadOption(f"pipeline: expected at most {_DEEPEST} pipelines within each other")
    for name, one in pipeline.steps:
        step = one if one in _PASSED else _unwrapped(one)
        if isinstance(step, Pipeline):
            yield from ((f"{name}-{inner}", it) for inner, it in _flat_steps(step, depth + 1))
        elif step not in _PASSED:
            yield name, step


def _split_calibrated(
    fitted: CalibratedClassifierCV, depth: int
) -> tuple[FeatureExtractor, BaseEstimator]:
    """Return the extractor that all parts of a calibrated classifier share, and the classifier without it."""
    check_fitted(fitted)
    parts = [_split(one.estimator, depth + 1) for one in fitted.calibrated_classifiers_]
    extractors, inner = zip(*parts, strict=True)
    if len({repr(sorted(one.get_params().items(), key=str)) for one in extractors}) > 1:
        raise BadOption(
            "CalibratedClassifierCV: its pipelines have different FeatureExtractors; expected one"
        )
    return extractors[0], with_estimators(fitted, inner, _columns(inner[0]))


def _unwrapped(fitted: Any) -> Any:
    """Return the best estimator of a search, and what a frozen estimator holds."""
    for _ in range(_DEEPEST):
        if isinstance(fitted, FrozenEstimator):
            fitted = fitted.estimator
        elif hasattr(fitted, "best_estimator_"):
            fitted = fitted.best_estimator_
        elif hasattr(fitted, "best_params_") or hasattr(fitted, "cv_results_"):
            raise BadOption(
                f"{type(fitted).__name__}: has no best estimator; expected one fitted with refit=True"
            )
        elif hasattr(fitted, "param_grid") or hasattr(fitted, "param_distributions"):
            raise BadOption(f"{type(fitted).__name__}: is not fitted; call its fit first")
        else:
            break
    return fitted


def check_fitted(fitted: BaseEstimator) -> None:
    """Raise BadOption where an estimator was not fitted."""
    try:
        check_is_fitted(fitted)
    except (NotFittedError, TypeError) as error:
        raise BadOption(f"{type(fitted).__name__}: is not fitted; call its fit first") from error


def _columns(estimator: Any) -> int:
    columns = getattr(estimator, "n_features_in_", None)
    if columns is None:
        raise BadOption(
            f"{type(estimator).__name__}: has no n_features_in_; expected the number of its columns"
        )
    return int(columns)


def _opened(extractor: FeatureExtractor) -> Backbone:
    """Return the backbone of an extractor; say what of its parameters a predictor leaves to its engine."""
    check_exact(read_provider(extractor.provider))
    if extractor.on_error == "skip":
        warnings.warn(
            "on_error='skip': the pipeline gives rows of NaN to what cannot be read; the predictor refuses "
            "such samples, and leaves them out where its engine skips",
            FeatxNotice,
            stacklevel=4,
        )
    return extractor.open()


def _without_names(estimator: BaseEstimator) -> BaseEstimator:
    """Return an estimator whose steps take and give arrays, also where they were fitted on data frames."""
    with library_border(f"{type(estimator).__name__}: cannot be copied", error=BadOption):
        copied = copy.deepcopy(estimator)
    for one in _parts(copied, 0):
        for name in ("feature_names_in_", "_sklearn_output_config"):
            vars(one).pop(name, None)
    return copied


def _parts(value: Any, depth: int) -> Iterable[Any]:
    """Give an estimator and all estimators that it holds."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list | tuple):
        for one in value:
            yield from _parts(one, depth)
    elif isinstance(value, BaseEstimator) or type(value).__name__ == "_CalibratedClassifier":
        yield value
        for one in list(vars(value).values()):
            yield from _parts(one, depth + 1)


def _without_target_scaling(
    head: BaseEstimator,
) -> tuple[BaseEstimator, tuple[Doubles, Doubles, bool]]:
    """Return a regressor without the scaling of its targets, and that scaling: centers, scales, logarithm."""
    *before, last = head.steps if isinstance(head, Pipeline) else [("", head)]
    plain = (np.zeros(1), np.ones(1), False)
    if type(last[1]) is not TransformedTargetRegressor:
        return head, plain
    outer = last[1]
    transformer = outer.transformer_
    if type(transformer) is StandardScaler and transformer.mean_ is not None:
        scale = np.ones(1) if transformer.scale_ is None else transformer.scale_
        found = (np.asarray(transformer.mean_), np.asarray(scale), False)
    elif outer.func is np.log and outer.inverse_func is np.exp:
        found = (np.zeros(1), np.ones(1), True)
    elif outer.transformer is None and outer.func is None:
        found = plain
    else:
        raise BadOption(
            "step TransformedTargetRegressor: expected a StandardScaler, or func=np.log with "
            "inverse_func=np.exp; others cannot be kept"
        )
    inner = outer.regressor_
    steps = inner.steps if isinstance(inner, Pipeline) else [("regressor", inner)]
    joined = [*before, *steps]
    return Pipeline(joined), found


def _check_head(head: BaseEstimator) -> None:
    """Refuse what cannot answer as a predictor does, by the name of the step."""
    name, last = head.steps[-1] if isinstance(head, Pipeline) else (type(head).__name__, head)
    step = f"step {name!r} ({type(last).__name__})"
    if not (is_classifier(last) or is_regressor(last)):
        raise BadOption(f"{step}: expected a classifier or regressor at the end")
    _columns(head)
    if is_regressor(last):
        return
    if not any(hasattr(last, one) for one in ("predict_proba", "decision_function")):
        raise BadOption(
            f"{step}: has neither predict_proba nor decision_function to take scores from"
        )
    if isinstance(last, NearestCentroid):
        raise BadOption(
            f"{step}: its labels and its probabilities contradict each other; featx.fit has head='centroid'"
        )
    inner = last.estimator if isinstance(last, OneVsRestClassifier | OneVsOneClassifier) else last
    if isinstance(last_step(inner), SVC | NuSVC) and last_step(inner).probability is True:
        raise BadOption(
            f"{step}: with probability=True its labels and probabilities contradict each other; expected "
            "CalibratedClassifierCV(SVC(), ensemble=False)"
        )
    if isinstance(last, FixedThresholdClassifier | TunedThresholdClassifierCV):
        raise BadOption(
            f"{step}: gives another label than the most probable one; expected the estimator in it"
        )


def _classes(head: BaseEstimator, labels: Sequence[str] | None, dim: int) -> TrainedHead:
    """Return the head of a classifier with one label a sample."""
    last = last_step(head)
    known = last.classes_.tolist()
    names = [str(one) for one in known] if labels is None else [str(one) for one in labels]
    if len(names) != len(known) or len(set(names)) != len(names):
        raise BadOption(f"labels: expected {len(known)} names that differ, found {names!r:.80}")
    own = not is_faithful(head, dim)
    trained = TrainedHead.from_estimator(
        type(last).__name__, head, TemperatureScaling(), own_answers=own
    )
    kind = label_type_of(known) if labels is None else "str"
    return replace(trained, classes=tuple(names), label_type=kind)


def _label_sets(head: BaseEstimator, labels: Sequence[str] | None, dim: int) -> TrainedHead:
    """Return the head of a classifier with any number of labels a sample."""
    last = last_step(head)
    n = len(last.classes_)
    names = _column_names(labels, n, "label")
    own = not is_faithful(head, dim)
    calibrator = LabelCalibration((1.0,) * n, (0.0,) * n, (_MORE_THAN_HALF,) * n)
    return TrainedHead.from_estimator(type(last).__name__, head, calibrator, names, own_answers=own)


def _column_names(labels: Sequence[str] | None, n: int, noun: str) -> tuple[str, ...]:
    """Return the names of columns; say it where none were given."""
    if labels is None:
        if n == 1:
            return ("value",)
        names = tuple(map(str, range(n)))
        message = (
            f"labels: the pipeline does not name its {n} {noun}s; they are called 0 to {n - 1}"
        )
        warnings.warn(message, FeatxNotice, stacklevel=4)
        return names
    names = tuple(map(str, labels))
    if len(names) != n or len(set(names)) != n:
        raise BadOption(f"labels: expected {n} names that differ, found {list(names)!r:.80}")
    return names


def _regressor(
    head: BaseEstimator,
    scaling: tuple[Doubles, Doubles, bool],
    backbone: Backbone,
    labels: Sequence[str] | None,
    samples: Iterable[Any] | None,
    targets: Sequence[Any] | None,
) -> Predictor:
    card = replace(backbone.card, dim=backbone.dim)
    n = scores(head, np.zeros((1, backbone.dim), np.float32)).shape[1]
    names = _column_names(labels, n, "number")
    center, scale = (tuple(np.broadcast_to(part, n).tolist()) for part in scaling[:2])
    calibrator = NumberScaling(center, scale, (0.0,) * n, scaling[2])
    trained = TrainedHead.from_estimator(type(last_step(head)).__name__, head, calibrator, names)
    predictor = predictor_class(get_task("regression")).from_card(card, trained, task="regression")
    if samples is None or targets is None:
        if samples is not None or targets is not None:
            raise BadOption("samples, targets: expected both, or none")
        message = (
            "a pipeline does not say how far its numbers are off: low and high are the number itself; samples= "
            "and targets= that it was not trained on decide the interval"
        )
        warnings.warn(message, FeatxWarning, stacklevel=3)
        return predictor
    rows = predictor.embed(samples).embeddings
    radius = tuple(_radius(head, rows, targets, calibrator).tolist())
    return replace(predictor, head=replace(trained, calibrator=replace(calibrator, radius=radius)))


def _radius(
    head: BaseEstimator, rows: FloatArray, targets: Sequence[Any], scaling: NumberScaling
) -> Doubles:
    """Return the quantiles of absolute residuals that cover a new sample with the chance of the intervals."""
    numbers = np.asarray(targets, np.float64).reshape(len(rows), -1)
    plain = np.log(numbers) if scaling.log else numbers
    standardized = (plain - np.asarray(scaling.center)) / np.asarray(scaling.scale)
    residuals = np.sort(np.abs(standardized - scores(head, rows)), axis=0)
    n, place = len(rows), int(np.ceil((len(rows) + 1) * COVERAGE)) - 1
    if place >= n or not np.isfinite(residuals).all():
        raise BadOption(
            f"samples, targets: {n} of them; expected at least 10 with finite numbers for an interval of 90 %"
        )
    return np.asarray(residuals[place])


def _compare(predictor: Predictor, head: BaseEstimator) -> None:
    """Refuse a head whose answers are not the pipeline's, on drawn rows."""
    trained, last = predictor.head, last_step(head)
    rows = np.random.default_rng(0).normal(size=(_PROBES, trained.dim)).astype(np.float32)
    name = type(last).__name__
    outputs = trained.predict_outputs(rows)
    with library_border(f"step {name}: cannot answer", error=BadOption):
        predicted = np.asarray(head.predict(rows))
    if is_multilabel(last):
        same = np.array_equal(outputs[:, len(trained.classes) :] > 0, predicted == 1)
    else:
        same = np.array_equal(np.asarray(last.classes_)[outputs.argmax(axis=1)], predicted)
        if same and hasattr(head, "predict_proba"):
            same = bool(np.abs(outputs - head.predict_proba(rows)).max() <= _TOLERANCE)
    if not same or not np.isfinite(own_scores(head, rows)).all():
        raise BadOption(
            f"step {name}: cannot be kept so that it answers as it does in the pipeline"
        )

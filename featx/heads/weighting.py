"""Sample weights on their way into an estimator: which steps take them, and who takes none."""

from __future__ import annotations

import warnings
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from featx._typing import Doubles
from featx.errors import BadOption, FeatxWarning

__all__ = ["takes_sample_weight", "weight_parameters"]


def takes_sample_weight(estimator: BaseEstimator) -> bool:
    """Return whether the ``fit`` of an estimator, or of the last step of a pipeline, names ``sample_weight``.

    >>> from featx.heads import make_head
    >>> takes_sample_weight(make_head("logistic")), takes_sample_weight(make_head("knn"))
    (True, False)
    """
    if isinstance(estimator, Pipeline):
        return takes_sample_weight(estimator.steps[-1][1])
    return bool(hasattr(estimator, "fit") and has_fit_parameter(estimator, "sample_weight"))


def weight_parameters(estimator: BaseEstimator, sample_weight: Doubles | None) -> dict[str, Any]:
    """Return the parameters of ``fit`` by which an estimator, and the steps before it, weigh samples.

    Parameters
    ----------
    estimator : scikit-learn estimator
        A pipeline gives the weights to each step that takes them, as to a StandardScaler.
    sample_weight : ndarray of shape (n,), float64, or None
        None needs no parameters.

    Raises
    ------
    BadOption
        The estimator, or the last step of the pipeline, takes no sample weights.

    Warns
    -----
    FeatxWarning
        A step before the last learns from all samples alike.

    Examples
    --------
    >>> import numpy as np
    >>> from featx.heads import make_head
    >>> sorted(weight_parameters(make_head("ridge"), np.ones(3)))
    ['ridgeclassifier__sample_weight', 'standardscaler__sample_weight']
    """
    if sample_weight is None:
        return {}
    if not takes_sample_weight(estimator):
        raise BadOption(
            f"{_describe(estimator)} takes no sample weights: expected an estimator whose fit has "
            "sample_weight; leave the weights out or choose head 'logistic'"
        )
    if not isinstance(estimator, Pipeline):
        return {"sample_weight": sample_weight}
    parameters: dict[str, Any] = {}
    for name, step in estimator.steps:
        if takes_sample_weight(step):
            own = weight_parameters(step, sample_weight)
            parameters |= {f"{name}__{key}": value for key, value in own.items()}
        elif _learns(step):
            warnings.warn(
                f"{_describe(step)} takes no sample weights: it learns from all samples alike",
                FeatxWarning,
                stacklevel=2,
            )
    return parameters


def _describe(estimator: Any) -> str:
    """Return the type of an estimator, or of the last step of a pipeline."""
    return type(estimator[-1] if isinstance(estimator, Pipeline) else estimator).__name__


def _learns(step: Any) -> bool:
    """Return whether a step of a pipeline takes anything from the rows that it is fitted on."""
    if step is None or step == "passthrough":
        return False
    tags = getattr(step, "__sklearn_tags__", None)
    return tags is None or bool(tags().requires_fit)

"""An estimator of one's own as a head: what it must be, its grid, and what can be done with it then."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.model_selection import ParameterGrid
from sklearn.utils import get_tags

from featx.errors import BadOption, FeatxNotice
from featx.heads.rebuilding import unlisted_types
from featx.heads.registry import ESTIMATORS, TRANSFORMERS, estimators_in, last_step, steps_of

__all__ = [
    "Deployment",
    "Kind",
    "OwnHead",
    "check_own",
    "deployment_of",
    "tell_deployment",
    "with_grid",
]

Kind = Literal["classifier", "multilabel", "regressor", "regressors"]
# The most candidates of a grid.
_MOST = 10_000
_NOUNS = MappingProxyType(
    {
        "classifier": "classifier",
        "multilabel": "classifier of several labels",
        "regressor": "regressor",
        "regressors": "regressor of several numbers",
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class OwnHead:
    """An estimator with a grid of its parameters, among which cross-validation chooses.

    Attributes
    ----------
    estimator : scikit-learn estimator
    param_grid : mapping of str to sequence, or a sequence of them, default=None
        As ``sklearn.model_selection.ParameterGrid`` takes it; None: nothing is searched.

    Examples
    --------
    >>> from sklearn.linear_model import RidgeClassifier
    >>> [dict(params) for params in OwnHead(RidgeClassifier(), {"alpha": [1, 10]}).candidates()]
    [{'alpha': 1}, {'alpha': 10}]
    """

    estimator: BaseEstimator
    param_grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]] | None = None

    def candidates(self) -> tuple[Mapping[str, Any], ...]:
        """Return the parameters of each candidate.

        Raises
        ------
        BadOption
            A name is no parameter of the estimator, a list is empty or none, or there are too many.
        """
        if self.param_grid is None:
            return (MappingProxyType({}),)
        grids = [self.param_grid] if isinstance(self.param_grid, Mapping) else self.param_grid
        if not isinstance(grids, list | tuple) or not grids:
            raise _no_grid(self.param_grid)
        for grid in grids:
            if not isinstance(grid, Mapping):
                raise _no_grid(grid)
            for name, values in grid.items():
                self._check_entry(name, values)
        every = ParameterGrid(grids)
        if len(every) > _MOST:
            raise BadOption(f"param_grid: {len(every)} candidates; expected at most {_MOST}")
        return tuple(MappingProxyType(params) for params in every)

    def _check_entry(self, name: Any, values: Any) -> None:
        known = self.estimator.get_params()
        if name not in known:
            near = get_close_matches(str(name), known, n=1)
            names = ", ".join(sorted(known)[:20])
            hint = f"did you mean {near[0]!r}?" if near else f"known: {names}"
            raise BadOption(
                f"param_grid: {type(self.estimator).__name__} has no parameter {name!r}; {hint}"
            )
        # A NumPy array of one axis is a list, too; a text would be tried letter by letter.
        is_list = isinstance(values, list | tuple) or (
            isinstance(values, np.ndarray) and values.ndim == 1
        )
        if not is_list or not len(values):
            raise BadOption(
                f"param_grid: {name} = {values!r:.60}: expected a list of values, one or more"
            )


def _no_grid(found: Any) -> BadOption:
    return BadOption(
        f"param_grid = {found!r:.60}: expected a dict of lists by the names of parameters, such as "
        "{'C': [0.1, 1]}"
    )


def with_grid(head: Any, param_grid: Any) -> OwnHead:
    """Return an estimator with its grid.

    Raises
    ------
    BadOption
        The head is a name: its grid is featx's own.
    """
    if head is None or isinstance(head, str):
        raise BadOption(
            f"param_grid: head {head or 'None'!r} has a grid of its own; expected an estimator as head="
        )
    return OwnHead(head, param_grid)


def tell_deployment(estimator: BaseEstimator) -> None:
    """Say which of save, export and serve will work, where it is not all of them.

    Raises
    ------
    BadOption
        It holds a function or type that no file can name.
    """
    found = deployment_of(estimator)
    if found.impossible:
        raise BadOption(
            f"head {found}; it holds {found.impossible}, which no file can name: expected functions and "
            "classes of a module"
        )
    if found.untrusted:
        message = (
            f"head {found}; it holds types that featx does not trust: {', '.join(found.untrusted)}; to be "
            f"saved and loaded it needs trusted={list(found.untrusted)!r}"
        )
        warnings.warn(message, FeatxNotice, stacklevel=4)
    elif not found.is_complete:
        warnings.warn(f"head {found}", FeatxNotice, stacklevel=4)


def check_own(estimator: Any, kind: Kind) -> None:
    """Refuse what is no estimator of a kind, or gives no scores, before anything is embedded or trained.

    Raises
    ------
    BadOption
        See above; the message says what was expected.
    """
    instance = hasattr(estimator, "get_params") and not isinstance(estimator, type)
    expected = is_regressor if kind.startswith("regressor") else is_classifier
    if not instance or not expected(estimator):
        raise BadOption(
            f"head {estimator!r}: expected the name of a head or a scikit-learn {_NOUNS[kind]}"
        )
    last = last_step(estimator)
    name = type(last).__name__
    if kind == "multilabel" and _says_no(last, "classifier_tags", "multi_label"):
        raise BadOption(
            f"head {name}: gives one label a sample; expected a {_NOUNS[kind]}, such as "
            f"OneVsRestClassifier({name}())"
        )
    if kind == "regressors" and _says_no(last, "target_tags", "multi_output"):
        raise BadOption(
            f"head {name}: gives one number a sample; expected a {_NOUNS[kind]}, such as "
            f"MultiOutputRegressor({name}())"
        )
    if kind.startswith("regressor"):
        return
    methods = ("decision_function", "predict_proba")
    hard = getattr(last, "voting", None) == "hard"
    if hard or not any(hasattr(type(last), one) or hasattr(last, one) for one in methods):
        raise BadOption(
            f"head {name}: expected a classifier with decision_function or predict_proba, found neither; "
            "save, export and serve cannot work: choose another estimator"
        )


def _says_no(estimator: Any, group: str, tag: str) -> bool:
    """Return whether an estimator that says of itself what it can do says no.

    One that holds another, such as OneVsRestClassifier, does not say it.
    """
    if "estimator" in estimator.get_params(deep=False):
        return False
    try:
        tags = getattr(get_tags(estimator), group)
    except (AttributeError, TypeError):
        return False
    return tags is not None and getattr(tags, tag, True) is False


@dataclass(frozen=True, slots=True)
class Deployment:
    """The list of what can be done with a head that was trained with an estimator.

    Attributes
    ----------
    name : str
        Of the estimator.
    untrusted : tuple of str
        The types that it can be saved and loaded with only where they are trusted.
    impossible : str
        What keeps it from being saved; "" where nothing does.
    not_exportable : str
        The step that cannot be written as a graph; "" where all can.
    """

    name: str
    untrusted: tuple[str, ...] = ()
    impossible: str = ""
    not_exportable: str = ""

    @property
    def is_complete(self) -> bool:
        """Tell whether all of it works without a question."""
        return not (self.untrusted or self.impossible or self.not_exportable)

    def __str__(self) -> str:
        """Return which of save, export and serve will work, in words."""
        save = "does not" if self.impossible else "works with trust" if self.untrusted else "works"
        export = f"does not ({self.not_exportable})" if self.not_exportable else "works"
        serve = "does not" if self.impossible else "works"
        if self.untrusted and not self.impossible:
            serve = "works with trust"
        return f"{self.name}: save {save}, export {export}, serve {serve}"


def deployment_of(estimator: BaseEstimator) -> Deployment:
    """Return what can be done with an estimator once it is trained, judged by the types in it.

    >>> from sklearn.ensemble import RandomForestClassifier
    >>> print(deployment_of(RandomForestClassifier()))
    RandomForestClassifier: save works, export does not (RandomForestClassifier), serve works
    """
    steps = steps_of(estimator)
    last = steps[-1]
    unwritten = [type(one).__name__ for one in steps[:-1] if type(one) not in TRANSFORMERS]
    forms = ESTIMATORS.get(type(last))
    if forms is None or forms.onnx is None:
        unwritten.append(type(last).__name__)
    return Deployment(
        type(estimator).__name__ if len(steps) == 1 else type(last).__name__,
        tuple(unlisted_types(estimator)),
        _unimportable(estimator),
        ", ".join(unwritten),
    )


def _unimportable(estimator: BaseEstimator) -> str:
    """Return the first type or function in an estimator that no file can name, or ""."""
    for one in estimators_in(clone(estimator)):
        kind = one if inspect.isroutine(one) else type(one)
        name = getattr(kind, "__qualname__", "")
        if "<" in name:
            return f"{getattr(kind, '__module__', '')}.{name}"
    return ""

"""The table of heads, and what a user's choice among them stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import SVC

from featx.errors import BadOption, UnknownHead

__all__ = ["AUTO", "HEADS", "HeadSpec", "choose_heads", "make_head"]

AUTO = "auto"

# how candidates are tried: each by fits of its own, along one path, or with samples left out in closed form
Search = Literal["fits", "path", "leave-one-out"]


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """One kind of estimator that can be trained on rows."""

    name: str
    text: str  # one sentence for people who choose
    cost: str  # what it asks for, in words
    build: Callable[[], BaseEstimator]  # unfitted, with its own scaler
    grid: tuple[Mapping[str, Any], ...] = (MappingProxyType({}),)  # stiffest first
    search: Search = "fits"
    least: int = 2  # samples that the largest class must have

    def candidates(self, n_samples: int) -> tuple[Mapping[str, Any], ...]:
        """The part of the grid that ``n_samples`` training samples can fill."""
        return tuple(
            params
            for params in self.grid
            if all(v <= n_samples for k, v in params.items() if k.endswith("n_neighbors"))
        )


def _grid(name: str, values: Sequence[Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple(MappingProxyType({name: value}) for value in values)


_TABLE = (
    HeadSpec(
        "logistic",
        "Multinomial logistic regression with an L2 penalty: the first to try, and hard to beat.",
        "seconds for thousands of rows",
        lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        _grid("logisticregression__C", [float(f"{10**e:.2g}") for e in np.arange(-5, 1.5, 0.5)]),
        search="path",
    ),
    HeadSpec(
        "linear-svm",
        "Support vectors with straight borders, one against one: strong with few samples a class.",
        "grows with the square of the samples; keeps its support vectors",
        lambda: make_pipeline(
            StandardScaler(), SVC(kernel="linear", decision_function_shape="ovo")
        ),
        _grid("svc__C", [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]),
    ),
    HeadSpec(
        "rbf-svm",
        "Support vectors with curved borders: when classes are not separated by a plane.",
        "grows with the square of the samples; keeps its support vectors",
        lambda: make_pipeline(StandardScaler(), SVC(decision_function_shape="ovo")),
        _grid("svc__C", [0.3, 1.0, 3.0, 10.0, 30.0]),
    ),
    HeadSpec(
        "ridge",
        "Least squares on the classes with an L2 penalty, tuned by leave-one-out in closed form.",
        "a second for thousands of rows",
        lambda: make_pipeline(StandardScaler(), RidgeClassifier()),
        _grid("ridgeclassifier__alpha", [1e5, 3e4, 1e4, 3e3, 1e3, 3e2, 1e2, 3e1, 1e1]),
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
        _grid("lineardiscriminantanalysis__shrinkage", [0.9, 0.3, 0.1]),
        least=4,
    ),
    HeadSpec(
        "knn",
        "A vote of the nearest training samples by angle: no shape assumed, and easy to explain.",
        "no training; every prediction compares with every row kept",
        lambda: make_pipeline(StandardScaler(), Normalizer(), KNeighborsClassifier()),
        _grid("kneighborsclassifier__n_neighbors", [20, 10, 5, 3, 1]),
    ),
    HeadSpec(
        "centroid",
        "The class whose mean is nearest: nothing to tune, for one to five samples a class.",
        "milliseconds",
        lambda: make_pipeline(StandardScaler(), NearestCentroid()),
    ),
)

HEADS: Mapping[str, HeadSpec] = MappingProxyType({head.name: head for head in _TABLE})


def make_head(name: str) -> Pipeline:
    """A new, unfitted pipeline of a head by its name.

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


def choose_heads(
    head: str | BaseEstimator, *, largest: int, balance: bool = False, seed: int = 0
) -> tuple[HeadSpec, ...]:
    """The heads that a user's choice stands for, ready to be trained.

    Parameters
    ----------
    head : str or scikit-learn classifier
        A name in ``HEADS``; ``"auto"`` for all of them that the data allow; or an estimator, which is
        taken as it is: featx adds no scaler and searches nothing.
    largest : int
        Samples of the largest class.
    balance : bool, default=False
        Classes weigh the same in training, however many samples they have.
    seed : int, default=0
        Given to every ``random_state`` of the estimator that is None.

    Raises
    ------
    UnknownHead
        No head has that name.
    BadOption
        The estimator is not a classifier, the head cannot weigh classes, or it needs more samples.
    """
    if not isinstance(head, str):
        chosen: tuple[HeadSpec, ...] = (_own_head(head, seed),)
    elif head == AUTO:
        chosen = tuple(
            h for h in HEADS.values() if h.least <= largest and (not balance or _weight_key(h))
        )
    elif head in HEADS:
        chosen = (HEADS[head],)
    else:
        raise UnknownHead(head, [*HEADS, AUTO])
    for each in chosen:
        if each.least > largest:
            raise BadOption(
                f"head {each.name!r}: expected a class with at least {each.least} samples, "
                f"the largest has {largest}; add samples or choose head 'logistic'"
            )
    return tuple(_balanced(each) for each in chosen) if balance else chosen


def _own_head(estimator: BaseEstimator, seed: int) -> HeadSpec:
    """A user's classifier as a head."""
    known = hasattr(estimator, "get_params") and not isinstance(estimator, type)
    if not known or not is_classifier(estimator):
        raise BadOption(
            f"head {estimator!r}: expected the name of a head or a scikit-learn classifier"
        )
    unset = [k for k, v in estimator.get_params().items() if _names_seed(k) and v is None]
    seeded = clone(estimator).set_params(**dict.fromkeys(unset, seed))
    return HeadSpec(
        type(estimator).__name__, "The user's own estimator.", "its own", _Clone(seeded)
    )


def _names_seed(key: str) -> bool:
    return key == "random_state" or key.endswith("__random_state")


@dataclass(frozen=True, slots=True)
class _Clone:
    """Makes unfitted copies of an estimator."""

    estimator: BaseEstimator
    params: tuple[tuple[str, Any], ...] = ()

    def __call__(self) -> BaseEstimator:
        return clone(self.estimator).set_params(**dict(self.params))


def _weight_key(head: HeadSpec) -> str | None:
    """The parameter by which a head's last step weighs classes."""
    estimator = head.build()
    name = f"{estimator.steps[-1][0]}__class_weight" if hasattr(estimator, "steps") else ""
    return next((k for k in (name, "class_weight") if k in estimator.get_params()), None)


def _balanced(head: HeadSpec) -> HeadSpec:
    key = _weight_key(head)
    if key is None:
        able = ", ".join(name for name, known in HEADS.items() if _weight_key(known))
        raise BadOption(f"head {head.name!r} cannot balance classes; those that can: {able}")
    build = _Clone(head.build(), ((key, "balanced"),))
    return HeadSpec(head.name, head.text, head.cost, build, head.grid, head.search, head.least)

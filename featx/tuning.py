"""Which head, with which parameters and which temperature: cross-validation on rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import threadpool_limits

from featx.engine import count_workers
from featx.errors import FeatxWarning
from featx.heads import HEADS, FittedHead, Head, find_temperature, scores, stray_log_loss
from featx.inputs import FloatArray

__all__ = ["Choice", "Recipe", "fit_choice", "make_folds", "tune"]

Labels = npt.NDArray[np.str_]
Doubles = npt.NDArray[np.float64]
Folds = npt.NDArray[np.intp]

_FOLDS = 4
_CLOSE = 0.5  # standard errors of accuracy within which the log-loss decides
_SMALL = 2_000_000  # samples x columns x classes below which threads cost more than they save
_PATIENCE = 3  # steps for the worse along a path before it is left


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a head is trained: what a user decides, besides the rows."""

    head: str | BaseEstimator = "logistic"
    seed: int = 0
    balance: bool = False  # every class weighs the same, however many samples it has
    n_jobs: int | None = None  # threads; it never changes the answer


@dataclass(frozen=True, slots=True)
class Choice:
    """A head, its parameters and its temperature, as cross-validation chose them."""

    head: Head
    params: Mapping[str, Any]
    temperature: float
    accuracy: float  # of the samples left out: the number that was optimised, so not one to quote
    folds: int  # 0 where there were too few samples to leave any out
    repeats: int
    tried: int  # candidates


@dataclass(frozen=True, slots=True)
class _Try:
    """How one candidate did on samples left out."""

    head: Head
    params: Mapping[str, Any]
    accuracy: float
    log_loss: float
    temperature: float


def make_folds(labels: Labels, k: int, rng: np.random.Generator) -> Folds:
    """A fold for each sample, with the classes spread evenly.

    The members of a class differ in number by at most one between folds, and so do whole folds. A class
    with a single member gets -1: it stays in every training part. So each training part has all classes.

    Returns
    -------
    ndarray of shape (n,), intp
        0 … k-1, or -1.

    Examples
    --------
    >>> folds = make_folds(np.array(list("aaaabbbbc")), 2, np.random.default_rng(0))
    >>> [int(sum(folds == fold)) for fold in (-1, 0, 1)]
    [1, 4, 4]
    """
    folds = np.full(len(labels), -1, np.intp)
    turn = 0
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if len(members) > 1:
            folds[rng.permutation(members)] = (np.arange(len(members)) + turn) % k
            turn += len(members)
    return folds


def tune(
    heads: Sequence[Head],
    rows: FloatArray,
    labels: Labels,
    *,
    recipe: Recipe,
    repeats: int = 1,
) -> Choice:
    """The best of the candidates of ``heads``, by stratified cross-validation in four folds.

    Accuracy decides; among candidates within half of its standard error, the log-loss after
    calibration does. The answer is the same, bit for bit, whatever ``n_jobs``.

    Parameters
    ----------
    repeats : int, default=1
        Times that samples are dealt into folds anew; more is steadier.
    recipe : Recipe
        With ``balance`` every class counts the same in accuracy, log-loss and temperature.
    """
    k = min(_FOLDS, max(np.unique(labels, return_counts=True)[1]))
    rng = np.random.default_rng(recipe.seed)
    folds = np.stack([make_folds(labels, k, rng) for _ in range(repeats)])
    splits = [
        (np.flatnonzero(deal != fold), np.flatnonzero(deal == fold))
        for deal in folds
        for fold in range(k)
        if (deal == fold).any()
    ]
    if not splits:
        head = heads[0]
        middle = head.candidates(len(labels))[len(head.candidates(len(labels))) // 2]
        return Choice(head, middle, 1.0, float("nan"), 0, 0, 1)
    tested = np.concatenate([test for _, test in splits])
    y = np.unique(labels, return_inverse=True)[1]
    weights = (1 / np.bincount(y))[y] if recipe.balance else np.ones(len(y))
    tries: list[_Try] = []
    small = rows.size * len(np.unique(labels)) < _SMALL
    workers = 1 if small else count_workers(recipe.n_jobs)
    with (
        _quiet(heads),
        _one_thread_each(),
        Parallel(workers, prefer="threads") as pool,
    ):
        for head in heads:
            tries += _try_all(head, rows, labels, splits, y[tested], weights[tested], pool)
    best = _best(tries, len(labels))
    return Choice(
        best.head, best.params, best.temperature, best.accuracy, int(k), repeats, len(tries)
    )


def fit_choice(choice: Choice, rows: FloatArray, labels: Labels) -> FittedHead:
    """Train what ``tune`` chose, in the way that ``tune`` tried it.

    Raises
    ------
    BadOption
        A user's own estimator gives no scores: neither ``decision_function`` nor ``predict_proba``.
    """
    head = choice.head
    estimator = head.build()
    with _quiet([head]), _one_thread_each():
        if head.path:
            estimator.set_params(**head.path)
            for params in head.grid[: head.grid.index(choice.params)]:
                estimator.set_params(**params).fit(rows, labels)
        estimator.set_params(**choice.params).fit(rows, labels)
    if head.path:
        plain = head.build().get_params()
        estimator.set_params(**{key: plain[key] for key in head.path})
    return FittedHead(head.name, estimator, choice.temperature)


def _try_all(
    head: Head,
    rows: FloatArray,
    labels: Labels,
    splits: Sequence[tuple[Folds, Folds]],
    y: Folds,
    weights: Doubles,
    pool: Parallel,
) -> list[_Try]:
    """Every candidate of a head on every split; a path is left when it only gets worse."""
    tries: list[_Try] = []
    benches = pool(
        delayed(_Bench.prepare)(head, rows, labels, train, test) for train, test in splits
    )
    for params in head.candidates(min(len(train) for train, _ in splits)):
        parts = pool(delayed(_Bench.scores)(bench, params) for bench in benches)
        tries.append(_judge(head, params, np.concatenate(parts), y, weights))
        losses = [each.log_loss for each in tries]
        if head.path and len(losses) - 1 - int(np.argmin(losses)) >= _PATIENCE:
            break
    return tries


@dataclass(frozen=True, slots=True)
class _Bench:
    """One split with all that candidates share done once: scaling, and the kernel of support vectors."""

    estimator: BaseEstimator
    prefix: str  # of parameter names, gone once the last step stands alone
    warm: bool
    train: FloatArray
    labels: Labels
    test: FloatArray

    @classmethod
    def prepare(
        cls, head: Head, rows: FloatArray, labels: Labels, train: Folds, test: Folds
    ) -> _Bench:
        estimator, prefix = head.build(), ""
        fitted, left = rows[train], rows[test]
        if head.path:
            estimator.set_params(**head.path)
        if isinstance(estimator, Pipeline):
            before, prefix = estimator[:-1], f"{estimator.steps[-1][0]}__"
            estimator = estimator[-1]
            fitted, left = before.fit_transform(fitted, labels[train]), before.transform(left)
        if isinstance(estimator, SVC) and head.name in HEADS and len(train) <= _GRAM:
            kernel = _KERNELS[estimator.kernel](fitted)
            estimator.set_params(kernel="precomputed")
            fitted, left = kernel(fitted), kernel(left)
        return cls(estimator, prefix, bool(head.path), fitted, labels[train], left)

    def scores(self, params: Mapping[str, Any]) -> Doubles:
        """Of the samples left out, by one candidate."""
        estimator = self.estimator if self.warm else clone(self.estimator)
        own = {key.removeprefix(self.prefix): value for key, value in params.items()}
        return scores(estimator.set_params(**own).fit(self.train, self.labels), self.test)


def _linear(train: FloatArray) -> Callable[[FloatArray], FloatArray]:
    return lambda rows: rows @ train.T


def _rbf(train: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """With the width that SVC calls ``scale``."""
    gamma = 1 / (train.shape[1] * (float(train.var()) or 1.0))
    return lambda rows: np.asarray(rbf_kernel(rows, train, gamma=gamma))


_GRAM = 6000  # training samples of which a whole kernel matrix is kept in memory, 8 bytes a pair
_KERNELS = MappingProxyType({"linear": _linear, "rbf": _rbf})


def _judge(
    head: Head, params: Mapping[str, Any], values: Doubles, y: Folds, weights: Doubles
) -> _Try:
    temperature = find_temperature(values, y, weights)
    losses = stray_log_loss(values / temperature, y)
    right = values.argmax(axis=1) == y
    return _Try(
        head,
        params,
        accuracy=float(np.average(right, weights=weights)),
        log_loss=float(np.average(losses, weights=weights)),
        temperature=temperature,
    )


def _best(tries: Sequence[_Try], n: int) -> _Try:
    top = max(each.accuracy for each in tries)
    close = _CLOSE * np.sqrt(top * (1 - top) / n) + 1e-9
    near = [each for each in tries if each.accuracy >= top - close]
    return min(near, key=lambda each: each.log_loss)


def _one_thread_each() -> threadpool_limits:
    """No threads inside the linear algebra: folds already fill the cores, and sums keep their order."""
    return threadpool_limits(limits=1)


@contextmanager
def _quiet(heads: Sequence[Head]) -> Iterator[None]:
    """Hold back what scikit-learn says of each fold; say once what a user's own estimator said.

    featx's own heads warn about classes with one sample, which is known and harmless; a solver at its
    limit is told, for any head.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    own = all(head.name in HEADS for head in heads)
    told = {
        str(each.message).partition("\n")[0]
        for each in caught
        if not own or issubclass(each.category, ConvergenceWarning)
    }
    for message in sorted(told):
        warnings.warn(f"while training: {message}", FeatxWarning, stacklevel=4)

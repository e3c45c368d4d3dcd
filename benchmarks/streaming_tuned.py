"""Ways to train a linear head that reads its rows in blocks, each tuned on rows that it did not learn from.

``many_rows.py --solvers`` prints them. Rows are as many for each weight as in a million rows of 1280 columns
and 100 classes. Steps that are tried together share a reading: rows are multiplied by the weights of all.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

ROWS, COLUMNS, CLASSES, TUNED_BY = 100_000, 128, 100, 8_000
# Scores of given rows by the chosen weights, what was chosen, and how often the rows were read for it.
Found = tuple[Callable[[Any], Any], str, float]


class Rows:
    """Rows in memory, with what the solvers of featx ask of rows on disk."""

    map_fn = map

    def __init__(self, rows: Any, y: Any, tune: tuple[Any, Any]) -> None:
        from featx.many_rows.heads import ClosedForm
        from featx.tuning.solvers.streamed_sums import RowTargets, StreamedSums

        self.rows, self.y, self.n_reads = rows, y, 0
        self.tune, self.tune_y = tune
        ones = np.ones(len(y))
        self.targets = RowTargets(ones, ones, y, None, CLASSES)
        sums = StreamedSums.zeros(rows[:1000].mean(axis=0), CLASSES, products=True)
        sums.add(rows, self.targets, map)
        self.form = ClosedForm(sums)
        self.sums = self.form.standardized

    def read(self, train: Any, stage: str) -> Iterator[tuple[Any, Any]]:
        self.n_reads += 1
        for start in range(0, len(self.y), 10_000):
            part = slice(start, start + 10_000)
            yield self.rows[part], self.targets.subset(part)

    def standardize(self, rows: Any) -> Any:
        return ((rows - self.sums.mean) / self.sums.scale).astype(np.float32)

    def judge(self, scores: Any, indices: Any) -> Any:
        from featx.heads import TemperatureScaling
        from featx.tuning.problem import Evaluation

        y = self.tune_y[indices]
        calibrator = TemperatureScaling.fit(scores, y)
        accuracy = float((scores.argmax(axis=1) == y).mean())
        return Evaluation(accuracy, 0.0, log_loss(scores, y), calibrator)

    def best(self, candidates: Sequence[tuple[Callable[[Any], Any], str]], reads: float) -> Found:
        losses = [log_loss(scores(self.tune), self.tune_y) for scores, _ in candidates]
        return *candidates[int(np.argmin(losses))], reads


def log_loss(scores: Any, y: Any) -> float:
    """Return the log-loss with the temperature that suits the scores best."""
    from featx.heads import TemperatureScaling

    shares = TemperatureScaling.fit(scores, y).apply(scores)
    return float(-np.log(shares[np.arange(len(y)), y]).mean())


def lbfgs(rows: Rows) -> Found:
    """Search the penalty as ``featx fit`` does."""
    from featx.heads import HEADS
    from featx.many_rows.logistic import search_penalty

    found = search_penalty(HEADS["logistic"], rows.form, rows, None, rows.tune, rows.judge)  # type: ignore[arg-type]
    [strength] = found.params.values()
    scores = lambda new: rows.form.scores(found.solution, new)  # noqa: E731
    return scores, f"C = {strength:g} of {found.n_tried}", rows.n_reads


def closed(name: str) -> Callable[[Rows], Found]:
    """Return the function that solves a head in closed form."""

    def solve(rows: Rows) -> Found:
        from featx.heads import HEADS
        from featx.many_rows.heads import STREAMED_HEADS, streamed_grid

        grid = streamed_grid(HEADS[name], len(rows.y))
        solutions = STREAMED_HEADS["classification"][name].solve(rows.form, grid)  # type: ignore[misc]
        tried = [
            ((lambda new, own=own: rows.form.scores(own, new)), f"{next(iter(p.values())):g}")
            for own, p in zip(solutions, grid, strict=True)
        ]
        return rows.best(tried, 1)

    return solve


def descend(
    batch: int, readings: int, steps: Sequence[float], ridge: float | None = None
) -> Callable[[Rows], Found]:
    """Return the function that averages the weights of stochastic descent, of several steps at once.

    With ``ridge`` gradients are multiplied by the inverse of the mean outer product of rows plus that.
    """

    def solve(rows: Rows) -> Found:
        from featx.tuning.solvers.losses import softmax_loss

        table, m, d = rows.standardize(rows.rows), len(steps), COLUMNS
        weights = np.zeros((d + 1, m * CLASSES), np.float32)
        mean, rate = np.zeros_like(weights), np.repeat(np.float32(steps), CLASSES)
        inverse = None
        if ridge is not None:
            outer = rows.sums.products / len(rows.y)
            inverse = np.linalg.inv(outer + ridge * np.eye(d)).astype(np.float32)
        rng, shares = np.random.default_rng(0), np.full((batch, m), 1 / batch, np.float32)
        for _ in range(readings):
            order = rng.permutation(len(rows.y))
            for start in range(0, len(order) - batch + 1, batch):
                own = order[start : start + batch]
                values = table[own] @ weights[:-1] + weights[-1]
                _, slopes = softmax_loss(values.reshape(batch, m, CLASSES), rows.y[own], shares)
                flat = slopes.reshape(batch, -1)
                slope = table[own].T @ flat
                weights[:-1] -= rate * (slope if inverse is None else inverse @ slope)
                weights[-1] -= rate * flat.sum(axis=0)
                mean += weights
        parts = np.split(mean / (readings * (len(rows.y) // batch)), m, axis=1)
        tried = [
            (
                (lambda new, w=w: np.float64(rows.standardize(new) @ w[:-1] + w[-1])),
                f"step {step:g}",
            )
            for w, step in zip(parts, steps, strict=True)
        ]
        return rows.best(tried, readings)

    return solve


def partial_fit(rows: Rows) -> Found:
    """Read once with scikit-learn's SGDClassifier for each of three constant steps."""
    from sklearn.linear_model import SGDClassifier

    table, tried = rows.standardize(rows.rows), []
    for step in (3e-3, 1e-2, 3e-2):
        model = SGDClassifier(
            loss="log_loss",
            alpha=1e-5,
            average=True,
            learning_rate="constant",
            eta0=step,
            random_state=0,
        )
        model.partial_fit(table, rows.y, classes=np.arange(CLASSES))
        scores = lambda new, own=model: own.decision_function(rows.standardize(new))  # noqa: E731
        tried.append((scores, f"step {step:g}"))
    return rows.best(tried, len(tried))


def saga(rows: Rows) -> Found:
    """Read ten times with scikit-learn's SAGA, for one penalty."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=3.2e-3, solver="saga", max_iter=10, tol=0, random_state=0)
    model.fit(rows.standardize(rows.rows), rows.y)
    return lambda new: model.decision_function(rows.standardize(new)), "C = 0.0032 of 1", 10


SOLVERS = {
    "L-BFGS, as `featx fit` does it": lbfgs,
    "averaged SGD, batches of 64": descend(64, 1, (0.03, 0.1, 0.3, 1.0)),
    "averaged SGD, batches of 64, three times": descend(64, 3, (0.03, 0.1, 0.3, 1.0)),
    "averaged SGD, preconditioned": descend(256, 1, (0.1, 0.3, 1.0, 3.0), 0.03),
    "averaged SGD, preconditioned, three times": descend(256, 3, (0.1, 0.3, 1.0, 3.0), 0.03),
    "SGDClassifier.partial_fit": partial_fit,
    "SAGA": saga,
    "ridge, closed form": closed("ridge"),
    "discriminants, closed form": closed("lda"),
}


def compare_tuned(
    train: tuple[Any, Any], tune: tuple[Any, Any], test: tuple[Any, Any]
) -> Iterator[tuple[str, ...]]:
    """Give for each solver what it chose, its readings, seconds, and accuracy and log-loss on other rows."""
    for name, solve in SOLVERS.items():
        rows = Rows(*train, tune)
        begun = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores, chosen, reads = solve(rows)
        seconds = time.process_time() - begun
        values = np.asarray(scores(test[0]), np.float64)
        accuracy = float((values.argmax(axis=1) == test[1]).mean())
        loss = log_loss(values, test[1])
        yield name, chosen, f"{reads:g}", f"{seconds:.1f}", f"{accuracy:.4f}", f"{loss:.4f}"

"""Streaming solvers of the multinomial logistic regression, by how often they read the rows.

``many_rows.py --solvers`` prints them. What is minimised is the mean loss on standardised rows with the penalty
of C = 0.001; the least is what L-BFGS reaches when it goes on.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

C, BATCH, BLOCK = 0.001, 1024, 10_000
# The sample on which a start is made.
SAMPLE = 5_000

Result = tuple[str, int, float, float, float]


class Problem:
    """Standardised rows with classes, and the loss of weights on them."""

    def __init__(self, rows: Any, y: Any) -> None:
        from featx.tuning.solvers.streamed_sums import RowTargets, StreamedSums

        self.plain, self.y, self.k = rows, y, int(y.max()) + 1
        ones = np.ones(len(y))
        self.targets = RowTargets(ones, ones, y, None, self.k)
        sums = StreamedSums.zeros(rows[:BLOCK].mean(axis=0), self.k, products=True)
        sums.add(rows, self.targets, map)
        self.sums = sums.standardized()
        self.rows = ((rows - self.sums.mean) / self.sums.scale).astype(np.float32)
        self.penalty = 1 / (C * len(y))

    def loss(self, weights: Any) -> float:
        values = self.rows @ weights[:-1] + weights[-1]
        top = values.max(axis=1)
        total = np.log(np.exp(values - top[:, None]).sum(axis=1)) + top
        own = values[np.arange(len(self.y)), self.y]
        return float((total - own).mean() + self.penalty / 2 * (weights[:-1] ** 2).sum())

    def blocks(self) -> Iterator[tuple[Any, Any]]:
        for start in range(0, len(self.y), BLOCK):
            part = slice(start, start + BLOCK)
            yield self.plain[part], self.targets.subset(part)


def lbfgs(problem: Problem, start: Any, gap: float) -> tuple[Any, int]:
    """Solve by L-BFGS that reads all rows for each evaluation, from a start."""
    from featx.tuning.solvers.closed_form import LinearSolution
    from featx.tuning.solvers.streamed_logistic import StreamedLogistic

    first = None if start is None else LinearSolution(start[:-1].T, start[-1])
    probe = problem.plain[:: max(1, len(problem.y) // 2048)]
    solver = StreamedLogistic(problem.blocks, problem.sums, probe, gap=gap, start=first)
    for _ in solver.solve_path([C]):
        pass
    found = solver.solution
    return np.vstack([found.coef.T, found.intercept]), solver.n_reads


def discriminants(problem: Problem) -> Any:
    """Return the linear discriminants, in closed form from the sums: of normal classes the best rule."""
    from featx.tuning.solvers.closed_form import principal_axes, solve_discriminants

    axes = principal_axes(problem.sums, 1.0)
    [found] = solve_discriminants(problem.sums, axes, [0.01])
    return np.vstack([(found.coef @ axes.components).T, found.intercept]).astype(np.float32)


def on_sample(problem: Problem) -> Any:
    """Return the solution on some rows, drawn at random."""
    rng = np.random.default_rng(0)
    some = rng.choice(len(problem.y), SAMPLE, replace=False)
    part = Problem(problem.plain[some], problem.y[some])
    weights, _ = lbfgs(part, None, 1e-4)
    coef = weights[:-1] / part.sums.scale[:, None]
    intercept = weights[-1] - part.sums.mean @ coef
    return np.vstack([coef * problem.sums.scale[:, None], intercept + problem.sums.mean @ coef])


def descend(problem: Problem, start: Any, passes: int) -> Any:
    """Average the weights of stochastic descent, preconditioned by the curvature of the rows."""
    n, d = problem.rows.shape
    curvature = 1 / problem.k
    inverse = np.linalg.inv(
        curvature * problem.sums.products / n + (problem.penalty + 1e-3) * np.eye(d)
    ).astype(np.float32)
    weights = (
        np.zeros((d + 1, problem.k), np.float32) if start is None else start.astype(np.float32)
    )
    mean, count = np.zeros_like(weights), 0
    steps = passes * -(-n // BATCH)
    for step in range(steps):
        first = step % -(-n // BATCH) * BATCH
        rows, y = problem.rows[first : first + BATCH], problem.y[first : first + BATCH]
        values = rows @ weights[:-1] + weights[-1]
        shares = np.exp(values - values.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        shares[np.arange(len(y)), y] -= 1
        slope = rows.T @ shares / len(y) + problem.penalty * weights[:-1]
        rate = np.float32(0.5 / (1 + step / 20) ** 0.6)
        weights[:-1] -= rate * inverse @ slope
        weights[-1] -= rate / curvature * shares.mean(axis=0)
        if step >= steps // 2:
            mean, count = mean + weights, count + 1
    return mean / count


def compare(rows: Any, y: Any, test: tuple[Any, Any]) -> Iterator[Result]:
    """Give for each solver its readings, seconds, loss above the least, and accuracy on other rows."""
    from sklearn.linear_model import LogisticRegression

    problem = Problem(rows, y)
    least = problem.loss(lbfgs(problem, discriminants(problem), 1e-9)[0])
    beside = ((test[0] - problem.sums.mean) / problem.sums.scale).astype(np.float32)

    def judge(name: str, reads: int, begun: float, weights: Any) -> Result:
        seconds = time.perf_counter() - begun
        right = (beside @ weights[:-1] + weights[-1]).argmax(axis=1) == test[1]
        return name, reads, seconds, problem.loss(weights) - least, float(right.mean())

    begun = time.perf_counter()
    closed = discriminants(problem)
    yield judge("discriminants, closed form", 0, begun, closed)
    starts = {
        "0": lambda: None,
        "discriminants": lambda: closed,
        "a sample": lambda: on_sample(problem),
    }
    for name, make in starts.items():
        begun = time.perf_counter()
        weights, reads = lbfgs(problem, make(), 1e-4)
        yield judge(f"L-BFGS from {name}", reads, begun, weights)
    for name in ("0", "a sample"):
        for passes in (1, 3, 10):
            begun = time.perf_counter()
            weights = descend(problem, starts[name](), passes)
            yield judge(f"averaged SGD from {name}", passes, begun, weights)
    for passes in (3, 10):
        begun = time.perf_counter()
        model = LogisticRegression(C=C, solver="saga", max_iter=passes, tol=0)
        model.fit(problem.rows, y)
        weights = np.vstack([model.coef_.T, model.intercept_])
        yield judge("SAGA", passes, begun, weights)

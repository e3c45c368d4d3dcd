"""The heads that are trained on rows on disk, and what each takes of the readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from sklearn.base import BaseEstimator

from featx._typing import FloatArray, Labels
from featx.errors import BadOption
from featx.heads import HeadSpec
from featx.heads.registry import parameter_grid
from featx.heads.weighting import takes_sample_weight
from featx.many_rows.estimators import (
    adopt_axes,
    adopt_centroids,
    adopt_discriminants,
    adopt_linear,
    adopt_scaling,
)
from featx.tuning import HeadConfig, TuningProblem
from featx.tuning.solvers.closed_form import (
    LinearSolution,
    PrincipalAxes,
    principal_axes,
    solve_centroids,
    solve_discriminants,
    solve_ridge,
)
from featx.tuning.solvers.streamed_sums import StandardizedSums, StreamedSums

__all__ = [
    "STREAMED_HEADS",
    "ClosedForm",
    "StreamedHead",
    "choose_streamed_head",
    "streamed_grid",
]

# The most columns whose products are summed: 0.5 GB each of two tables.
_MOST_COLUMNS = 8192
# The share of the variance that the axes of the head "lda" explain.
_AXES_SHARE = 0.99
# The most classes.
_MOST_CLASSES = 10_000


@dataclass(frozen=True, slots=True)
class StreamedHead:
    """A head that is trained on rows on disk.

    Attributes
    ----------
    products : bool
        Whether it takes the products of columns.
    solve : callable or None
        From sums and the candidates of its grid to a solution each; None where rows are read again for it.
    """

    products: bool
    solve: Callable[[ClosedForm, Sequence[Mapping[str, Any]]], Iterator[LinearSolution]] | None


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """The sums over rows, in the forms that solutions take them in.

    Attributes
    ----------
    sums : StreamedSums
    """

    sums: StreamedSums

    @cached_property
    def standardized(self) -> StandardizedSums:
        """The sums as they are of standardised rows."""
        return self.sums.standardized()

    @cached_property
    def axes(self) -> PrincipalAxes:
        """The directions that explain 99 % of the variance, as the PCA of the head "lda" has them."""
        return principal_axes(self.standardized, _AXES_SHARE)

    def scores(self, solution: LinearSolution, rows: FloatArray) -> Any:
        """Return the scores of rows by a solution of standardised rows, or of rows along the axes."""
        if solution.coef.shape[1] != rows.shape[1]:
            solution = LinearSolution(solution.coef @ self.axes.components, solution.intercept)
        return solution.scores(rows, self.standardized)

    def estimator(
        self,
        spec: HeadSpec,
        params: Mapping[str, Any],
        solution: LinearSolution,
        classes: Labels | None,
    ) -> BaseEstimator:
        """Return the fitted pipeline of a head with the solution."""
        pipeline = spec.build().set_params(**params)
        adopt_scaling(pipeline, self.standardized)
        last = pipeline[-1]
        if spec.name == "lda" and classes is not None:
            adopt_axes(pipeline[1], self.axes, self.standardized)
            adopt_discriminants(last, solution, self.axes, self.standardized, classes)
        elif spec.name == "centroid" and classes is not None:
            adopt_centroids(last, self.standardized, classes)
        else:
            adopt_linear(last, solution, classes)
        return pipeline


def streamed_grid(spec: HeadSpec, n: int) -> tuple[Mapping[str, Any], ...]:
    """Return the candidates of a head: of ridge also penalties that are as strong for n rows as for few.

    >>> from featx.heads import HEADS
    >>> [next(iter(one.values())) for one in streamed_grid(HEADS["ridge"], 10**6)][:4]
    [10000000.0, 3000000.0, 1000000.0, 300000.0]
    """
    if spec.search != "leave-one-out":
        return spec.grid
    [(name, strongest)] = spec.grid[0].items()
    steps = [round(10**power, 1) * 10**k for k in range(6) for power in (0.5, 1.0)]
    more = [float(f"{strongest * step:.1g}") for step in steps]
    return (*parameter_grid(name, [a for a in reversed(more) if a <= 10 * n]), *spec.grid)


def _values(candidates: Sequence[Mapping[str, Any]]) -> list[float]:
    return [value for params in candidates for value in params.values()]


_RIDGE = StreamedHead(True, lambda form, c: solve_ridge(form.standardized, _values(c)))

STREAMED_HEADS: Mapping[str, Mapping[str, StreamedHead]] = MappingProxyType(
    {
        "classification": MappingProxyType(
            {
                "logistic": StreamedHead(True, None),
                "ridge": _RIDGE,
                "lda": StreamedHead(
                    True,
                    lambda form, c: solve_discriminants(form.standardized, form.axes, _values(c)),
                ),
                "centroid": StreamedHead(
                    False, lambda form, c: iter([solve_centroids(form.standardized)])
                ),
            }
        ),
        "regression": MappingProxyType({"ridge": _RIDGE}),
    }
)
"""The heads by task and name."""


def choose_streamed_head(
    task: str, config: HeadConfig, problem: TuningProblem, dim: int, limit: int
) -> HeadSpec:
    """Return the head that is trained on rows on disk.

    Parameters
    ----------
    task : str
    config : HeadConfig
    problem : TuningProblem
    dim : int
        Columns of the rows.
    limit : int
        The rows up to which any head is trained in memory.

    Raises
    ------
    BadOption
        The head is another; the message names the limit, and those that can.
    """
    able, n = STREAMED_HEADS[task], len(problem)
    asked = config.head
    if asked is None:
        asked = next(iter(able))
    remedy = f"choose one of {', '.join(able)}, or set in_memory=True where there is room"
    if config.param_grid is not None or not isinstance(asked, str) or asked not in able:
        name = asked if isinstance(asked, str) else type(asked).__name__
        raise BadOption(
            f"head {name!r}: needs its rows in memory, as up to {limit} of {dim} columns are by default; found "
            f"{n} on disk: {remedy}"
        )
    [spec] = problem.choose_heads(asked, random_state=config.random_state)
    if problem.n_outputs > _MOST_CLASSES:
        raise BadOption(
            f"rows: {problem.n_outputs} classes; expected at most {_MOST_CLASSES} of {n} rows on disk"
        )
    if able[spec.name].products and dim > _MOST_COLUMNS:
        raise BadOption(
            f"head {spec.name!r}: sums products of columns, of which {_MOST_COLUMNS} go into memory; found "
            f"{dim}: {remedy}"
        )
    if problem.design.weights is not None and not takes_sample_weight(spec.build()):
        weighing = [name for name in able if name in ("logistic", "ridge")]
        raise BadOption(
            f"head {spec.name!r}: takes no sample weights; leave them out, or choose one of "
            f"{', '.join(weighing)}"
        )
    return spec

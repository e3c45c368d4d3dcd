"""The scores of a fitted estimator as nodes of a graph: the forms of its steps, one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sklearn.base import BaseEstimator

from featx.errors import NotExportable
from featx.heads.faithful import FAITHFUL
from featx.heads.registry import ESTIMATORS, TRANSFORMERS, steps_of

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder

__all__ = ["add_scores"]


def add_scores(
    graph: GraphBuilder, value: str, estimator: BaseEstimator, *, own: bool = False
) -> str:
    """Add what ``featx.heads.scores`` gives, in the same precision, and return its name.

    Parameters
    ----------
    value : str
        The name of rows of shape (n, dim), float64.
    own : bool, default=False
        Whether it shall be what the estimator answers by itself; see ``own_answers``.

    Raises
    ------
    NotExportable
        A step cannot be written as a graph; the message names it.
    """
    *before, last = steps_of(estimator)
    for step in before:
        if type(step) not in TRANSFORMERS:
            raise _refusal(step, TRANSFORMERS)
        value = TRANSFORMERS[type(step)](graph, value, step)
    forms = ESTIMATORS.get(type(last))
    form = None if forms is None else forms.own_onnx if own else forms.onnx
    if form is None:
        able = (entry.own_onnx if own else entry.onnx for entry in ESTIMATORS.values())
        known = [kind for kind, one in zip(ESTIMATORS, able, strict=True) if one]
        raise _refusal(last, {*known, *FAITHFUL} if own else known)
    return form(graph, value, last)


def _refusal(step: BaseEstimator, known: Iterable[type]) -> NotExportable:
    names = ", ".join(sorted(kind.__name__ for kind in known))
    return NotExportable(
        f"head {type(step).__name__}: cannot be written as a graph; expected one of {names}"
    )

"""A trained head as nodes of a graph: the forms of its steps, which are the registry's, one after the other."""

from __future__ import annotations

from collections.abc import Iterable

from sklearn.base import BaseEstimator

from featx.errors import NotExportable
from featx.graphs.builder import DOUBLE, GraphBuilder
from featx.heads import ESTIMATORS, TRANSFORMERS, TrainedHead, steps_of

__all__ = ["add_head"]


def add_head(graph: GraphBuilder, rows: str, head: TrainedHead) -> str:
    """Add a head to a graph and return the name of its calibrated probabilities.

    Parameters
    ----------
    rows : str
        The name of its input: embeddings of shape (n, dim), float32.

    Returns
    -------
    str
        The name of probabilities of shape (n, n_classes), float64: the arithmetic is that of
        ``featx.heads.scores``, in the same precision.

    Raises
    ------
    NotExportable
        A step of the head cannot be written as a graph.
    """
    *before, last = steps_of(head.estimator)
    value = graph.cast(rows, DOUBLE)
    for step in before:
        if type(step) not in TRANSFORMERS:
            raise _refusal(step, TRANSFORMERS)
        value = TRANSFORMERS[type(step)](graph, value, step)
    forms = ESTIMATORS.get(type(last))
    if forms is None or forms.onnx is None:
        raise _refusal(last, (kind for kind, entry in ESTIMATORS.items() if entry.onnx))
    return head.calibrator.add_nodes(graph, forms.onnx(graph, value, last))


def _refusal(step: BaseEstimator, known: Iterable[type]) -> NotExportable:
    names = ", ".join(sorted(kind.__name__ for kind in known))
    return NotExportable(
        f"head {type(step).__name__}: cannot be written as a graph; expected one of {names}"
    )

"""A trained head as nodes of a graph: the scores of its estimator, and their calibration."""

from __future__ import annotations

from featx.graphs.builder import DOUBLE, GraphBuilder
from featx.heads import TrainedHead
from featx.heads.graph import add_scores

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
    scores = add_scores(graph, graph.cast(rows, DOUBLE), head.estimator, own=head.own_answers)
    return head.calibrator.add_nodes(graph, scores)

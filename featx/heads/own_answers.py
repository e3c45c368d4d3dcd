"""What an estimator of one's own answers by itself, as scores that give back its probabilities and its labels.

featx's own scores of some estimators are better calibrated than their probabilities. A pipeline that someone
has fitted shall answer as it did: its probabilities are taken as they are, and its labels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from featx._typing import Doubles, Mask, Numbers
from featx.errors import BadArtifact, NotExportable
from featx.heads._sklearn_compat import neighbor_codes, neighbor_rows
from featx.heads.onnx_forms import add_margins, add_neighbor_means, add_support_vectors
from featx.heads.output_forms import is_multilabel
from featx.heads.score_forms import shares_of_labels

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder

__all__ = ["add_neighbor_shares", "add_voted_margins", "log_shares", "own_scores"]

# How far the score of a predicted label is raised above all others where it is not the largest.
_RAISE = 1e-6
# Probabilities that are nearer to each other may be equal in float32.
_NEAR = 1e-6
_LEAST = np.finfo(np.float64).tiny


def own_scores(estimator: Any, rows: Numbers) -> Doubles:
    """Return scores whose softmax, or sigmoid of several labels, is what the estimator says by itself.

    Where it gives no probabilities, they are featx's scores, with the label that it predicts raised above all
    others.

    Returns
    -------
    ndarray of shape (n, n_outputs), float64

    Raises
    ------
    BadArtifact
        The label that it predicts is not the one to which it gives the largest probability.
    """
    from featx.heads.registry import last_step, scores

    last = last_step(estimator)
    if not hasattr(last, "classes_"):
        return scores(estimator, rows)
    if is_multilabel(last):
        return _label_scores(estimator, rows)
    if hasattr(estimator, "predict_proba"):
        return _log_shares_with_labels(estimator, rows)
    values = scores(estimator, rows)
    return _raised(values, _predicted(estimator, rows))


def log_shares(shares: Doubles) -> Doubles:
    """Return logarithms of probabilities, whose softmax gives them back; that of 0 is very small."""
    return np.log(np.maximum(shares, _LEAST))


def _label_scores(estimator: Any, rows: Numbers) -> Doubles:
    """Return the logits of several labels, or scores that are positive where a label is given."""
    from featx.heads.registry import last_step, scores

    if not hasattr(estimator, "predict_proba"):
        return scores(estimator, rows)
    shares = estimator.predict_proba(rows)
    if isinstance(shares, list):
        shares = shares_of_labels(last_step(estimator), shares)
    shares = np.asarray(shares, np.float64)
    return log_shares(shares) - log_shares(1 - shares)


def _log_shares_with_labels(estimator: Any, rows: Numbers) -> Doubles:
    from featx.heads.registry import last_step

    shares = np.asarray(estimator.predict_proba(rows), np.float64)
    values = log_shares(shares)
    if shares.ndim != 2 or shares.shape[1] < 2:
        return values
    near = _all_rows(len(rows))
    if type(last_step(estimator)).__module__.partition(".")[0] == "sklearn":
        # scikit-learn's predict the largest, but of two that are equal in float32 either may be it.
        first, second = np.sort(shares, axis=1)[:, :-3:-1].T
        near = first - second <= _NEAR
    if near.any():
        predicted = _predicted(estimator, rows[near])
        lower = shares[near].max(axis=1) - shares[near][np.arange(len(predicted)), predicted]
        if (lower > _NEAR).any():
            raise BadArtifact(
                f"head {type(last_step(estimator)).__name__}: predicts another label than that of its largest "
                "probability; expected an estimator whose predict and predict_proba agree"
            )
        values[near] = _raised(values[near], predicted)
    return values


def _all_rows(n: int) -> Mask:
    return np.ones(n, np.bool_)


def _predicted(estimator: Any, rows: Numbers) -> Any:
    """Return the column of the label that an estimator predicts for each row."""
    from featx.heads.registry import last_step

    classes = np.asarray(last_step(estimator).classes_)
    return np.searchsorted(classes, np.asarray(estimator.predict(rows)))


def _raised(values: Doubles, predicted: Any) -> Doubles:
    """Return scores of which the predicted one stands above all others."""
    raised = values.copy()
    # The probability that this moves is smaller than what float32 keeps of it.
    raised[np.arange(len(values)), predicted] = values.max(axis=1) + _RAISE
    return raised


def add_neighbor_shares(graph: GraphBuilder, value: str, neighbors: Any) -> str:
    """Add the logarithms of the votes of nearest rows, or the logits where there are several labels."""
    codes, several = neighbor_codes(neighbors), is_multilabel(neighbors)
    table = codes.astype(np.float64) if several else np.eye(len(neighbors.classes_))[codes]
    votes = add_neighbor_means(graph, value, neighbors, neighbor_rows(neighbors), table)
    for_it = graph.add("Log", graph.add("Max", votes, graph.constant(_LEAST)))
    if not several:
        return for_it
    rest = graph.add("Sub", graph.constant(1.0), votes)
    against = graph.add("Log", graph.add("Max", rest, graph.constant(_LEAST)))
    return graph.add("Sub", for_it, against)


def add_voted_margins(graph: GraphBuilder, value: str, svc: Any) -> str:
    """Add the scores of an SVC, with the class raised that wins most of its margins over the others.

    Raises
    ------
    NotExportable
        It gives probabilities, breaks ties by margins, or has another kernel than a linear or Gaussian one.
    """
    from featx.graphs.builder import DOUBLE

    if svc.probability is True or svc.break_ties:
        raise NotExportable(
            "head SVC: with probability=True or break_ties=True it cannot be written as a graph"
        )
    n = len(svc.classes_)
    first, second = np.triu_indices(n, 1)
    margins = add_margins(graph, value, svc)
    # The sign of two classes is that of the second.
    won = graph.cast(graph.add("Greater", margins, graph.constant(0.0)), DOUBLE)
    if n == 2:
        first, second = second, first
    of_first, of_second = np.eye(n)[first], np.eye(n)[second]
    votes = graph.add(
        "Add",
        graph.add("MatMul", won, graph.constant(of_first - of_second)),
        graph.constant(of_second.sum(axis=0)),
    )
    if n > 2 and svc.decision_function_shape == "ovr":
        sums = graph.add("MatMul", margins, graph.constant(of_first - of_second))
        beyond = graph.add("Add", graph.add("Abs", sums), graph.constant(1.0))
        third = graph.add("Div", sums, graph.add("Mul", beyond, graph.constant(3.0)))
        scores = graph.add("Add", votes, third)
    else:
        scores = add_support_vectors(graph, value, svc)
    winner = graph.add("ArgMax", votes, axis=1, keepdims=0)
    mark = graph.add("Gather", graph.constant(np.eye(n)), winner)
    is_winner = graph.add("Greater", mark, graph.constant(0.5))
    top = graph.add("Add", graph.reduce("ReduceMax", scores, 1), graph.constant(_RAISE))
    return graph.add("Where", is_winner, top, scores)

"""Nodes of a graph for what stands beside answers: sets that cover, whether it answers, how new a sample is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from featx._typing import FloatArray
from featx.abstention import Abstention, doubts_of
from featx.graphs.builder import DOUBLE, FLOAT, HALF, GraphBuilder
from featx.heads.novelty import LARGEST_HALF, NEIGHBOR, NoveltyReference
from featx.inputs.comparing import FARTHEST
from featx.predictor import Predictor
from featx.tasks import OutputTensor, get_task

__all__ = ["add_abstention", "differs_beside"]

# What a score, a confidence or a distance may differ by without a word.
_SLACK = 1e-4
# What the products of a graph and those of featx may differ by.
_APART = 1e-5


def add_abstention(
    graph: GraphBuilder, predictor: Predictor, rows: str, outputs: str
) -> tuple[OutputTensor, ...]:
    """Add what a predictor says beside its answers, and return the tensors that hold it.

    Parameters
    ----------
    graph : GraphBuilder
    predictor : Predictor
    rows : str
        The name of embeddings of shape (n, dim), float32.
    outputs : str
        The name of the calibrated outputs of the head, float64.
    """
    doubts = doubts_of(predictor)
    n_classes = len(predictor.head.classes)
    if doubts is None:
        return ()
    task = get_task(predictor.task_name)
    decided = []
    if doubts.thresholds is not None:
        sets = task.answer_sets
        decided.append(sets.add_nodes(graph, outputs, doubts.thresholds, doubts.method))
    if doubts.limit is not None:
        least = np.inf if doubts.limit.threshold is None else doubts.limit.threshold
        confidence = task.answer_sets.add_confidence(graph, outputs, n_classes)
        decided.append(graph.add("GreaterOrEqual", confidence, graph.constant(least)))
    if doubts.reference is not None and doubts.novelty is not None:
        p_values = _add_novelty(graph, rows, doubts.reference)
        graph.named("novelty", "Cast", p_values, to=FLOAT)
        novel = graph.add("LessOrEqual", p_values, graph.constant(doubts.novelty))
        graph.named("novel", "Cast", novel, to=FLOAT)
        decided.append(graph.add("Not", novel))
    tensors = doubts.tensors(task, n_classes)
    if any(tensor.name == "answered" for tensor in tensors):
        every = decided[0]
        for one in decided[1:]:
            every = graph.add("And", every, one)
        graph.named("answered", "Cast", every, to=FLOAT)
    return tensors


def _add_novelty(graph: GraphBuilder, rows: str, reference: NoveltyReference) -> str:
    """Add the p-value of each row, float64 of shape (n,)."""
    bounds = (graph.constant(sign * LARGEST_HALF, np.float32) for sign in (-1, 1))
    halves = graph.cast(graph.cast(graph.add("Clip", rows, *bounds), HALF), FLOAT)
    add_distance = _add_cosine if reference.space.scaling is None else _add_euclidean
    distance = add_distance(graph, halves, reference)
    farther = graph.add(
        "GreaterOrEqual", graph.constant(reference.distances[None], np.float32), distance
    )
    total = graph.reduce("ReduceSum", graph.cast(farther, DOUBLE), 1, keep=False)
    more = graph.add("Add", total, graph.constant(1.0))
    return graph.add("Div", more, graph.constant(1.0 + len(reference.distances)))


def _add_cosine(graph: GraphBuilder, halves: str, reference: NoveltyReference) -> str:
    """Add one less the cosine to the third neighbour, float32 of shape (n, 1)."""
    kept = graph.cast(graph.constant(reference.rows, np.float16), FLOAT)
    length = graph.reduce("ReduceL2", halves, 1)
    asked, known = _normalized(graph, halves), _normalized(graph, kept)
    cosines = graph.add("MatMul", asked, graph.add("Transpose", known, perm=[1, 0]))
    distance = graph.add(
        "Mul", _farthest_square(graph, asked, known, cosines, reference), graph.constant(0.5)
    )
    nothing = graph.add("Equal", length, graph.constant(0.0, np.float32))
    return graph.to_float32(graph.add("Where", nothing, graph.constant(1.0), distance))


def _add_euclidean(graph: GraphBuilder, halves: str, reference: NoveltyReference) -> str:
    """Add the distance of scaled joint rows to the third neighbour, float32 of shape (n, 1)."""
    scaling = reference.space.scaling
    assert scaling is not None
    apart = graph.add("Sub", halves, graph.constant(scaling.mean[None], np.float32))
    scaled = graph.add("Div", apart, graph.constant(scaling.scale[None], np.float32))
    limits = (graph.constant(sign * FARTHEST, np.float32) for sign in (-1, 1))
    asked, known = graph.add("Clip", scaled, *limits), graph.constant(reference.rows, np.float32)
    products = graph.add("MatMul", asked, graph.constant(reference.rows.T, np.float32))
    lengths = (reference.rows.astype(np.float64) ** 2).sum(axis=1)
    scores = graph.add("Sub", products, graph.constant(lengths[None] / 2, np.float32))
    squares = _farthest_square(graph, asked, known, scores, reference)
    return graph.to_float32(graph.add("Sqrt", squares))


def _farthest_square(
    graph: GraphBuilder, asked: str, known: str, scores: str, reference: NoveltyReference
) -> str:
    """Add the squared distance to the farthest of the few rows of the highest scores, float64."""
    count = graph.int_const(min(NEIGHBOR, len(reference.rows)))
    indices = graph.add("TopK", scores, count, outputs=2, axis=1, largest=1, sorted=1)
    # From differences: of a product of nearly equal rows little is left but its rounding.
    near = graph.add("Gather", known, indices, axis=0)
    apart = graph.add("Sub", near, graph.add("Unsqueeze", asked, graph.int_const(1)))
    squares = graph.reduce("ReduceSumSquare", graph.cast(apart, DOUBLE), 2, keep=False)
    return graph.reduce("ReduceMax", squares, 1)


def _normalized(graph: GraphBuilder, rows: str) -> str:
    length = graph.reduce("ReduceL2", rows, 1)
    floor = graph.constant(np.finfo(np.float32).tiny, np.float32)
    return graph.add("Div", rows, graph.add("Max", length, floor))


def differs_beside(
    predictor: Predictor, given: Mapping[str, Any], row: FloatArray, outputs: FloatArray
) -> bool:
    """Return whether an exported graph says something else beside its answer than the predictor does.

    What lies on a threshold may fall to either side.

    Parameters
    ----------
    predictor : Predictor
    given : mapping of str to array
        The tensors of the graph for one sample, without their first axis.
    row : ndarray of shape (dim,), float32
    outputs : ndarray of shape (n_columns,), float32
    """
    doubts = doubts_of(predictor)
    if doubts is None:
        return False
    task, classes = get_task(predictor.task_name), predictor.head.classes
    seen = [
        _moved(doubts, sign).certainties(task, outputs[None], row[None], classes)[0]
        for sign in (-1, 1)
    ]
    for name in task.answer_sets.columns if doubts.thresholds is not None else ():
        sets = [{*(getattr(one, name) or ())} for one in seen]
        found = {label for label, inside in zip(classes, given[name], strict=True) if inside}
        if sets[0] == sets[1] and found != sets[0]:
            return True
    if doubts.reference is not None:
        low, high = doubts.reference.p_value_range(row[None], _APART)
        if not low[0] - 1e-6 <= float(given["novelty"]) <= high[0] + 1e-6:
            return True
    if "answered" in given and seen[0] == replace(seen[1], probability=seen[0].probability):
        return bool(given["answered"]) != seen[0].answered
    return False


def _moved(doubts: Abstention, sign: int) -> Abstention:
    """Return what is said where all thresholds lie a little lower or higher."""
    thresholds, limit, novelty = doubts.thresholds, doubts.limit, doubts.novelty
    if thresholds is not None:
        thresholds = thresholds + sign * _SLACK
    if limit is not None and limit.threshold is not None:
        limit = replace(limit, threshold=limit.threshold + sign * _SLACK)
    if novelty is not None and doubts.reference is not None:
        novelty = novelty + sign * 3 / (1 + len(doubts.reference.distances))
    return replace(doubts, thresholds=thresholds, limit=limit, novelty=novelty)

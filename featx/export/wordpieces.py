"""Words into WordPiece tokens by nodes of a graph: the longest token first, at every position at once.

Letters are numbers in one row, words of all texts one after the other. A tree of all tokens is walked from
each position, a letter a step; then each word is read from its beginning, a token a step. Both are loops that
end when nothing moves any more, after as many steps as the longest token has letters and a word has tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from featx.export.normalizer import BREAK, END, Normalizer
from featx.graphs.builder import INT64, ML, GraphBuilder

__all__ = ["add_pieces"]

# Slices up to here reach the end of any axis.
_END = 1 << 62
# Branches where the tree is entered: at the beginning of a word, and within one.
_FIRST, _LATER = 0, 1


@dataclass(frozen=True, slots=True)
class _Tree:
    """A tree of all tokens: where a letter leads from each branch, and which token ends there.

    Attributes
    ----------
    width : int
        The number of symbols.
    steps : mapping of int to int
        The next branch, by branch × width + symbol.
    tokens : sequence of int
        The token that ends at each branch, -1 where none does; the last branch leads nowhere.
    depth : int
        The number of letters of the longest token.
    """

    width: int
    steps: Mapping[int, int]
    tokens: Sequence[int]
    depth: int

    @classmethod
    def of(cls, letters: Normalizer) -> _Tree:
        width = letters.width
        steps: dict[int, int] = {}
        ends = {_FIRST: -1, _LATER: -1}
        entries = [(_FIRST, tuple(token), number) for token, number in letters.firsts.items()]
        entries += [(_LATER, tuple(token), number) for token, number in letters.laters.items()]
        entries += [(_FIRST, (token,), number) for token, number in letters.added.items()]
        depth = 1
        for branch, word, number in entries:
            for letter in word:
                branch = steps.setdefault(branch * width + letters.symbols[letter], len(ends))
                ends.setdefault(branch, -1)
            ends[branch] = number
            depth = max(depth, len(word))
        return cls(width, steps, [*ends.values(), -1], depth)


def add_pieces(graph: GraphBuilder, stream: str, letters: Normalizer) -> tuple[str, str]:
    """Return the token at each position of ``stream``, and whether one begins there.

    Parameters
    ----------
    stream : str
        Symbols of ``letters``, int64 of (positions,); the last is ``END``.
    """
    inside = graph.add("Greater", stream, graph.constant(END, np.int64))
    edge = graph.constant([False], np.bool_)
    earlier = graph.add("Slice", inside, graph.int_const(0), graph.int_const(-1))
    later = graph.add("Slice", inside, graph.int_const(1), graph.int_const(_END))
    begins = _both_but(graph, inside, graph.add("Concat", edge, earlier, axis=0))
    stops = _both_but(graph, inside, graph.add("Concat", later, edge, axis=0))
    tokens, lengths = _longest(graph, stream, begins, _Tree.of(letters))
    read = _read(graph, begins, inside, lengths)
    firsts, lasts = _indices(graph, begins), _indices(graph, stops)
    lost = graph.add("And", read, graph.add("Equal", lengths, graph.constant(0, np.int64)))
    sums = _running(graph, lost)
    before = graph.add("Gather", _running(graph, lost, exclusive=1), firsts)
    broken = graph.add("Greater", graph.add("Gather", sums, lasts), before)
    size = graph.add("Sub", lasts, firsts)
    most = graph.constant(letters.longest - 1, np.int64)
    unknown = graph.add("Or", broken, graph.add("Greater", size, most))
    # The number of the word, 1 for the first and 0 before it.
    word = _running(graph, begins)
    unknown = graph.add("Gather", graph.add("Concat", edge, unknown, axis=0), word)
    stranger = graph.constant(letters.unknown, np.int64)
    tokens = graph.add("Where", unknown, stranger, tokens)
    return tokens, graph.add("Or", begins, _both_but(graph, read, unknown))


def _longest(graph: GraphBuilder, stream: str, begins: str, tree: _Tree) -> tuple[str, str]:
    """Return the longest token that begins at each position, and its letters, 0 where none begins."""
    entries = [graph.constant(branch, np.int64) for branch in (_FIRST, _LATER)]
    start = graph.add("Where", begins, *entries)
    none = graph.add("Mul", stream, graph.constant(0, np.int64))
    no_token = graph.add("Sub", none, graph.constant(1, np.int64))
    body = graph.subgraph()
    nowhere = len(tree.tokens) - 1
    key = body.add("Mul", "tree/branch", body.constant(tree.width, np.int64))
    branch = body.add(
        "LabelEncoder",
        body.add("Add", key, "tree/rest"),
        domain=ML,
        keys_tensor=_tensor(list(tree.steps)),
        values_tensor=_tensor(list(tree.steps.values())),
        default_tensor=_tensor([nowhere]),
    )
    token = body.add("Gather", body.constant(tree.tokens, np.int64), branch)
    is_token = body.add("GreaterOrEqual", token, body.constant(0, np.int64))
    count = body.add("Add", "tree/step", body.constant(1, np.int64))
    rest = body.add("Slice", "tree/rest", body.int_const(1), body.int_const(_END))
    last = body.constant(nowhere, np.int64)
    results = [
        body.add("Less", body.reduce("ReduceMin", branch, 0, keep=False), last),
        branch,
        body.add("Concat", rest, body.int_const(BREAK), axis=0),
        body.add("Where", is_token, token, "tree/token"),
        body.add("Where", is_token, count, "tree/length"),
    ]
    steps = graph.constant(tree.depth, np.int64)
    carried = {"branch": start, "rest": stream, "token": no_token, "length": none}
    [*_, tokens, lengths] = _loop(graph, "tree", body, results, carried, steps)
    return tokens, lengths


def _read(graph: GraphBuilder, begins: str, inside: str, lengths: str) -> str:
    """Return whether each position is reached from the beginning of its word, from token to token."""
    body = graph.subgraph()
    step = body.add("Gather", lengths, "word/front")
    reached = body.add("Add", "word/front", step)
    moved = body.add("Greater", step, body.constant(0, np.int64))
    going = body.add("And", moved, body.add("Gather", inside, reached))
    front = body.add("Compress", reached, going, axis=0)
    shape = body.add("Shape", front)
    marks = body.add("Expand", body.int_const(1), shape)
    seen = body.add("ScatterElements", "word/seen", front, marks)
    more = body.add("Greater", body.add("Squeeze", shape), body.constant(0, np.int64))
    carried = {"front": _indices(graph, begins), "seen": graph.cast(begins, INT64)}
    [_, seen] = _loop(graph, "word", body, [more, front, seen], carried, "")
    return graph.add("Greater", seen, graph.constant(0, np.int64))


def _loop(
    graph: GraphBuilder,
    name: str,
    body: GraphBuilder,
    results: Sequence[str],
    carried: Mapping[str, str],
    steps: str,
) -> list[str]:
    """Return the carried values after a loop of at most ``steps`` steps.

    ``results`` of the body are whether to go on, and the new value of each of ``carried``.
    """
    inputs = [
        helper.make_tensor_value_info(f"{name}/step", INT64, []),
        helper.make_tensor_value_info(f"{name}/going", TensorProto.BOOL, []),
        *(helper.make_tensor_value_info(f"{name}/{own}", INT64, None) for own in carried),
    ]
    kinds = [TensorProto.BOOL, *[INT64] * len(carried)]
    outputs = [
        helper.make_tensor_value_info(value, kind, None)
        for value, kind in zip(results, kinds, strict=True)
    ]
    going = graph.constant(True, np.bool_)
    return graph.add_several(
        "Loop",
        steps,
        going,
        *carried.values(),
        outputs=len(carried),
        body=helper.make_graph(body.nodes, name, inputs, outputs),
    )


def _both_but(graph: GraphBuilder, one: str, other: str) -> str:
    return graph.add("And", one, graph.add("Not", other))


def _indices(graph: GraphBuilder, marks: str) -> str:
    """Return the indices of the marks, rising."""
    return graph.add("Squeeze", graph.add("NonZero", marks), graph.int_const(0))


def _running(graph: GraphBuilder, marks: str, **options: int) -> str:
    """Return the number of marks up to each position."""
    return graph.add("CumSum", graph.cast(marks, INT64), graph.constant(0, np.int64), **options)


def _tensor(values: Sequence[int]) -> TensorProto:
    return numpy_helper.from_array(np.array(values, np.int64))

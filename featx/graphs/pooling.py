"""Poolings: how the map or the tokens that a tap gives become one row a sample.

A pooling is one entry of ``POOLINGS``: its name, what it does in NumPy, the ONNX nodes that do the
same in an exported graph, and whether padding matters to it. To add one is to add an entry here;
cards, ``--pooling`` and ``featx export`` find it by its name.

With commas, ``cls,mean``, rows stand side by side; ``mean[:256]`` keeps the first columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

import numpy as np

from featx._typing import FloatArray, Floats, Mask
from featx.errors import BadGraph, BadOption, NotExportable
from featx.graphs import token_poolings as tokens

if TYPE_CHECKING:
    from featx.graphs.builder import GraphBuilder

__all__ = ["POOLINGS", "Pooling", "read_pooling", "to_channels_last"]

_CUT = re.compile(r"(.*)\[:([0-9]{1,8})\]")
_MOST_PARTS = 8


@dataclass(frozen=True, slots=True)
class Pooling:
    """One way to make a row of a map or a sequence of tokens.

    Parameters
    ----------
    name : str
        What cards and ``--pooling`` call it.
    summary : str
        What it does, for the help of commands.
    numpy_form : callable
        Takes positions, float32 of shape (n, positions, channels), a mask of shape (n, positions)
        or None, and the parameters; returns rows of shape (n, columns).
    onnx_form : callable
        The same as nodes: takes a ``GraphBuilder``, the names of positions and mask, and the
        parameters; returns the name of the rows. The mask is float32 there.
    mask : {"used", "ignored", "refused"}, default="used"
        What becomes of a mask that tells tokens from padding.
    channels_last : bool, default=True
        Whether the forms take positions; otherwise they take the tensor as the tap gives it.
    parameters : tuple of float, default=()
        Numbers that follow the name after a colon, such as an exponent, with their defaults.
    counts : bool, default=False
        Whether these are numbers of positions.
    parts : tuple of Pooling, default=()
        Poolings whose rows stand side by side, instead of the forms.
    columns : int, default=None
        How many of the first columns of a row are kept; None: all.
    """

    name: str
    summary: str
    numpy_form: Callable[..., FloatArray]
    onnx_form: Callable[..., str]
    mask: Literal["used", "ignored", "refused"] = "used"
    channels_last: bool = True
    parameters: tuple[float, ...] = ()
    counts: bool = False
    parts: tuple[Pooling, ...] = ()
    columns: int | None = None

    def __str__(self) -> str:
        """Return the text that ``read_pooling`` reads back to an equal pooling."""
        kept = "" if self.columns is None else f"[:{self.columns}]"
        return f"{','.join(map(str, self.parts)) or self._named()}{kept}"

    def _named(self) -> str:
        if self.parameters == POOLINGS[self.name].parameters:
            return self.name
        return ":".join([self.name, *(repr(value).removesuffix(".0") for value in self.parameters)])

    def rows(self, values: FloatArray, mask: Mask | None, channel_axis: int | None) -> FloatArray:
        """Return one row a sample of what a tap gives; a tensor of rank 2 is rows already.

        Parameters
        ----------
        values : ndarray of shape (n, ...), float32
        mask : ndarray of shape (n, positions) or None
            False where a position is padding.
        channel_axis : int or None
            The axis of the channels; None is 1 for rank 4 and otherwise the last.

        Raises
        ------
        BadGraph
            The pooling cannot make rows of such a tensor.
        """
        if self.parts and values.ndim > 2:
            whole = np.concatenate(
                [part.rows(values, mask, channel_axis) for part in self.parts], axis=1
            )
        else:
            whole = self._whole_rows(values, mask, channel_axis)
        if self.columns is None:
            return whole
        if whole.shape[1] < self.columns:
            raise BadGraph(
                f"pooling {str(self)!r}: rows have {whole.shape[1]} columns; expected {self.columns} or more"
            )
        return whole[:, : self.columns]

    def _whole_rows(
        self, values: FloatArray, mask: Mask | None, channel_axis: int | None
    ) -> FloatArray:
        if values.ndim == 2:
            return values
        if mask is not None and self.mask == "refused":
            raise BadGraph(
                f"pooling {self.name!r} would give rows of several lengths; choose another: "
                f"{', '.join(_names(padded=True))}"
            )
        if not self.channels_last:
            return self.numpy_form(values, mask, *self.parameters)
        moved = to_channels_last(values, channel_axis)
        positions = moved.reshape(len(values), -1, moved.shape[-1])
        if mask is not None and mask.shape != positions.shape[:2]:
            raise BadGraph(
                f"the tap gives {positions.shape[1]} positions for {mask.shape[1]} of the input; "
                f"choose a tap that gives one each"
            )
        return self.numpy_form(positions, mask, *self.parameters)

    def add_nodes(
        self,
        graph: GraphBuilder,
        tensor: str,
        rank: int,
        channel_axis: int | None,
        mask: Callable[[], str] | None,
    ) -> str:
        """Add the nodes that do what ``rows`` does, and return the name of the rows.

        Parameters
        ----------
        tensor : str
            The name of the tap, of a known rank of 2 or more.
        mask : callable or None
            Returns the name of the mask, int64 or float; it is called only where that is needed.

        Raises
        ------
        NotExportable
            The pooling cannot make rows of such a tensor.
        """
        if self.parts and rank > 2:
            rows = [part.add_nodes(graph, tensor, rank, channel_axis, mask) for part in self.parts]
            whole = graph.add("Concat", *rows, axis=1)
        else:
            whole = self._add_whole(graph, tensor, rank, channel_axis, mask)
        if self.columns is None:
            return whole
        ends = (graph.int_const(0), graph.int_const(self.columns), graph.int_const(1))
        return graph.add("Slice", whole, *ends)

    def _add_whole(
        self,
        graph: GraphBuilder,
        tensor: str,
        rank: int,
        channel_axis: int | None,
        mask: Callable[[], str] | None,
    ) -> str:
        values = graph.to_float32(tensor)
        if rank == 2:
            return values
        if mask is not None and self.mask == "refused":
            raise NotExportable(
                f"pooling {self.name!r}: cannot be exported where inputs are padded"
            )
        if not self.channels_last:
            return self.onnx_form(graph, values, None, *self.parameters)
        axis = _channel_axis(rank, channel_axis)
        order = [k for k in range(rank) if k != axis] + [axis]
        moved = graph.add("Transpose", values, perm=order)
        width = graph.add("Shape", moved, start=rank - 1)
        shape = graph.add("Concat", graph.int_const(0, -1), width, axis=0)
        positions = graph.add("Reshape", moved, shape)
        weights = None
        if mask is not None and self.mask == "used":
            weights = graph.add("Unsqueeze", graph.to_float32(mask()), graph.int_const(2))
        return self.onnx_form(graph, positions, weights, *self.parameters)


def to_channels_last(values: Floats, channel_axis: int | None) -> Floats:
    """Return a tensor with its channels on the last axis; None is 1 for rank 4, else the last."""
    return np.moveaxis(values, _channel_axis(values.ndim, channel_axis), -1)


def read_pooling(text: str) -> Pooling:
    """Return the pooling that a card or ``--pooling`` means.

    That is ``NAME`` or ``NAME:NUMBER``, several with commas between them, and ``[:COLUMNS]`` after it all.

    Raises
    ------
    BadOption
        No pooling has that name, it takes no such number, or cannot stand beside others.

    Examples
    --------
    >>> tensor = np.array([[[1, 4], [3, 2]]], np.float32)
    >>> read_pooling("max").rows(tensor, None, None)
    array([[3., 4.]], dtype=float32)
    >>> read_pooling("cls,mean[:3]").rows(tensor, None, None)
    array([[1., 4., 2.]], dtype=float32)
    """
    names, columns = _without_cut(text)
    parts = tuple(_read_one(name, text) for name in names.split(","))
    if len(parts) == 1:
        return parts[0] if columns is None else replace(parts[0], columns=columns)
    if len(parts) > _MOST_PARTS or any(part.name in ("none", "flatten") for part in parts):
        raise BadOption(
            f"pooling {text!r:.100}: expected at most {_MOST_PARTS} side by side, and neither none nor flatten"
        )
    return replace(
        parts[0],
        name=",".join(part.name for part in parts),
        summary="rows side by side",
        mask="used",
        parameters=(),
        parts=parts,
        columns=columns,
    )


def _without_cut(text: str) -> tuple[str, int | None]:
    """Return a pooling without ``[:COLUMNS]`` at its end, and that number; None where there is none."""
    found = _CUT.fullmatch(text)
    if found is None:
        return text, None
    columns = int(found[2])
    if columns < 1:
        raise BadOption(f"pooling {text!r:.100}: expected 1 column or more")
    return found[1], columns


def _read_one(text: str, whole: str) -> Pooling:
    name, *words = text.split(":")
    if name not in POOLINGS:
        raise BadOption(f"pooling {whole!r:.100}: expected one of {', '.join(_names())}")
    pooling = POOLINGS[name]
    if not words:
        return pooling
    try:
        values = tuple(map(float, words))
    except ValueError:
        values = (np.nan,)
    if len(values) != len(pooling.parameters) or not all(0 < v < np.inf for v in values):
        numbers = ":".join(["a positive number"] * len(pooling.parameters)) or "nothing"
        raise BadOption(f"pooling {whole!r:.100}: expected {numbers} after {name}")
    if pooling.counts and not all(value.is_integer() for value in values):
        raise BadOption(f"pooling {whole!r:.100}: expected a number of positions after {name}")
    return replace(pooling, parameters=values)


def _names(*, padded: bool = False) -> list[str]:
    """Return the names of all poolings, or of those that make a row of positions with padding."""
    if not padded:
        return list(POOLINGS)
    return [name for name, p in POOLINGS.items() if p.mask != "refused" and name != "none"]


def _channel_axis(rank: int, channel_axis: int | None) -> int:
    if channel_axis is None:
        return 1 if rank == 4 else rank - 1
    return channel_axis % rank


def _only_position(positions: FloatArray, mask: Mask | None) -> FloatArray:
    if positions.shape[1] > 1:
        raise BadGraph(
            f"the tap gives {positions.shape[1]} positions of {positions.shape[2]} channels a "
            f"sample and pooling is 'none'; choose one of {', '.join(_names()[1:])}"
        )
    return positions[:, 0]


def _first_position(positions: FloatArray, mask: Mask | None) -> FloatArray:
    return positions[:, 0]


def _first_position_nodes(graph: GraphBuilder, positions: str, mask: str | None) -> str:
    return graph.add("Gather", positions, graph.constant(0, np.int64), axis=1)


def _mean(positions: FloatArray, mask: Mask | None) -> FloatArray:
    if mask is None:
        return np.asarray(positions.mean(axis=1))
    return _masked_mean(positions, mask)


def _masked_mean(positions: FloatArray, mask: Mask | None) -> FloatArray:
    mask = np.ones(positions.shape[:2], bool) if mask is None else mask
    counts = np.maximum(mask.sum(axis=1, keepdims=True), 1).astype(np.float32)
    return np.asarray(np.einsum("npd,np->nd", positions, mask.astype(np.float32)) / counts)


def _mean_nodes(graph: GraphBuilder, positions: str, mask: str | None) -> str:
    if mask is None:
        return graph.reduce("ReduceMean", positions, 1, keep=False)
    total = graph.reduce("ReduceSum", graph.add("Mul", positions, mask), 1, keep=False)
    count = graph.reduce("ReduceSum", mask, 1, keep=False)
    return graph.add("Div", total, graph.add("Max", count, graph.float_const(1)))


def _max(positions: FloatArray, mask: Mask | None) -> FloatArray:
    if mask is None:
        return np.asarray(positions.max(axis=1))
    largest = np.where(mask[:, :, None], positions, -np.inf).max(axis=1)
    # of padding alone; a value that is not finite stays, for whoever asks of the row
    return np.where(mask.any(axis=1, keepdims=True), largest, 0).astype(np.float32)


def _max_nodes(graph: GraphBuilder, positions: str, mask: str | None) -> str:
    if mask is None:
        return graph.reduce("ReduceMax", positions, 1, keep=False)
    zero, lowest = graph.float_const(0), graph.float_const(-np.inf)
    tokens = graph.add("Where", graph.add("Greater", mask, zero), positions, lowest)
    largest = graph.reduce("ReduceMax", tokens, 1, keep=False)
    some = graph.add("Greater", graph.reduce("ReduceMax", mask, 1, keep=False), zero)
    return graph.add("Where", some, largest, zero)


def _last(positions: FloatArray, mask: Mask | None) -> FloatArray:
    if mask is None:
        return positions[:, -1]
    last = mask.shape[1] - 1 - np.argmax(mask[:, ::-1], axis=1)
    return np.asarray(positions[np.arange(len(positions)), last])


def _last_nodes(graph: GraphBuilder, positions: str, mask: str | None) -> str:
    if mask is None:
        return graph.add("Gather", positions, graph.constant(-1, np.int64), axis=1)
    length = graph.dim(positions, 1)
    numbers = graph.add(
        "Range", *(graph.constant(0, np.int64), length, graph.constant(1, np.int64))
    )
    numbers = graph.to_float32(graph.add("Unsqueeze", numbers, graph.int_const(1)))
    last = graph.reduce("ReduceMax", graph.add("Mul", mask, numbers), 1)
    chosen = graph.add("Equal", numbers, last)
    alone = graph.add("Where", chosen, positions, graph.float_const(0))
    return graph.reduce("ReduceSum", alone, 1, keep=False)


def _gem(positions: FloatArray, mask: Mask | None, exponent: float) -> FloatArray:
    """Return the generalised mean of each channel, values below a millionth counted as that.

    Radenović, Tolias, Chum: Fine-tuning CNN image retrieval with no human annotation, 2018. The largest
    value is taken out of the powers, so that none overflows.
    """
    values = np.maximum(positions, _GEM_FLOOR)
    if mask is not None:
        values = np.where(mask[:, :, None], values, _GEM_FLOOR)
    largest = values.max(axis=1, keepdims=True)
    means = _mean((values / largest) ** np.float32(exponent), mask)
    return np.asarray(largest[:, 0] * means ** np.float32(1 / exponent), np.float32)


def _gem_nodes(graph: GraphBuilder, positions: str, mask: str | None, exponent: float) -> str:
    floor = graph.float_const(float(_GEM_FLOOR))
    values = graph.add("Max", positions, floor)
    if mask is not None:
        tokens = graph.add("Greater", mask, graph.float_const(0))
        values = graph.add("Where", tokens, values, floor)
    largest = graph.reduce("ReduceMax", values, 1)
    powers = graph.add("Pow", graph.add("Div", values, largest), graph.float_const(exponent))
    roots = graph.add("Pow", _mean_nodes(graph, powers, mask), graph.float_const(1 / exponent))
    return graph.add("Mul", graph.add("Squeeze", largest, graph.int_const(1)), roots)


def _patch_mean(positions: FloatArray, mask: Mask | None, first: float) -> FloatArray:
    """Return the mean of the positions behind the first few, which are no patches of a picture."""
    skipped = int(first)
    if positions.shape[1] <= skipped:
        raise BadGraph(
            f"the tap gives {positions.shape[1]} positions, and the first {skipped} of them are left out"
        )
    return _mean(positions[:, skipped:], None if mask is None else mask[:, skipped:])


def _patch_mean_nodes(graph: GraphBuilder, positions: str, mask: str | None, first: float) -> str:
    start, end = graph.int_const(int(first)), graph.int_const(np.iinfo(np.int64).max)
    patches, others = (
        name and graph.add("Slice", name, start, end, graph.int_const(1))
        for name in (positions, mask)
    )
    return _mean_nodes(graph, str(patches), others)


def _class_and_mean(positions: FloatArray, mask: Mask | None, first: float) -> FloatArray:
    patches = _patch_mean(positions, mask, first)
    return np.concatenate([positions[:, 0], patches], axis=1)


def _class_and_mean_nodes(
    graph: GraphBuilder, positions: str, mask: str | None, first: float
) -> str:
    patches = _patch_mean_nodes(graph, positions, mask, first)
    return graph.add("Concat", _first_position_nodes(graph, positions, mask), patches, axis=1)


def _first_mean(positions: FloatArray, mask: Mask | None, count: float) -> FloatArray:
    most = int(count)
    return _mean(positions[:, :most], None if mask is None else mask[:, :most])


def _first_mean_nodes(graph: GraphBuilder, positions: str, mask: str | None, count: float) -> str:
    start, end = graph.int_const(0), graph.int_const(int(count))
    tokens, others = (
        name and graph.add("Slice", name, start, end, graph.int_const(1))
        for name in (positions, mask)
    )
    return _mean_nodes(graph, str(tokens), others)


def _flatten(values: FloatArray, mask: Mask | None) -> FloatArray:
    return values.reshape(len(values), -1)


def _flatten_nodes(graph: GraphBuilder, values: str, mask: str | None) -> str:
    return graph.add("Flatten", values, axis=1)


# The floor of the paper: a power of what is not positive has no root.
_GEM_FLOOR = np.float32(1e-6)


def _table(*poolings: Pooling) -> Mapping[str, Pooling]:
    return MappingProxyType({pooling.name: pooling for pooling in poolings})


POOLINGS: Mapping[str, Pooling] = _table(
    Pooling("none", "the tap gives a row", _only_position, _first_position_nodes, mask="ignored"),
    Pooling("mean", "the mean of all positions, padding left out", _mean, _mean_nodes),
    Pooling("max", "the largest value of each channel", _max, _max_nodes),
    Pooling("cls", "the first position", _first_position, _first_position_nodes, mask="ignored"),
    Pooling("last", "the last position that is not padding", _last, _last_nodes),
    Pooling("first", "the first that is not padding", tokens.first_token, tokens.first_token_nodes),
    Pooling(
        "mean-sqrt", "the sum over the root of the number", tokens.mean_sqrt, tokens.mean_sqrt_nodes
    ),
    Pooling(
        "weighted-mean",
        "the mean, later positions weighing more",
        tokens.weighted_mean,
        tokens.weighted_mean_nodes,
    ),
    Pooling("masked-mean", "the mean as a sum over the mask", _masked_mean, _mean_nodes),
    Pooling(
        "gem",
        "the generalised mean of each channel, between mean and max as its exponent says",
        _gem,
        _gem_nodes,
        parameters=(3.0,),
    ),
    Pooling(
        "patch-mean",
        "the mean of all positions but the first, or but the first few: of a class token and registers",
        _patch_mean,
        _patch_mean_nodes,
        parameters=(1.0,),
        counts=True,
    ),
    Pooling(
        "cls+mean",
        "the first position, and beside it the mean of the others as patch-mean takes them",
        _class_and_mean,
        _class_and_mean_nodes,
        parameters=(1.0,),
        counts=True,
    ),
    Pooling(
        "first-mean",
        "the mean of the first two positions, or of the first few",
        _first_mean,
        _first_mean_nodes,
        parameters=(2.0,),
        counts=True,
    ),
    Pooling(
        "flatten",
        "all values side by side",
        _flatten,
        _flatten_nodes,
        mask="refused",
        channels_last=False,
    ),
)

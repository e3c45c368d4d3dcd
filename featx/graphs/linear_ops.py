"""Operators that are linear in a map once the scale of the sample is known, and weights through them.

A score that is a weighted sum of what an operator gives is one of what the operator takes, and a constant.
A norm, a standard deviation or a count is taken for the number that it is for this sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from featx._typing import Doubles
from featx.errors import NoExactSum

__all__ = ["LINEAR_OPS", "REDUCTIONS", "LinearNode", "pull_back"]

Values = Mapping[str, npt.NDArray[Any]]
# The weights of the inputs by their index, and the constant.
Pulled = tuple[dict[int, Doubles], float]


@dataclass(frozen=True, slots=True)
class LinearNode:
    """A node between a map and a row.

    Attributes
    ----------
    op : str
        A name in ``LINEAR_OPS``.
    inputs : tuple of str
        Names of tensors; "" for one that is left out.
    output : str
    data : tuple of int
        The indices of the inputs that come from the map; the others are taken as they are.
    attributes : mapping of str to object
    axes : tuple of int
        The axes that a reduction takes away.
    """

    op: str
    inputs: tuple[str, ...]
    output: str
    data: tuple[int, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    axes: tuple[int, ...] = ()


def pull_back(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    """Return the weights of the inputs that come from the map, and the constant, for weights of the output.

    Parameters
    ----------
    weights : ndarray of the output's shape, float64
    values : mapping of str to ndarray
        The tensors that the node reads and gives, of one sample.

    Raises
    ------
    NoExactSum
        The node scales each value by another number that comes from the sample.

    Examples
    --------
    >>> node = LinearNode("Add", ("x", "c"), "y", (0,))
    >>> pull_back(node, np.array([[1.0, 2.0]]), {"x": np.zeros((1, 2)), "c": np.array([3.0, 4.0])})
    ({0: array([[1., 2.]])}, 11.0)
    """
    return LINEAR_OPS[node.op](node, np.asarray(weights, np.float64), values)


def _operand(node: LinearNode, index: int, values: Values) -> Doubles:
    return np.asarray(values[node.inputs[index]], np.float64)


def _reduced_to(weights: Doubles, shape: tuple[int, ...]) -> Doubles:
    """Return weights of what was broadcast, added up over the axes that were repeated."""
    extra = weights.ndim - len(shape)
    weights = weights.sum(axis=tuple(range(extra))) if extra > 0 else weights
    repeated = tuple(k for k, n in enumerate(shape) if n == 1 and weights.shape[k] != 1)
    summed = weights.sum(axis=repeated, keepdims=True) if repeated else weights
    return np.asarray(summed).reshape(shape)


def _same(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    """Return the weights in the shape of the input: nothing but the shape is changed."""
    return {0: weights.reshape(_operand(node, 0, values).shape)}, 0.0


def _expand(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    return {0: _reduced_to(weights, _operand(node, 0, values).shape)}, 0.0


def _transpose(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    order = node.attributes.get("perm", tuple(reversed(range(weights.ndim))))
    return {0: weights.transpose(np.argsort(order))}, 0.0


def _sum(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    pulled, constant = {}, 0.0
    for index in range(len(node.inputs)):
        operand = _operand(node, index, values)
        own = -weights if node.op == "Sub" and index == 1 else weights
        if index in node.data:
            pulled[index] = _reduced_to(own, operand.shape)
        else:
            constant += float((own * operand).sum())
    return pulled, constant


def _negative(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    return {0: -weights}, 0.0


def _scaled(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    """Return the weights times a factor, which is the weights' own or one number of the sample."""
    [index] = node.data
    factor = _operand(node, 1 - index, values)
    # one number, or the same for each channel, as a count of tokens may be
    if node.attributes.get("of_sample") and np.ptp(factor) != 0:
        raise NoExactSum(
            f"{node.op} scales each channel by another number, which comes from the sample"
        )
    with np.errstate(all="ignore"):
        own = weights / factor if node.op == "Div" else weights * factor
    return {index: _reduced_to(own, _operand(node, index, values).shape)}, 0.0


def _product(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    [index] = node.data
    other, own = _operand(node, 1 - index, values), _operand(node, index, values)
    if other.ndim < 2 or own.ndim < 2:
        raise NoExactSum("MatMul of a vector")
    turned = np.swapaxes(other, -1, -2)
    pulled = weights @ turned if index == 0 else turned @ weights
    return {index: _reduced_to(pulled, own.shape)}, 0.0


def _dense(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    given = node.attributes
    matrix = _operand(node, 1, values)
    matrix = matrix if given.get("transB", 0) else matrix.T
    constant = 0.0
    if len(node.inputs) > 2 and node.inputs[2]:
        constant = float((weights * _operand(node, 2, values)).sum()) * given.get("beta", 1.0)
    return {0: given.get("alpha", 1.0) * (weights @ matrix)}, constant


def _point_convolution(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    """Return weights behind a convolution of one pixel, which is a dense layer at each position."""
    kernel = _operand(node, 1, values)
    if math.prod(kernel.shape[2:]) != 1 or node.attributes.get("group", 1) != 1:
        raise NoExactSum("Conv mixes positions")
    if weights.shape[2:] != _operand(node, 0, values).shape[2:]:
        raise NoExactSum("Conv leaves positions out")
    constant = 0.0
    if len(node.inputs) > 2 and node.inputs[2]:
        constant = float(weights.sum(axis=(0, *range(2, weights.ndim))) @ _operand(node, 2, values))
    matrix = kernel.reshape(kernel.shape[:2])
    return {0: np.moveaxis(np.moveaxis(weights, 1, -1) @ matrix, -1, 1)}, constant


def _batch_norm(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    gain, offset, mean, variance = (_operand(node, k, values) for k in range(1, 5))
    gain = gain / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
    shape = (1, -1, *[1] * (weights.ndim - 2))
    constant = float((weights * (offset - mean * gain).reshape(shape)).sum())
    return {0: weights * gain.reshape(shape)}, constant


def _layer_norm(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    """Return weights behind a norm over the last axes, whose deviation is that of the sample."""
    x = _operand(node, 0, values)
    axes = tuple(range(node.attributes.get("axis", -1) % x.ndim, x.ndim))
    if math.prod(x.shape[: axes[0]]) != 1:
        raise NoExactSum(f"{node.op} scales each position by another number")
    constant = 0.0
    if len(node.inputs) > 2 and node.inputs[2]:
        constant = float((weights * _operand(node, 2, values)).sum())
    gained = weights * _operand(node, 1, values)
    centred = x - x.mean(axis=axes, keepdims=True) if node.op == "LayerNormalization" else x
    power = (centred**2).mean(axis=axes, keepdims=True)
    own = gained / np.sqrt(power + node.attributes.get("epsilon", 1e-5))
    if node.op == "LayerNormalization":
        own = own - own.mean(axis=axes, keepdims=True)
    return {0: own}, constant


def _unit_length(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    x = _operand(node, 0, values)
    axis = node.attributes.get("axis", -1)
    length = np.linalg.norm(x, ord=node.attributes.get("p", 2), axis=axis, keepdims=True)
    if length.size != 1:
        raise NoExactSum("LpNormalization scales each position by another number")
    return {0: weights / np.maximum(length, np.finfo(np.float64).tiny)}, 0.0


def _concatenated(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    pulled, constant, start = {}, 0.0, 0
    axis = node.attributes.get("axis", 0)
    for index in range(len(node.inputs)):
        operand = _operand(node, index, values)
        stop = start + operand.shape[axis]
        own = np.take(weights, np.arange(start, stop), axis=axis)
        if index in node.data:
            pulled[index] = own
        else:
            constant += float((own * operand).sum())
        start = stop
    return pulled, constant


def _taken(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    """Return weights of all columns, of those that Gather or Slice takes."""
    x = _operand(node, 0, values)
    where: list[Any] = [slice(None)] * x.ndim
    if node.op == "Gather":
        axis = node.attributes.get("axis", 0) % x.ndim
        where[axis] = np.asarray(values[node.inputs[1]], np.int64)
    else:
        for axis, part in _slices(node, values, x.ndim):
            where[axis] = part
    whole = np.zeros_like(x)
    np.add.at(whole, tuple(where), weights)
    return {0: whole}, 0.0


def _slices(node: LinearNode, values: Values, rank: int) -> Sequence[tuple[int, slice]]:
    given = [values[name].reshape(-1).tolist() if name else None for name in node.inputs[1:]]
    starts, ends, axes, steps = [*given, None, None, None][:4]
    if starts is None or ends is None:
        starts, ends = node.attributes["starts"], node.attributes["ends"]
        axes = node.attributes.get("axes")
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    # the end that stands for everything has more digits than any length
    return [
        (int(axis) % rank, slice(start, None if end < -(1 << 60) else end, step))
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True)
    ]


def _mean(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    x = _operand(node, 0, values)
    own = np.broadcast_to(_with_axes(node, weights, x), x.shape)
    count = math.prod(x.shape[axis] for axis in node.axes) if node.op != "ReduceSum" else 1
    return {0: own / count}, 0.0


def _largest(node: LinearNode, weights: Doubles, values: Values) -> Pulled:
    """Return weights of a maximum: those of the place that it was taken from."""
    x = _operand(node, 0, values)
    lead = [axis for axis in range(x.ndim) if axis not in node.axes]
    flat = x.transpose(*lead, *node.axes).reshape(*(x.shape[axis] for axis in lead), -1)
    own = np.zeros_like(flat)
    where = flat.argmax(axis=-1)[..., None]
    given = weights.reshape(where.shape)
    np.put_along_axis(own, where, given, axis=-1)
    shaped = own.reshape([x.shape[axis] for axis in (*lead, *node.axes)])
    return {0: shaped.transpose(np.argsort([*lead, *node.axes]))}, 0.0


def _with_axes(node: LinearNode, weights: Doubles, x: Doubles) -> Doubles:
    shape = [1 if axis in node.axes else n for axis, n in enumerate(x.shape)]
    return weights.reshape(shape)


REDUCTIONS = frozenset(
    "GlobalAveragePool GlobalMaxPool AveragePool ReduceMean ReduceSum ReduceMax".split()
)
LINEAR_OPS: Mapping[str, Callable[[LinearNode, Doubles, Values], Pulled]] = MappingProxyType(
    {
        **dict.fromkeys(("Identity", "Dropout", "Cast", "Flatten", "Reshape"), _same),
        **dict.fromkeys(("Squeeze", "Unsqueeze"), _same),
        "Expand": _expand,
        "Transpose": _transpose,
        **dict.fromkeys(("Add", "Sub", "Sum"), _sum),
        "Neg": _negative,
        **dict.fromkeys(("Mul", "Div"), _scaled),
        "MatMul": _product,
        "Gemm": _dense,
        "Conv": _point_convolution,
        "BatchNormalization": _batch_norm,
        "LayerNormalization": _layer_norm,
        **dict.fromkeys(("RMSNormalization", "SimplifiedLayerNormalization"), _layer_norm),
        "LpNormalization": _unit_length,
        "Concat": _concatenated,
        **dict.fromkeys(("Gather", "Slice"), _taken),
        **dict.fromkeys(("GlobalAveragePool", "AveragePool", "ReduceMean", "ReduceSum"), _mean),
        **dict.fromkeys(("GlobalMaxPool", "ReduceMax"), _largest),
    }
)

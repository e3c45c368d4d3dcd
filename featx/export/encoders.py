"""Encoders of a table's values as nodes of a graph: a value a sample in, the columns of its block out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from onnx import ValueInfoProto, helper

from featx.errors import NotExportable
from featx.graphs.builder import DOUBLE, FLOAT, INT64, ML, STRING, GraphBuilder
from featx.inputs.categories import CategoryEncoder
from featx.inputs.dates import DAY, WEEK, YEAR, DateEncoder
from featx.inputs.encoder import ColumnEncoder
from featx.inputs.input import Input
from featx.inputs.numbers import NumberEncoder
from featx.inputs.vectors import VectorEncoder

__all__ = ["add_encoder", "encoder_feed"]

# The first of January 1970 by the count of days in which that of the year 1 is 0.
_EPOCH = 719162


def add_encoder(graph: GraphBuilder, one: Input, name: str) -> tuple[str, ValueInfoProto]:
    """Add an encoder; return the name of its block, float32 of shape (n, dim), and what is fed.

    Numbers are float64 of shape (n,), dates seconds since 1970 in float64, vectors float32 of shape
    (n, length): NaN is an empty cell. Categories are texts of shape (n,), spelled as labels are, "" is an
    empty cell. What an encoder refuses, such as an infinite number, a graph cannot refuse.

    Parameters
    ----------
    graph : GraphBuilder
    one : Input
        With an encoder.
    name : str
        What is fed is called so.

    Raises
    ------
    NotExportable
        The encoder is of a kind that cannot be written as a graph.
    """
    encoder = one.encoder
    if type(encoder) not in _ADDED:
        raise NotExportable(f"input {one.name}: a {one.kind} cannot be exported")
    kind, shape, add = _ADDED[type(encoder)]
    fed = helper.make_tensor_value_info(name, kind, ["N", *shape(encoder)])
    return add(graph, encoder, name), fed


def encoder_feed(encoder: ColumnEncoder, value: Any) -> Any:
    """Return what is fed for a value that the encoder has read, an array of one sample."""
    if isinstance(encoder, CategoryEncoder):
        return np.array([value or ""], np.object_)
    if isinstance(encoder, VectorEncoder):
        return np.full((1, encoder.length), np.nan, np.float32) if value is None else value[None]
    if isinstance(encoder, DateEncoder) and value is not None:
        value = value.seconds
    return np.array([np.nan if value is None else value], np.float64)


def _number(graph: GraphBuilder, encoder: Any, name: str) -> str:
    empty = graph.add("IsNaN", name)
    value = graph.add("Where", empty, graph.constant(encoder.median), name)
    columns = [_standardized(graph, value, encoder)]
    return _stacked(graph, columns, empty if encoder.empty else None)


def _standardized(graph: GraphBuilder, value: str, encoder: Any) -> str:
    centred = graph.add("Sub", value, graph.constant(encoder.mean))
    return graph.add("Div", centred, graph.constant(encoder.scale))


def _category(graph: GraphBuilder, encoder: Any, name: str) -> str:
    last = len(encoder.categories)
    places = graph.add(
        "LabelEncoder",
        name,
        domain=ML,
        keys_strings=list(encoder.categories),
        values_int64s=list(range(last)),
        default_int64=last,
    )
    ends = graph.constant([0.0, 1.0], np.float32)
    return graph.add("OneHot", places, graph.int_const(encoder.dim), ends, axis=1)


def _date(graph: GraphBuilder, encoder: Any, name: str) -> str:
    empty = graph.add("IsNaN", name)
    seconds = graph.add("Where", empty, graph.constant(encoder.median), name)
    days = graph.add("Div", seconds, graph.constant(DAY))
    places = [_place_in_year(graph, days), _place_in_week(graph, days)]
    if encoder.with_time:
        places.append(graph.add("Sub", days, graph.add("Floor", days)))
    columns = [_standardized(graph, seconds, encoder)]
    nothing = graph.constant(0.0)
    for place in places:
        angle = graph.add("Mul", place, graph.constant(2 * math.pi))
        # ONNX Runtime has no sine of float64; an angle of float32 is good to a millionth.
        angle = graph.to_float32(angle)
        waves = (graph.cast(graph.add(op, angle), DOUBLE) for op in ("Sin", "Cos"))
        columns += [graph.add("Where", empty, nothing, wave) for wave in waves]
    return _stacked(graph, columns, empty if encoder.empty else None)


def _place_in_week(graph: GraphBuilder, days: str) -> str:
    """Return the place in the week, from 0 to 1; the first of January 1970 was the fourth day of one."""
    weeks = graph.add("Add", days, graph.constant(3.0))
    weeks = graph.add("Div", weeks, graph.constant(WEEK))
    return graph.add("Sub", weeks, graph.add("Floor", weeks))


def _place_in_year(graph: GraphBuilder, days: str) -> str:
    """Return the days since the first of January, as a share of a year."""
    days = graph.add("Add", days, graph.constant(float(_EPOCH)))
    # The year by its mean length is at most one off.
    guess = graph.add("Floor", graph.add("Div", days, graph.constant(YEAR)))
    before = _first_day(graph, guess)
    guess = graph.add("Sub", guess, _as_double(graph, graph.add("Less", days, before)))
    following = _first_day(graph, graph.add("Add", guess, graph.constant(1.0)))
    late = _as_double(graph, graph.add("GreaterOrEqual", days, following))
    start = _first_day(graph, graph.add("Add", guess, late))
    return graph.add("Div", graph.add("Sub", days, start), graph.constant(YEAR))


def _first_day(graph: GraphBuilder, years: str) -> str:
    """Return the days before a year of the Gregorian calendar, of which so many years are over."""
    total = graph.add("Mul", years, graph.constant(365.0))
    for op, length in (("Add", 4.0), ("Sub", 100.0), ("Add", 400.0)):
        leaps = graph.add("Floor", graph.add("Div", years, graph.constant(length)))
        total = graph.add(op, total, leaps)
    return total


def _as_double(graph: GraphBuilder, truth: str) -> str:
    return graph.cast(truth, DOUBLE)


def _vector(graph: GraphBuilder, encoder: Any, name: str) -> str:
    odd = graph.cast(graph.add("IsNaN", name), INT64)
    empty = graph.cast(graph.reduce("ReduceMax", odd, 1), 9)
    rows = graph.add("Where", empty, graph.float_const(0.0), name)
    if not encoder.empty:
        return rows
    return graph.add("Concat", rows, graph.to_float32(empty), axis=1)


def _stacked(graph: GraphBuilder, columns: list[str], empty: str | None) -> str:
    """Return columns, float64 of shape (n,), and a truth value, as one block of float32."""
    every = [*columns, *([] if empty is None else [_as_double(graph, empty)])]
    axis = graph.int_const(1)
    block = [graph.add("Unsqueeze", column, axis) for column in every]
    return graph.to_float32(graph.add("Concat", *block, axis=1))


_Entry = tuple[int, Callable[[Any], list[int]], Callable[[GraphBuilder, Any, str], str]]
_ADDED: Mapping[type, _Entry] = MappingProxyType(
    {
        NumberEncoder: (DOUBLE, lambda encoder: [], _number),
        CategoryEncoder: (STRING, lambda encoder: [], _category),
        DateEncoder: (DOUBLE, lambda encoder: [], _date),
        VectorEncoder: (FLOAT, lambda encoder: [encoder.length], _vector),
    }
)

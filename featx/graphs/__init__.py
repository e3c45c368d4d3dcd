"""ONNX graphs: inspect one, cut it at a tap, pool what it gives, join it with another, build one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from featx._lazy import lazy_attributes

if TYPE_CHECKING:
    from featx.graphs.bottlenecks import stages as stages
    from featx.graphs.cut import LAST_MAP as LAST_MAP
    from featx.graphs.cut import PENULTIMATE as PENULTIMATE
    from featx.graphs.cut import Tap as Tap
    from featx.graphs.cut import cut_at as cut_at
    from featx.graphs.cut import cut_graph as cut_graph
    from featx.graphs.cut import join_weights as join_weights
    from featx.graphs.cut import taps as taps
    from featx.graphs.inspect import Tensor as Tensor
    from featx.graphs.inspect import external_data as external_data
    from featx.graphs.inspect import inputs_of as inputs_of
    from featx.graphs.inspect import outputs_of as outputs_of
    from featx.graphs.join import Between as Between
    from featx.graphs.join import join_graphs as join_graphs

_MODULE_OF = {
    "LAST_MAP": "featx.graphs.cut",
    "PENULTIMATE": "featx.graphs.cut",
    "Between": "featx.graphs.join",
    "Tap": "featx.graphs.cut",
    "Tensor": "featx.graphs.inspect",
    "cut_at": "featx.graphs.cut",
    "cut_graph": "featx.graphs.cut",
    "external_data": "featx.graphs.inspect",
    "inputs_of": "featx.graphs.inspect",
    "join_graphs": "featx.graphs.join",
    "join_weights": "featx.graphs.cut",
    "outputs_of": "featx.graphs.inspect",
    "stages": "featx.graphs.bottlenecks",
    "taps": "featx.graphs.cut",
}

__all__ = sorted(_MODULE_OF)

# onnx takes 0.3 s to import, which a prediction from a kept graph does without
__getattr__ = lazy_attributes("featx.graphs", _MODULE_OF)

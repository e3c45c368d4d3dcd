"""ONNX Runtime sessions on one thread, as every figure here is measured."""

from pathlib import Path
from typing import Any

import onnxruntime

__all__ = ["open_session"]


def open_session(graph: Path) -> Any:
    """Return an ``onnxruntime.InferenceSession`` of the graph that uses one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(graph), options)

"""Graphs whose weights lie in files beside them, as PyTorch writes them, and the same as one file."""

from __future__ import annotations

import onnx
from onnx import TensorProto


def save_split(source, path, location=None, *, each=False):
    """The graph of ``source`` at ``path``, with all its weights in one file beside it or each in its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    model = onnx.load(source)
    if each:
        onnx.save(
            model,
            path,
            save_as_external_data=True,
            all_tensors_to_one_file=False,
            size_threshold=0,
            convert_attribute=True,
        )
        return path
    name = location or f"{path.name}.data"
    (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
    onnx.save(
        model,
        path,
        save_as_external_data=True,
        location=name,
        size_threshold=0,
        convert_attribute=True,
    )
    return path


def tensor_at(location, dims=(48,), kind=TensorProto.FLOAT, name="w", **entries):
    """A tensor that says of itself that it lies in a file."""
    tensor = TensorProto(name=name, data_type=kind, dims=dims, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor

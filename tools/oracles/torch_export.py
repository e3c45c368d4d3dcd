"""Write a model of torch as a graph, its inputs by their names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["export_model"]


def export_model(
    model: Any,
    folder: Path,
    values: Mapping[str, Any],
    free: Mapping[int, str],
    *,
    output: str = "last_hidden_state",
    opset: int,
) -> None:
    """Write ``onnx/model.onnx`` below a folder.

    Parameters
    ----------
    values : mapping of str to Tensor
        Inputs by name.
    free : mapping of int to str
        Axes of any length, of all inputs and of the output, and their names.
    output : str
        The entry of the model's answer that the graph gives.
    """
    import torch

    class Named(torch.nn.Module):  # type: ignore[misc]
        """The model with its inputs by position."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model.eval()

        def forward(self, *tensors: Any) -> Any:
            """Return one entry of the model's answer."""
            return getattr(self.model(**dict(zip(values, tensors, strict=True))), output)

    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        Named(),
        tuple(values.values()),
        str(folder / "onnx" / "model.onnx"),
        input_names=list(values),
        output_names=[output],
        dynamic_axes={name: dict(free) for name in [*values, output]},
        opset_version=opset,
        dynamo=False,
    )

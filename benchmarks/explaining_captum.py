"""Attribute scores of linear heads to the places of a map by captum, for benchmarks/explaining.py.

It runs in an environment of its own. Its arguments: an .npz with ``inputs`` (n, 3, side, side) and ``weights``
(n, dim) of each head, an ONNX graph of convolutions that ends in a mean over places, and the .npz to write with
an array of shape (n, places) and the seconds a sample for each method.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import contenders
import numpy as np


def make_model(graph: str) -> Any:
    """Return a module of the network's map, its mean over places, and a head of one output."""
    import torch

    class Map(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.run, held = contenders.read_network(graph, torch.contiguous_format, pooled=False)
            for weight in held.values():
                weight.requires_grad_(False)

        def forward(self, x: Any) -> Any:
            return self.run(x)

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.map, self.head = Map(), torch.nn.Linear(1, 1, bias=False)

        def forward(self, x: Any) -> Any:
            return self.head(self.map(x).mean((2, 3)))

    return Model()


def main(given: str, graph: str, output: str) -> None:
    import torch
    from captum.attr import IntegratedGradients, LayerGradCam, LayerGradientXActivation

    torch.set_num_threads(1)
    data, model = np.load(given), make_model(graph)
    after = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), model.head)
    paths = IntegratedGradients(after)
    methods: dict[str, Callable[[Any], Any]] = {
        "GradCAM": LayerGradCam(model, model.map).attribute,
        "gradient x activation": LayerGradientXActivation(model, model.map).attribute,
        "integrated gradients": lambda x: paths.attribute(model.map(x), n_steps=20),
    }
    found: dict[str, Any] = {name: [] for name in methods}
    times: dict[str, list[float]] = {name: [] for name in (*methods, "forward")}
    for x, weights in zip(data["inputs"], data["weights"], strict=True):
        sample = torch.from_numpy(x[None]).requires_grad_()
        with torch.no_grad():
            model.head.weight = torch.nn.Parameter(torch.from_numpy(weights[None]))
            start = time.perf_counter()
            model(sample)
            times["forward"].append(time.perf_counter() - start)
        for name, attribute in methods.items():
            start = time.perf_counter()
            values = attribute(sample).detach()
            times[name].append(time.perf_counter() - start)
            # GradCAM has the mean gradient of a channel, which is its gradient at each place.
            found[name].append(values.sum(dim=1).flatten().numpy())
    arrays = {name: np.stack(values) for name, values in found.items()}
    seconds = {f"{name}, seconds": np.array(values) for name, values in times.items()}
    np.savez(output, **arrays, **seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])

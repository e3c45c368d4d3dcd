"""All weights in one vector that the modules share, and their gradients in another."""

import torch
from torch import nn

__all__ = ["FlatWeights"]


class FlatWeights:
    """The parameters of some modules as one vector.

    One all-reduce, one optimizer step and one average then serve the whole network.

    Attributes
    ----------
    values : Tensor
    gradients : Tensor
        One longer than ``values``: the last one carries the clock between processes.
    groups : list of dict
        Parameter groups for the optimizer: matrices with weight decay, vectors without.
    """

    def __init__(self, *modules: nn.Module) -> None:
        parameters = [p for module in modules for p in module.parameters()]
        # Those with weight decay come first.
        parameters.sort(key=lambda p: p.ndim == 1)
        self.values = torch.cat([p.data.reshape(-1) for p in parameters])
        self.gradients = torch.zeros(len(self.values) + 1)
        start = 0
        for p in parameters:
            part = slice(start, start + p.numel())
            p.data, p.grad = self.values[part].view(p.shape), self.gradients[part].view(p.shape)
            start = part.stop
        decayed = sum(p.numel() for p in parameters if p.ndim > 1)
        self.groups = [self.group(slice(0, decayed), 0.05), self.group(slice(decayed, start), 0.0)]

    def group(self, part: slice, decay: float) -> dict[str, object]:
        """Return a parameter group of a part of the vector, with its weight decay."""
        values = nn.Parameter(self.values[part])
        values.grad = self.gradients[part]
        return {"params": [values], "weight_decay": decay}

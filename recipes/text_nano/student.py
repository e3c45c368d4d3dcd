"""The network that is trained."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from recipes.text_nano.settings import PRIME, Settings

__all__ = ["Student"]


class Student(nn.Module):
    """Sum of token rows and of rows of neighbouring tokens; its direction through a hidden layer.

    Parameters
    ----------
    table : ndarray of float32, shape (tokens, width)
        The token rows at the start.
    settings : Settings
    """

    def __init__(self, table: np.ndarray, settings: Settings) -> None:
        super().__init__()
        s = self.settings = settings
        self.tokens = nn.Parameter(torch.from_numpy(table))
        self.pairs = nn.Parameter(torch.randn(s.buckets, s.pair_width) * 0.01)
        self.widen = nn.Linear(s.pair_width, s.width, bias=False)
        self.into, self.out = nn.Linear(s.width, s.hidden), nn.Linear(s.hidden, s.width)
        self.sentiment = nn.Linear(s.width, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, ids: torch.Tensor, ends: torch.Tensor) -> torch.Tensor:
        """Return unit embeddings, shape (sentences, width).

        Parameters
        ----------
        ids : Tensor of int64
            Of all sentences, one after the other.
        ends : Tensor of int64, shape (sentences + 1,)
            0, and where each sentence ends.
        """
        pairs = (ids[:-1] * PRIME + ids[1:]) % self.settings.buckets
        within = torch.ones(len(pairs), dtype=torch.bool)
        # The last token of a sentence and the first of the next are no pair.
        within[ends[1:-1] - 1] = False
        before = functional.pad(torch.cumsum(within, 0), (1, 0))
        pair_sum = functional.embedding_bag(
            pairs[within], self.pairs, before[ends[:-1]], mode="sum"
        )
        token_sum = functional.embedding_bag(ids, self.tokens, ends[:-1], mode="sum")
        direction = functional.normalize(token_sum + self.widen(pair_sum), dim=1)
        hidden = torch.relu(self.into(direction * (math.sqrt(self.settings.width) / 2)))
        return functional.normalize(direction + self.out(hidden), dim=1)

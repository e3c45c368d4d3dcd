"""Which backbone does best on average on other sets: the order to beat by looking at one's own samples."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from featx.catalog import Card

__all__ = ["mean_rank"]

# The mean rank of graphs among those of their modality, by the beginning of their digests. That of pictures is
# printed by benchmarks/ranking.py --order; that of texts is by the figures of README.md on BANKING77 and SST-2;
# that of sounds by those of docs/sound.md and models/featx-audio-nano/README.md on fsdd.
_RANKS: Mapping[str, float] = MappingProxyType(
    {
        # vit-tiny-patch16-224, mobilenetv2-1.0, efficientnet-lite0, efficientnet-lite2
        "2804c9f013a0": 2.50,
        "df2396d8e907": 3.89,
        "ca158499bf93": 4.78,
        "6ca2ae817b6a": 5.28,
        # featx-image-nano, squeezenet1.1, mobilenetv1-0.25-128, resnet8-cifar10
        "e51f2a0be36b": 5.78,
        "642424b6f774": 6.56,
        "f5674de4de6f": 9.50,
        "1969f56041ab": 11.00,
        # all-minilm-l6-v2, in two files, and featx-text-nano
        "46b6396571af": 1.0,
        "6fd5d72fe458": 1.0,
        "876edf3dc57c": 2.0,
        # speech-embedding, featx-audio-nano, featx-audio-mel, yamnet
        "fe23c9cabccd": 1.0,
        "4008740da531": 2.0,
        "51a0713c4ab3": 3.0,
        "93611a8dfca2": 4.0,
    }
)
_DIGITS = 12


def mean_rank(card: Card) -> float | None:
    """Return the mean rank of a backbone on the sets that featx was measured on; None of one it was not.

    It is that of the graph with the tap, pooling and preprocessing of its card; less is better.
    """
    return _RANKS.get(card.graph.sha256[:_DIGITS])

"""All that decides featx-text-nano, beside its text."""

from dataclasses import dataclass

__all__ = ["LENGTH", "PRIME", "SHIPPED", "Settings"]

# Spreads the first id of a pair over the buckets.
PRIME = 1_000_003
# Euclidean length of every embedding: the square root of its 256 columns.
LENGTH = 16.0


@dataclass(frozen=True)
class Settings:
    """Sizes, rates and weights of the losses; the defaults are those of the shipped backbone.

    Attributes
    ----------
    taught : int
        Sentences that are learned from, in the order of the corpus.
    rarest : int
        Times a token of the teacher occurs in the corpus, to be kept.
    width : int
        Columns of a token's row.
    buckets : int
        Rows of the table of pairs; pairs of tokens are hashed to them.
    pair_width, hidden : int
        Columns of a pair's row; units of the hidden layer.
    row : int
        Columns of the embedding; texts without letters use the first ``width``.
    runs, spread : int
        Buckets that runs of letters are hashed to, and columns of each.
    epochs, batch : int
    rate : float
        The highest learning rate.
    relation : float
        Weight of the loss on cosines within a batch; 0.1 made no sure gain.
    sentiment : float
        Weight of the loss on good against bad reviews; 0.1 helped nowhere.
    held_out : float
        Share of the sentences that only measure.
    seed : int
    """

    taught: int = 501_760
    rarest: int = 20
    width: int = 256
    buckets: int = 16_384
    pair_width: int = 64
    hidden: int = 512
    row: int = 1024
    runs: int = 65_536
    spread: int = 4
    epochs: int = 6
    batch: int = 1024
    rate: float = 3e-3
    relation: float = 0.0
    sentiment: float = 0.0
    held_out: float = 0.01
    seed: int = 0


SHIPPED = Settings()

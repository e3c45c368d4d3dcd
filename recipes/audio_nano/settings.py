"""All sizes of the student, of what is heard at once and of its training."""

from dataclasses import dataclass

__all__ = ["BLOCKS", "HOP", "PADDING", "RATE", "SHIPPED", "Settings"]

RATE = 16_000
# Samples from one position of the map to the next: eight frames of featx-audio-mel.
HOP = 1280
# Positions of silence that the graph puts before a sound and after it.
PADDING = 2
# Kernel and stride of each block over time.
BLOCKS = ((7, 1), (7, 2), (7, 1), (7, 1), (7, 1), (5, 2), (5, 1), (5, 1))


@dataclass(frozen=True)
class Settings:
    """Sizes and weights of the losses; the defaults are those of the shipped backbone.

    Attributes
    ----------
    first, second, third : int
        Channels of the three convolutions over time and pitch.
    width, late : int
        Channels of the blocks over time alone, before and after half of the positions are left.
    speech, general : int
        Directions that are kept of what speech-embedding and YAMNet say.
    batch : int
    rate : float
        The highest learning rate.
    general_weight, words_weight : float
        Weights of the losses on YAMNet's directions and on words.
    """

    first: int = 16
    second: int = 32
    third: int = 48
    width: int = 160
    late: int = 192
    speech: int = 96
    general: int = 128
    batch: int = 64
    rate: float = 2e-3
    general_weight: float = 0.5
    words_weight: float = 0.15


SHIPPED = Settings()

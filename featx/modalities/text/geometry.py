"""Where in a text its tokens stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from featx._typing import Mask
from featx.errors import NoExactSum

__all__ = ["TextGeometry"]


@dataclass(frozen=True, slots=True)
class TextGeometry:
    """The characters of a text that each token stands for.

    Attributes
    ----------
    windows : tuple of tuple
        For each window of the text, and each of its tokens, where in the text the token begins and
        ends: ``text[start:stop]``. None is a token that the text does not hold: one that the
        tokenizer puts around a text, or one of the card's prefix.

    Examples
    --------
    >>> TextGeometry(((None, (0, 2), (3, 7), None),)).locate((2,), (4,))
    (3, 7)
    """

    windows: tuple[tuple[tuple[int, int] | None, ...], ...]

    def locate(
        self, position: tuple[int, ...], shape: tuple[int, ...], window: int = 0
    ) -> tuple[int, int] | None:
        """Return the start and end, in characters, of the token at a position of a window.

        ``shape`` is that of the map: one position a token. None is a token that the text does not
        hold.
        """
        [token] = position
        return self.windows[window][token]

    def places(
        self, shape: tuple[int, ...], window: int = 0, mask: Mask | None = None
    ) -> Sequence[tuple[float, ...] | None]:
        """Return the characters of each token of a window; padding is none of them."""
        tokens = self.windows[window]
        count = math.prod(shape) if mask is None else int(mask.sum())
        if len(shape) != 1 or count != len(tokens):
            raise NoExactSum(f"the map has positions of {shape}, and the text {len(tokens)} tokens")
        return list(tokens)

    @property
    def extent(self) -> tuple[float, ...]:
        """The number of characters up to the last token."""
        ends = (span[1] for window in self.windows for span in window if span is not None)
        return (max(ends, default=0),)

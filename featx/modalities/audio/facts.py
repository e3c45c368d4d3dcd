"""Facts of sounds: how long and how loud they are, and how much of them is cut off at full scale."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from featx._typing import FloatArray
from featx.modalities.audio.decode import Content, stored_blocks
from featx.modalities.audio.settings import AudioSettings

__all__ = ["AudioFacts"]

# Decibels of what is no sound at all.
_SILENCE = -120.0
# Neighbouring samples that are equal and this near to the peak, and how near that is to full scale.
_FLAT, _FULL = 0.999, 0.5


class AudioFacts(AudioSettings):
    """Sounds whose items are facts; they have no signature.

    ``seconds`` is the length, ``level`` the mean power in decibels below full scale, ``peak`` the largest
    amount from 0 on, ``clipped`` the share of samples that stay at the peak for three samples or more.
    """

    __slots__ = ()

    names: ClassVar[tuple[str, ...]] = ("seconds", "level", "peak", "clipped")
    bits: ClassVar[int] = 0
    near_bits: ClassVar[int] = 0

    @classmethod
    def of(cls, settings: AudioSettings) -> AudioFacts:
        """Return the reader of sounds as a card decodes them."""
        return AudioFacts(rate=settings.rate, max_seconds=settings.limit, range=settings.range)

    def read(self, content: Content) -> FloatArray:
        """Return the facts of a sound, as it is stored; raise BadSample."""
        count, power, peak = 0, 0.0, 0.0
        flat: dict[float, int] = {}
        given = stored_blocks(content, seconds=self.limit, full_scale=self.range)
        with given as (rate, blocks):
            for block in blocks:
                count += len(block)
                power += float(np.square(block, dtype=np.float64).sum())
                highest = float(np.abs(block).max(initial=0.0))
                peak = max(peak, highest)
                flat[highest] = flat.get(highest, 0) + _plateau(block, highest)
        clipped = sum(n for high, n in flat.items() if high >= _FLAT * peak) if peak > _FULL else 0
        level = 10 * np.log10(power / max(1, count)) if power > 0 else _SILENCE
        facts = [count / rate, max(level, _SILENCE), peak, clipped / max(1, count)]
        return np.asarray(facts, np.float32)


def _plateau(block: FloatArray, peak: float) -> int:
    """Return how many samples are at the peak together with both neighbours, of the same sign."""
    at = np.where(np.abs(block) >= _FLAT * peak, np.sign(block), 0) if peak else np.zeros(0)
    return int(((at[1:-1] != 0) & (at[1:-1] == at[:-2]) & (at[1:-1] == at[2:])).sum())

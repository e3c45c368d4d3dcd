"""Sounds as explanations show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from featx.errors import BadSample
from featx.modalities import Occlusions, PlaceValue
from featx.modalities.audio.curve import curve_file, draw_curve
from featx.modalities.audio.decode import Content
from featx.modalities.audio.occlusion import silence_parts
from featx.modalities.audio.settings import HELD, AudioSettings
from featx.pages.markup import Markup

__all__ = ["ShownSounds"]


class ShownSounds:
    """Sounds with parts silenced, or under a curve.

    Parameters
    ----------
    reader : AudioSettings
    """

    most_places: ClassVar[int] = 32

    def __init__(self, reader: AudioSettings) -> None:
        self._reader = reader

    def occlusions(self, content: Content, n: int) -> Occlusions:
        """Return a sound with equal parts of it silenced; refuse one that is too long to be held."""
        sound = self._reader.whole(content)
        if sound is None:
            raise BadSample(
                f"is longer than {HELD} s, too long to be silenced part by part; explain a segment of it"
            )
        return silence_parts(sound, self._reader.rate, n, self._reader.as_item)

    def name_places(
        self, content: Content, places: Sequence[PlaceValue]
    ) -> Sequence[tuple[str, float]]:
        """Return seconds of the sound."""
        return [
            ("beside the sound" if place is None else f"{place[0]:.2f} to {place[1]:.2f} s", value)
            for place, value in places
        ]

    def draw(
        self, content: Content, places: Sequence[PlaceValue], extent: tuple[float, ...], title: str
    ) -> Markup:
        """Return the curve of the score over the sound."""
        return draw_curve(title, extent[0], places)

    def draw_file(
        self, content: Content, places: Sequence[PlaceValue], extent: tuple[float, ...], title: str
    ) -> tuple[bytes, str]:
        """Return the curve of the score over the sound, as SVG."""
        return curve_file(title, extent[0], places).encode(), ".svg"

"""Pictures as explanations show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from featx.modalities import Occlusions, PlaceValue
from featx.modalities.image.heatmap import draw_heat_map
from featx.modalities.image.occlusion import hide_cells
from featx.modalities.image.settings import ImageSettings
from featx.pages.markup import Markup
from featx.pages.media import picture

__all__ = ["ShownPictures"]

# Pixels of the long side of a picture in a page.
_SIDE = 320


class ShownPictures:
    """Pictures with cells hidden, or under a heat map.

    Parameters
    ----------
    reader : ImageSettings
    """

    most_places: ClassVar[int] = 49

    def __init__(self, reader: ImageSettings) -> None:
        self._reader = reader

    def occlusions(self, content: Any, n: int) -> Occlusions:
        """Return a picture with the cells of a grid hidden."""
        item, geometry = self._reader.read_with_geometry(content)
        return hide_cells(item, geometry, n, channels_last=self._reader.layout == "NHWC")

    def name_places(
        self, content: Any, places: Sequence[PlaceValue]
    ) -> Sequence[tuple[str, float]]:
        """Return boxes in pixels of the picture turned upright."""
        named = []
        for place, value in places:
            left, top, right, bottom = map(round, place or (0, 0, 0, 0))
            box = f"{left} to {right} across, {top} to {bottom} down"
            named.append((box if place else "beside the picture", value))
        return named

    def draw(
        self, content: Any, places: Sequence[PlaceValue], extent: tuple[float, ...], title: str
    ) -> Markup:
        """Return the picture under its heat map, as JPEG."""
        image = self._reader.picture(content)
        drawn = draw_heat_map(image, extent, places, side=_SIDE, kind="JPEG")
        return picture(drawn, title)

    def draw_file(
        self, content: Any, places: Sequence[PlaceValue], extent: tuple[float, ...], title: str
    ) -> tuple[bytes, str]:
        """Return the picture under its heat map, as PNG."""
        return draw_heat_map(self._reader.picture(content), extent, places), ".png"

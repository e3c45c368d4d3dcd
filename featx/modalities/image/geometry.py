"""Where in a picture the parts of its tensor come from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from featx._typing import Mask
from featx.errors import NoExactSum

__all__ = ["Box", "ImageGeometry"]

# Tokens that may stand before the patches: of a class, of distillation, registers.
_LEADING = 8

# Left, top, right and bottom, in pixels from the upper left corner.
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ImageGeometry:
    """The part of a picture that its tensor shows.

    Attributes
    ----------
    width, height : int
        Pixels of the picture as it is stored, before it is turned upright.
    orientation : int
        Its EXIF orientation, 1 to 8: how it is flipped or turned to be upright.
    crop : tuple of float
        Left, top, right and bottom of the part that is shown, in pixels of the upright picture; beyond its
        edges where the card fills up what is beside it.
    size : tuple of int
        Height and width of the tensor, to which the part was resized.

    Examples
    --------
    >>> ImageGeometry(200, 100, 1, (50, 0, 150, 100), (64, 64)).locate((0, 1), (2, 2))
    (100.0, 0.0, 150.0, 50.0)
    """

    width: int
    height: int
    orientation: int
    crop: Box
    size: tuple[int, int]

    def locate(self, position: tuple[int, ...], shape: tuple[int, ...], window: int = 0) -> Box:
        """Return the box of a map's position in the picture as it is stored.

        Parameters
        ----------
        position : tuple of int
            Row and column of the map.
        shape : tuple of int
            Rows and columns of the map.
        window : int, default=0
            A picture has one.

        Returns
        -------
        tuple of float
            Left, top, right and bottom in pixels of the picture, as Pillow opens it.
        """
        return self._stored(self.locate_upright(position, shape))

    def locate_upright(self, position: tuple[int, ...], shape: tuple[int, ...]) -> Box:
        """Return the box of a map's position in the picture turned upright; see ``locate``."""
        (row, column), (rows, columns) = position, shape
        left, top, right, bottom = self.crop
        across, down = (right - left) / columns, (bottom - top) / rows
        return (
            left + across * column,
            top + down * row,
            left + across * (column + 1),
            top + down * (row + 1),
        )

    def places(
        self, shape: tuple[int, ...], window: int = 0, mask: Mask | None = None
    ) -> Sequence[tuple[float, ...] | None]:
        """Return the box of each position in the picture turned upright; None beside it.

        Tokens of a transformer are patches, row by row, behind a few that are none.
        """
        lead, rows, columns = self._grid(shape)
        indices = itertools.product(range(rows), range(columns))
        boxes = [self._inside(self.locate_upright(one, (rows, columns))) for one in indices]
        places = [*[None] * lead, *boxes]
        return places if mask is None else list(itertools.compress(places, mask))

    def _grid(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """Return how many positions come before the patches, and the rows and columns of these."""
        if len(shape) == 2:
            return 0, *shape
        height, width = self.size
        for lead in range(min(_LEADING, *shape) + 1) if len(shape) == 1 else ():
            rows = round(math.sqrt((shape[0] - lead) * height / width))
            columns = round(rows * width / height)
            if rows and rows * columns == shape[0] - lead:
                return lead, rows, columns
        raise NoExactSum(f"nothing tells where positions of the shape {shape} are in the picture")

    @property
    def extent(self) -> tuple[float, ...]:
        """The width and height of the picture turned upright."""
        turned = self.orientation >= 5
        return (self.height, self.width) if turned else (self.width, self.height)

    def _inside(self, box: Box) -> Box | None:
        """Return the part of a box that lies in the picture turned upright; None where none does."""
        width, height = self.extent
        left, top = max(box[0], 0.0), max(box[1], 0.0)
        right, bottom = min(box[2], width), min(box[3], height)
        return (left, top, right, bottom) if left < right and top < bottom else None

    def _stored(self, box: Box) -> Box:
        """Return a box of the upright picture as one of the stored picture."""
        corners = [self._stored_point(*box[:2]), self._stored_point(*box[2:])]
        xs, ys = zip(*corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def _stored_point(self, x: float, y: float) -> tuple[float, float]:
        """Undo the flip and the turn of the EXIF orientation."""
        # 5 to 8 exchange the sides
        if self.orientation >= 5:
            x, y = y, x
        if self.orientation in (2, 3, 7, 8):
            x = self.width - x
        if self.orientation in (3, 4, 6, 7):
            y = self.height - y
        return x, y

"""Maps: what a tap gives before pooling, with the parts of the sample that its positions show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from featx._typing import FloatArray, Mask
from featx.errors import BadGraph
from featx.graphs.pooling import to_channels_last
from featx.modalities import Geometry

__all__ = ["SampleMaps", "fitting_axis", "to_map"]

_MAP_RANK = 4


@dataclass(frozen=True, slots=True, eq=False)
class SampleMaps:
    """The maps of one sample, and where in the sample their positions are.

    Attributes
    ----------
    id : str
        The sample's.
    maps : tuple of ndarray, float32
        One for each window of the sample; a picture has one. A map of shape (height, width,
        channels), or tokens or frames of shape (positions, channels), without padding.
    geometry : Geometry
        ``geometry.locate(position, shape, window)`` is the part of the sample that a position of
        the map of a window shows: a box of a picture, characters of a text, seconds of a sound.

    Examples
    --------
    >>> from featx import Backbone
    >>> backbone = Backbone("featx-image-nano", tap="last-map", pooling="mean")
    >>> [sample] = backbone.embed_maps([np.zeros((80, 100, 3), np.uint8)])
    >>> sample.id, [features.shape for features in sample.maps]
    ('0', [(7, 7, 512)])
    """

    id: str
    maps: tuple[FloatArray, ...]
    geometry: Geometry


def fitting_axis(
    shape: Sequence[object], channel_axis: int | None, picture: tuple[int, int] = (1, 1)
) -> int | None:
    """Return the axis of the channels of a picture's map: the given one, unless only the other can be it.

    A map has the proportions of the picture, up to a cell. A graph of one layout may compute in another between
    two transpositions, as those of Keras do.

    Parameters
    ----------
    shape : sequence
        With the axis of samples; a side that is no number is not known.
    channel_axis : int or None
        None is 1.
    picture : tuple of two ints, default=(1, 1)
        Its height and width, as the graph is given it.

    Examples
    --------
    >>> fitting_axis((1, 7, 7, 1280), None), fitting_axis((1, 512, 7, 7), -1)
    (-1, None)
    >>> fitting_axis((1, 7, 7, 1280), -1), fitting_axis((1, 7, 7, 7), -1)
    (-1, -1)
    >>> fitting_axis((1, 12, 12, 16), None, (101, 128)), fitting_axis((1, 12, 16, 12), None, (101, 128))
    (None, -1)
    """
    sides = [side for side in shape[1:] if isinstance(side, int)]
    if len(shape) != _MAP_RANK or len(sides) < _MAP_RANK - 1:
        return channel_axis
    own = 1 if channel_axis is None else channel_axis % _MAP_RANK
    fits = {1: _alike(sides[1:], picture), 3: _alike(sides[:2], picture)}
    other = _MAP_RANK - own
    if fits.get(own, True) or not fits[other]:
        return channel_axis
    return None if other == 1 else -1


def _alike(sides: Sequence[int], picture: tuple[int, int]) -> bool:
    """Return whether a map of some sides has the proportions of a picture, up to a cell rounded off."""
    (high, wide), (height, width) = sides, picture
    off = abs(high * width - wide * height)
    return off == 0 if height == width else off < max(height, width)


def to_map(values: FloatArray, mask: Mask | None, channel_axis: int | None) -> FloatArray:
    """Return the map of one sample, channels last and padding left out, of what a tap gives.

    Parameters
    ----------
    values : ndarray of shape (1, ...), float32
    mask : ndarray of shape (1, positions) or None
        False where a position is padding.

    Raises
    ------
    BadGraph
        The tap gives rows, or not a position for each of the mask.
    """
    if values.ndim == 2:
        raise BadGraph("the tap gives rows, not a map; choose another tap, such as last-map")
    [moved] = to_channels_last(values, channel_axis)
    if mask is None:
        return np.ascontiguousarray(moved)
    positions = moved.reshape(-1, moved.shape[-1])
    if len(positions) != mask.shape[1]:
        raise BadGraph(
            f"the tap gives {len(positions)} positions for {mask.shape[1]} of the input; "
            f"choose a tap that gives one each"
        )
    return np.asarray(positions[mask[0]])

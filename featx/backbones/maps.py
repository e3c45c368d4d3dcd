"""Maps: what a tap gives before pooling, with the parts of the sample that its positions show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from featx._typing import FloatArray, Mask
from featx.errors import BadGraph
from featx.graphs.pooling import to_channels_last
from featx.modalities import Geometry

__all__ = ["SampleMaps", "to_map"]


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

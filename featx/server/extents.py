"""How large the samples of a request are together, by their headers and before one of them is decoded.

A picture of a plain colour has millions of pixels in a few kilobytes, and so has silence its minutes. Each is
bounded by its reader; a request of many would hold all workers for a long time.
"""

from __future__ import annotations

from collections.abc import Sequence

from featx.embedding.rows import Reject
from featx.modalities import MeasuringReader
from featx.server.errors import HTTPError
from featx.server.limits import Limits
from featx.server.registry import ServedPredictor
from featx.sources import Sample

__all__ = ["weigh"]


def weigh(
    samples: Sequence[Sample | Reject], served: ServedPredictor, limits: Limits
) -> list[float] | None:
    """Return the part that each sample is of what a worker should take at once; None where it is one sample.

    A worker takes as much at once as the largest sample that is read. One that cannot be read has no weight.

    Raises
    ------
    HTTPError
        Together they are larger than the limit (413).
    """
    reader = served.input.backbone.reader
    # One sample by itself is bounded by its reader.
    if len(samples) < 2 or not isinstance(reader, MeasuringReader):
        return None
    most = {"pixels": limits.total_pixels, "seconds": limits.total_seconds}[reader.extent_unit]
    largest = {"pixels": limits.max_pixels, "seconds": limits.max_seconds}[reader.extent_unit]
    total, weights = 0.0, list[float]()
    for sample in samples:
        # What is larger than the largest is refused by the reader, and costs nothing.
        extent = reader.extent(sample.data) if isinstance(sample, Sample) else 0.0
        extent = extent if extent <= largest else 0.0
        total += extent
        if total > most:
            raise HTTPError(
                413,
                f"too_many_{reader.extent_unit}",
                f"the {len(samples)} samples have more than {most:,.0f} {reader.extent_unit} together: "
                f"expected fewer a request; send them in several",
            )
        weights.append(extent / largest)
    return weights

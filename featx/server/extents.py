"""How large the samples of a request are together, by their headers and before one of them is decoded.

A picture of a plain colour has millions of pixels in a few kilobytes, and so has silence its minutes. Each is
bounded by its reader; a request of many would hold all workers for a long time.
"""

from __future__ import annotations

from collections.abc import Sequence

from featx.embedding.rows import Reject
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
    # One file by itself is bounded by its reader.
    if len(samples) < 2 and not served.input.is_record:
        return None
    most = {"pixels": limits.total_pixels, "seconds": limits.total_seconds}
    largest = {"pixels": limits.max_pixels, "seconds": limits.max_seconds}
    totals, weights, measured = dict.fromkeys(most, 0.0), list[float](), False
    for sample in samples:
        weight = 0.0
        files = served.input.measured(sample.data) if isinstance(sample, Sample) else []
        for reader, content in files:
            unit, measured = reader.extent_unit, True
            # What is larger than the largest is refused by the reader, and costs nothing.
            extent = reader.extent(content)
            extent = extent if extent <= largest[unit] else 0.0
            totals[unit] += extent
            if totals[unit] > most[unit]:
                raise HTTPError(
                    413,
                    f"too_many_{unit}",
                    f"the {len(samples)} samples have more than {most[unit]:,.0f} {unit} together: "
                    f"expected fewer a request; send them in several",
                )
            weight += extent / largest[unit]
        weights.append(weight)
    return weights if measured else None

"""The time that one sample takes on this machine, from reading it to its row."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from featx.backbones.backbone import Backbone
from featx.errors import BadSample
from featx.sources import Sample

__all__ = ["measure_milliseconds"]

# Samples that are timed, and the seconds after which those that were are enough.
_TIMED, _SECONDS, _LEAST = 24, 0.5, 3


def measure_milliseconds(samples: Sequence[Sample], backbone: Backbone) -> float | None:
    """Return the median time of single samples on one core: read, decoded and run through the graph alone.

    Parameters
    ----------
    samples : sequence of Sample
        The first of them that can be read are timed, each by itself, for about half a second.
    backbone : Backbone

    Returns
    -------
    float or None
        Milliseconds; None where no sample could be read.
    """
    spent: list[float] = []
    began = time.perf_counter()
    for number, sample in enumerate(samples[: 2 * _TIMED]):
        try:
            start = time.perf_counter()
            backbone.embed_items([backbone.reader.read(backbone.reader.load(sample.data))])
            taken = time.perf_counter() - start
        except BadSample:
            continue
        # The first run of a graph sets up what later ones find.
        if number or len(samples) == 1:
            spent.append(taken)
        late = time.perf_counter() - began > _SECONDS
        if len(spent) >= _TIMED or (late and len(spent) >= _LEAST):
            break
    return 1e3 * statistics.median(spent) if spent else None

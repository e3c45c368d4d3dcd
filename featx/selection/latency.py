"""The time that one sample takes on this machine, from reading it to its row."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from featx.backbones.backbone import Backbone
from featx.embedding.joint_rows import InputPart
from featx.errors import BadSample
from featx.modalities.remarks import collected
from featx.sources import Sample

__all__ = ["measure_milliseconds", "measure_part_milliseconds"]

# Samples that are timed, and the seconds after which those that were are enough.
_TIMED, _SECONDS, _LEAST = 24, 0.5, 3
# Samples among which those with a value of an input are sought.
_LOOKED = 1000


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

    def work(sample: Sample) -> None:
        backbone.embed_items([backbone.reader.read(backbone.reader.load(sample.data))])

    return _median_milliseconds(samples, work)


def measure_part_milliseconds(samples: Sequence[Sample], part: InputPart) -> float | None:
    """Return the same of one of several inputs, with all its values of a sample: four photos take four times.

    Parameters
    ----------
    samples : sequence of Sample
        Records; those without a value are passed over.
    part : InputPart
    """
    known = [sample for sample in samples[:_LOOKED] if part.values_of(sample.data)]
    reader = part.embedder.reader

    def work(sample: Sample) -> None:
        items = [reader.read(reader.load(value)) for value in part.values_of(sample.data)]
        part.combine(list(part.embedder.embed_items(items)))

    return _median_milliseconds(known, work)


def _median_milliseconds(samples: Sequence[Sample], work: Callable[[Sample], None]) -> float | None:
    """Return the median time of the work on single samples; None where none could be read."""
    spent: list[float] = []
    began = time.perf_counter()
    for number, sample in enumerate(samples[: 2 * _TIMED]):
        try:
            start = time.perf_counter()
            # What there is to say of a sample is said where it is embedded.
            with collected():
                work(sample)
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

"""Autotune: what a backbone's rows cost on this host, and the run settings that make most of it."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import cycle, islice
from typing import Any

from featx.backbones.backbone import Backbone
from featx.embedding.engine import Engine, count_workers
from featx.embedding.run_settings import RunSettings
from featx.errors import BadOption, BadSource
from featx.sources import Sample

__all__ = ["AutotuneResult", "Cores", "MeasuredRate", "autotune", "count_cores"]

BATCHES = (1, 2, 4, 8, 16)

# Samples whose decoding and inference are timed one by one.
_TIMED = 48
# Rounds of all settings, in turns, so that a passing load meets all alike.
_ROUNDS = 3
# Settings are left for others only where those are so many times as fast.
_WORTH = 1.03


@dataclass(frozen=True, slots=True)
class Cores:
    """The processors of the host, and those of them that are ours.

    Attributes
    ----------
    host : int
        Processors that the operating system knows.
    affinity : int
        Processors that this process may be scheduled on.
    usable : int
        Workers that featx starts: affinity, cgroup quota and LOKY_MAX_CPU_COUNT considered.
    """

    host: int
    affinity: int
    usable: int


@dataclass(frozen=True, slots=True)
class MeasuredRate:
    """Samples a second that the engine reached with some settings, the median of its rounds."""

    batch_size: int
    workers: int
    rate: float


@dataclass(frozen=True, slots=True)
class AutotuneResult:
    """The measurements, and the settings that follow from them.

    Attributes
    ----------
    backbone, provider : str
        What was measured.
    samples : int
        Samples of one round.
    decode : float
        Seconds a sample on one core to read, decode and preprocess.
    infer_by_batch : dict of int to float
        Seconds a sample in the graph alone on one core, by batch size.
    rates : tuple of MeasuredRate
        Rates of the whole engine, without its cache.
    default, best : RunSettings
        What the engine does by itself, and what to do.
    """

    backbone: str
    provider: str
    samples: int
    cores: Cores
    decode: float
    infer_by_batch: dict[int, float]
    rates: tuple[MeasuredRate, ...]
    default: RunSettings
    best: RunSettings

    @property
    def infer(self) -> float:
        """The seconds a sample takes in the graph, on one core, at its best batch size."""
        return min(self.infer_by_batch.values())

    @property
    def roofline(self) -> float:
        """The samples a second of all usable cores, if nothing but decoding and inference took time."""
        return self.cores.usable / (self.decode + self.infer)

    def rate(self, settings: RunSettings) -> float:
        """Return the samples a second that settings reached."""
        wanted = (settings.batch_size, settings.workers)
        return next(m.rate for m in self.rates if (m.batch_size, m.workers) == wanted)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        whole = {**asdict(self), "infer": self.infer, "roofline": self.roofline}
        return whole | {"rate": self.rate(self.best)}


def autotune(
    samples: Sequence[Sample],
    backbone: Backbone,
    *,
    batches: Sequence[int] = BATCHES,
    seconds: float = 0.6,
    progress: Callable[[str], object] | None = None,
) -> AutotuneResult:
    """Time the parts and the whole on some samples, and choose a batch size and a number of workers.

    First every batch size with a worker a core, then the best of them with one worker more and one less.
    The engine's own default is kept unless other settings are more than 3 % faster.

    Parameters
    ----------
    batches : sequence of int, default=(1, 2, 4, 8, 16)
        Sizes to try; the backbone's own is always among them, and the only one where it takes no other.
    seconds : float, default=0.6
        The approximate length of one round of some settings; each runs three.
    progress : callable, default=None
        Called with a line of words for each step.

    Raises
    ------
    BadSource
        There are no samples.
    BadSample
        One of them cannot be read.
    BadOption
        A batch size is not positive.
    """
    _check_inputs(samples, batches)
    report = progress or (lambda line: None)
    sizes = sorted({*batches, backbone.batch_size})
    if backbone.batch:
        # others would be run so all the same
        sizes = [backbone.batch]
    cores = count_cores()
    report("one core: decoding, inference")
    decode, infer = _time_parts(samples[:_TIMED], backbone, sizes, seconds)
    n = max(4 * max(sizes), round(seconds * cores.usable / (decode + min(infer.values()))))
    run = [replace(s, id=str(k)) for k, s in enumerate(islice(cycle(samples), n))]
    default = RunSettings(backbone.batch_size, cores.usable, cores.usable)
    report(f"all cores: batches of {', '.join(map(str, sizes))}")
    by_size = _measure([replace(default, batch_size=size) for size in sizes], run, backbone)
    best = _best(by_size, default)
    others = [w for w in (cores.usable - 1, cores.usable + 1) if w > 0]
    report(f"batches of {best.batch_size}: {', '.join(map(str, others))} workers")
    # The best is measured anew beside its neighbours: conditions are equal.
    by_workers = _measure([best, *(replace(best, workers=w) for w in others)], run, backbone)
    repeated = (best.batch_size, best.workers)
    return AutotuneResult(
        backbone=backbone.card.name,
        provider=str(backbone.provider),
        samples=len(run),
        cores=cores,
        decode=decode,
        infer_by_batch=infer,
        rates=(*(m for m in by_size if (m.batch_size, m.workers) != repeated), *by_workers),
        default=default,
        best=_best(by_workers, best),
    )


def _check_inputs(samples: Sequence[Sample], batches: Sequence[int]) -> None:
    if not samples:
        raise BadSource("no samples to measure with: expected at least one")
    if min(batches, default=1) < 1:
        raise BadOption(f"batch sizes {list(batches)}: expected 1 or more each")


def count_cores() -> Cores:
    """Return the processors that there are, and those that may be used."""
    host = os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else host
    return Cores(host, affinity, count_workers(-1))


def _time_parts(
    samples: Sequence[Sample], backbone: Backbone, sizes: Sequence[int], seconds: float
) -> tuple[float, dict[int, float]]:
    """Return the seconds a sample on one core: to read it, and in the graph by batch size."""
    reader, items, spent = backbone.reader, [], []
    for sample in samples:
        start = time.perf_counter()
        items.append(reader.read(reader.load(sample.data)))
        spent.append(time.perf_counter() - start)
    infer: dict[int, list[float]] = {size: [] for size in sizes}
    backbone.embed_items(items[: max(sizes)])
    for _ in range(_ROUNDS):
        for size in sizes:
            few = list(islice(cycle(items), size))
            start, runs = time.perf_counter(), 0
            while time.perf_counter() - start < seconds / _ROUNDS or not runs:
                backbone.embed_items(few, size)
                runs += 1
            infer[size].append((time.perf_counter() - start) / runs / size)
    return statistics.median(spent), {k: statistics.median(v) for k, v in infer.items()}


def _measure(
    choices: Sequence[RunSettings], samples: Sequence[Sample], backbone: Backbone
) -> tuple[MeasuredRate, ...]:
    """Return the rate of each choice, measured in turns."""
    rates: dict[RunSettings, list[float]] = {settings: [] for settings in choices}
    for _ in range(_ROUNDS):
        for settings in rates:
            engine = Engine(n_jobs=settings.workers, batch_size=settings.batch_size)
            start = time.perf_counter()
            for _rows in engine.stream(samples, backbone):
                pass
            rates[settings].append(len(samples) / (time.perf_counter() - start))
    return tuple(
        MeasuredRate(settings.batch_size, settings.workers, statistics.median(rounds))
        for settings, rounds in rates.items()
    )


def _best(measured: Sequence[MeasuredRate], otherwise: RunSettings) -> RunSettings:
    """Return the fastest settings; ``otherwise`` where those are hardly slower."""
    known = {(m.batch_size, m.workers): m.rate for m in measured}
    size, workers = max(known, key=lambda setting: known[setting])
    if known[size, workers] <= _WORTH * known[otherwise.batch_size, otherwise.workers]:
        return otherwise
    return replace(otherwise, batch_size=size, workers=workers)

"""What a backbone's rows cost on this host, what the cores could reach, and the setting that comes nearest."""

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

__all__ = ["AutotuneResult", "Cores", "Trial", "autotune", "count_cores"]

BATCHES = (1, 2, 4, 8, 16)

_PARTS = 48  # samples whose parts are timed one by one
_ROUNDS = 3  # of every setting, in turns, so that a passing load meets all alike
_WORTH = 1.03  # a setting is left for another only where that is so many times as fast


@dataclass(frozen=True, slots=True)
class Cores:
    """The processors of the host, and those of them that are ours."""

    host: int
    affinity: int  # that this process may be scheduled on
    usable: (
        int  # workers that featx starts: affinity, cgroup quota and LOKY_MAX_CPU_COUNT considered
    )


@dataclass(frozen=True, slots=True)
class Trial:
    """One setting of the engine and what it reached."""

    batch_size: int
    workers: int
    rate: float  # samples a second, the median of its rounds


@dataclass(frozen=True, slots=True)
class AutotuneResult:
    """What was measured, and the plan that follows from it.

    Attributes
    ----------
    decode, infer : float
        Seconds a sample on one core: reading, decoding and preprocessing; the graph alone, at its best
        batch size, which ``infer_by_batch`` gives beside the others.
    roofline : float
        Samples a second that ``workers / (decode + infer)`` would be, if nothing else took time.
    trials : tuple of Trial
        Rates of the whole engine, without its cache.
    """

    backbone: str
    provider: str
    samples: int
    cores: Cores
    decode: float
    infer_by_batch: dict[int, float]
    trials: tuple[Trial, ...]
    default: RunSettings
    plan: RunSettings

    @property
    def infer(self) -> float:
        """Seconds a sample in the graph, on one core, at its best batch size."""
        return min(self.infer_by_batch.values())

    @property
    def roofline(self) -> float:
        """Samples a second of all usable cores, if nothing but decoding and inference took time."""
        return self.cores.usable / (self.decode + self.infer)

    def rate(self, plan: RunSettings) -> float:
        """Samples a second that a plan reached."""
        wanted = (plan.batch_size, plan.workers)
        return next(t.rate for t in self.trials if (t.batch_size, t.workers) == wanted)

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values."""
        whole = {**asdict(self), "infer": self.infer, "roofline": self.roofline}
        return whole | {"rate": self.rate(self.plan)}


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
    The engine's own default is kept unless another setting is more than 3 % faster.

    Parameters
    ----------
    batches : sequence of int, default=(1, 2, 4, 8, 16)
        Sizes to try; the backbone's own is always among them.
    seconds : float, default=0.6
        About how long one round of one setting runs; each runs three.
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
    if not samples:
        raise BadSource("no samples to measure with: expected at least one")
    if min(batches, default=1) < 1:
        raise BadOption(f"batch sizes {list(batches)}: expected 1 or more each")
    tell = progress or (lambda words: None)
    cores, sizes = count_cores(), sorted({*batches, backbone.batch})
    tell("one core: decoding, inference")
    decode, infer = _parts(samples[:_PARTS], backbone, sizes, seconds)
    n = max(4 * max(sizes), round(seconds * cores.usable / (decode + min(infer.values()))))
    run = [replace(s, id=str(k)) for k, s in enumerate(islice(cycle(samples), n))]
    default = RunSettings(backbone.batch, cores.usable, cores.usable)
    tell(f"all cores: batches of {', '.join(map(str, sizes))}")
    trials = _try([replace(default, batch_size=size) for size in sizes], run, backbone)
    best = _best(trials, default)
    others = [w for w in (cores.usable - 1, cores.usable + 1) if w > 0]
    tell(f"batches of {best.batch_size}: {', '.join(map(str, others))} workers")
    again = [best, *(replace(best, workers=workers) for workers in others)]
    second = _try(again, run, backbone)  # the best anew, beside its neighbours: equal conditions
    plan = _best(second, best)
    kept = tuple(t for t in trials if (t.batch_size, t.workers) != (best.batch_size, best.workers))
    return AutotuneResult(
        backbone=backbone.card.name,
        provider=str(backbone.provider),
        samples=len(run),
        cores=cores,
        decode=decode,
        infer_by_batch=infer,
        trials=(*kept, *second),
        default=default,
        plan=plan,
    )


def count_cores() -> Cores:
    """The processors that there are, and those that may be used."""
    host = os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else host
    return Cores(host, affinity, count_workers(-1))


def _parts(
    samples: Sequence[Sample], backbone: Backbone, sizes: Sequence[int], seconds: float
) -> tuple[float, dict[int, float]]:
    """Seconds a sample on one core: to read it, and in the graph by batch size."""
    reader, items, spent = backbone.reader, [], []
    for sample in samples:
        start = time.perf_counter()
        items.append(reader.read(reader.load(sample.data)))
        spent.append(time.perf_counter() - start)
    infer: dict[int, list[float]] = {size: [] for size in sizes}
    backbone.embed(items[: max(sizes)])
    for _ in range(_ROUNDS):
        for size in sizes:
            few = list(islice(cycle(items), size))
            start, runs = time.perf_counter(), 0
            while time.perf_counter() - start < seconds / _ROUNDS or not runs:
                backbone.embed(few, size)
                runs += 1
            infer[size].append((time.perf_counter() - start) / runs / size)
    return statistics.median(spent), {k: statistics.median(v) for k, v in infer.items()}


def _try(
    plans: Sequence[RunSettings], samples: Sequence[Sample], backbone: Backbone
) -> tuple[Trial, ...]:
    """The rate of each plan, in turns."""
    rates: dict[RunSettings, list[float]] = {plan: [] for plan in plans}
    for _ in range(_ROUNDS):
        for plan in rates:
            engine = Engine(n_jobs=plan.workers, batch_size=plan.batch_size)
            start = time.perf_counter()
            for _rows in engine.stream(samples, backbone):
                pass
            rates[plan].append(len(samples) / (time.perf_counter() - start))
    return tuple(
        Trial(plan.batch_size, plan.workers, statistics.median(found))
        for plan, found in rates.items()
    )


def _best(trials: Sequence[Trial], otherwise: RunSettings) -> RunSettings:
    """The fastest plan; ``otherwise`` where it is hardly slower."""
    known = {(t.batch_size, t.workers): t.rate for t in trials}
    size, workers = max(known, key=lambda setting: known[setting])
    if known[size, workers] <= _WORTH * known[otherwise.batch_size, otherwise.workers]:
        return otherwise
    return replace(otherwise, batch_size=size, workers=workers)

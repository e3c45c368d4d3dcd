"""Time the shards of Ray's workers beside those of one process, and lose a worker and a machine on the way.

    python benchmarks/distributed.py                        # 1600 photos of flowers5 in 16 shards, two workers
    python benchmarks/distributed.py --photos 12800 --rounds 5

Photos are taken again where there are fewer. Local engine, workers of featx and FeatureExtractor in plain
actors of `map_batches` come in turns within one run. "once started" is from the first shard of each worker to
the last one; "in all" has the start of the workers in it, and that of the cluster is said apart. Bytes are
compared in each round. Ray must be installed: pip install 'featx[ray]'.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import common

SHARDS, WORKERS, BATCH = 16, 2, 32
BACKBONE = "featx-image-nano"


class Clock:
    """The times at which photos were done."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.done: list[tuple[float, int]] = []

    def __call__(self, n_photos: int) -> None:
        self.done.append((time.perf_counter() - self.start, n_photos))

    def rates(self, skipped: int) -> tuple[float, float]:
        """Photos a second in all, and after so many parts at the beginning."""
        counts = [count for _, count in self.done]
        begun, end = self.done[skipped - 1][0] if skipped else 0.0, self.done[-1][0]
        return sum(counts) / end, sum(counts[skipped:]) / (end - begun)


def run_local(samples: list[Any], folder: Path) -> tuple[float, float]:
    """Write the shards in this process."""
    from featx import Backbone, Engine
    from featx.tables import merge_shards
    from featx.tables.shard_plan import ShardPlan, make_shards
    from featx.tables.shards import Shard, ShardFolder

    backbone = Backbone(BACKBONE)
    own = ShardFolder(
        folder,
        SHARDS,
        fingerprint=backbone.fingerprint,
        dim=backbone.dim,
        dtype="float32",
        columns={},
    )
    own.open()
    plan = ShardPlan(own, samples, tuple(Shard(number, SHARDS) for number in range(SHARDS)))
    engine = Engine(n_jobs=WORKERS, on_error="skip")
    clock = Clock()
    for shard, _ in make_shards(plan, plan.wanted, backbone, engine):
        clock(len(plan.samples_of(shard)))
    merge_shards(folder)
    return clock.rates(0)


def run_workers(
    samples: list[Any], folder: Path, disturb: Callable[[], None] | None = None
) -> tuple[float, float]:
    """Write the shards by featx.distributed; ``disturb`` is called when a quarter is there."""
    from featx import Engine
    from featx.distributed import extract

    clock = Clock()

    def progress(n_photos: int) -> None:
        clock(n_photos)
        if disturb and len(clock.done) == SHARDS // 4:
            disturb()

    engine = Engine(n_jobs=WORKERS, on_error="skip", progress=progress)
    extract(samples, folder, backbone=BACKBONE, shards=SHARDS, engine=engine)
    return clock.rates(WORKERS)


class PlainActor:
    """The actor that one writes without featx.distributed."""

    def __init__(self) -> None:
        from featx import FeatureExtractor

        self.extractor = FeatureExtractor(BACKBONE, n_jobs=1)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return {"rows": self.extractor.transform(list(batch["path"]))}


def run_plain(samples: list[Any], folder: Path) -> tuple[float, float]:
    """Embed in actors of map_batches; nothing is written."""
    import ray

    paths = [{"path": os.fspath(sample.data.path)} for sample in samples]
    data = ray.data.from_items(paths, override_num_blocks=SHARDS).map_batches(
        PlainActor,
        batch_size=BATCH,
        compute=ray.data.ActorPoolStrategy(size=WORKERS),
        num_cpus=1,
    )
    clock = Clock()
    for batch in data.iter_batches(batch_size=None):
        clock(len(batch["rows"]))
    return clock.rates(WORKERS)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def worker_processes() -> Iterator[int]:
    """Give the processes of Ray's workers that make shards."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name = status.read_text()
        except OSError:
            continue
        if "(ray::MapWorker" in name and status.stat().st_uid == os.getuid():
            yield int(status.parent.name)


def kill_worker() -> None:
    os.kill(next(worker_processes()), signal.SIGKILL)


def lose_node(samples: list[Any], work: Path, expected: dict[str, bytes]) -> float:
    """Lose the raylet of one of two nodes, and return the seconds that the extraction took."""
    import ray
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    try:
        second = cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
        ray.init(address=cluster.address, logging_level="critical", log_to_driver=False)
        [process] = second.all_processes["raylet"]
        start = time.perf_counter()
        run_workers(samples, work / "node", lambda: os.kill(process.process.pid, signal.SIGKILL))
        seconds = time.perf_counter() - start
        assert contents(work / "node") == expected, "a lost node changed the bytes"
        return seconds
    finally:
        ray.shutdown()
        cluster.shutdown()


def main() -> None:
    """Compare in turns, then lose a worker and a node."""
    parser = common.make_parser(__doc__)
    parser.add_argument("--photos", type=int, default=1600, help="[%(default)s]")
    given = common.parse(parser)
    from featx import make_samples, read_samples
    from featx.distributed.cluster import connected

    known = [sample.data for sample in read_samples(given.data / "flowers5", modality="image")]
    photos = list(islice(cycle(known), given.photos))
    samples = make_samples(photos, ids=map(str, range(len(photos))))
    work = given.work / "distributed"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    runs = {"local engine": run_local, "featx workers": run_workers, "plain map_batches": run_plain}
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    run_local(samples[: 8 * SHARDS], work / "warm")
    start = time.perf_counter()
    with connected("local", WORKERS):
        began = time.perf_counter() - start
        for number in range(given.rounds):
            for name, run in runs.items():
                rates[name].append(run(samples, work / f"{name} {number}"))
            one, other = (work / f"{name} {number}" for name in ("local engine", "featx workers"))
            assert contents(one) == contents(other), "the bytes differ"
        expected = contents(work / "local engine 0")
        start = time.perf_counter()
        run_workers(samples, work / "killed", kill_worker)
        killed = time.perf_counter() - start
        assert contents(work / "killed") == expected, "a killed worker changed the bytes"
    lost = lose_node(samples, work, expected)
    rows = []
    for name, pairs in rates.items():
        whole, steady = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratios = [pair[1] / own[1] for pair, own in zip(pairs, rates["local engine"], strict=True)]
        rows.append([name, f"{whole:.0f}", f"{steady:.0f}", f"{statistics.median(ratios):.2f}"])
    print(common.format_table(["", "photos/s in all", "once started", "of local"], rows))
    print(
        f"\n{len(photos)} photos in {SHARDS} shards, {WORKERS} workers. The cluster "
        f"started in {began:.1f} s.\nBytes were equal in every round, with a worker killed ({killed:.1f} s) "
        f"and with a node lost ({lost:.1f} s)."
    )
    shutil.rmtree(work)


if __name__ == "__main__":
    main()

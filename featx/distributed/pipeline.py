"""The pipeline: shards go to actors of Ray Data, an actor a core, and what became of each comes back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any

from featx.backbones.backbone import Backbone
from featx.distributed.cluster import core_count, said_by_ray
from featx.distributed.tasks import ShardTask, samples_of_table
from featx.distributed.worker import Job, ShardOutcome, Worker, open_job
from featx.embedding.engine import Engine
from featx.embedding.rows import Written
from featx.embedding.run_settings import remembered_settings
from featx.errors import ClusterFailed, FeatxError
from featx.sources import Sample
from featx.tables.shards import Shard, ShardFolder

__all__ = ["ShardActor", "make_by_actors"]

# Shards that an actor has at hand: while it works on one, the next is on its way.
_AT_HAND = 2


def make_by_actors(
    ray: Any,
    tasks: Sequence[ShardTask],
    folder: ShardFolder,
    backbone: Backbone,
    engine: Engine,
    marker: str,
) -> Iterator[tuple[Shard, Written]]:
    """Make shards on the cores of a cluster, and give each as it is there, in any order.

    Parameters
    ----------
    ray : module
        Connected to a cluster.
    tasks : sequence of ShardTask
    folder : ShardFolder
        It is there.
    backbone : Backbone
    engine : Engine
        Its ``n_jobs`` is the number of actors; by default one for each core of the cluster.
    marker : str
        The name of the folder that ``working_in`` made.

    Raises
    ------
    BadSample, OutputFailed, …
        What a worker met.
    ClusterFailed
        A node does not see the files, has another featx or other rows, or Ray failed.
    """
    if not tasks:
        return
    n_actors = engine.n_jobs if engine.n_jobs and engine.n_jobs > 0 else core_count(ray)
    n_actors = min(n_actors, len(tasks))
    by_number = {task.shard.number: task for task in tasks}
    own = replace(engine, n_jobs=1, batch_size=_batch_size(engine, backbone), progress=None)
    job = open_job(backbone, folder, own, marker)
    with _ray_in_words():
        for outcome in _outcomes(ray, tasks, job, n_actors):
            task = by_number[outcome.number]
            written = outcome.check()
            if engine.progress:
                engine.progress(task.size)
            yield task.shard, written


def _outcomes(
    ray: Any, tasks: Sequence[ShardTask], job: Job, n_actors: int
) -> Iterator[ShardOutcome]:
    """Give what became of each shard, as Ray Data hands it back."""
    sealed = ray.cloudpickle.dumps(job)
    rows = [
        {"place": place, "number": task.shard.number, "total": task.shard.total}
        | {"first": task.first, "ends": task.ends or ""}
        for place, task in enumerate(tasks)
    ]
    pipeline = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        ShardActor,
        fn_constructor_args=(_version(), sealed, [task.parts for task in tasks]),
        compute=ray.data.ActorPoolStrategy(
            min_size=1,
            max_size=n_actors,
            initial_size=n_actors,
            max_tasks_in_flight_per_actor=_AT_HAND,
        ),
        num_cpus=1,
    )
    for row in pipeline.iter_rows():
        yield ShardOutcome.from_json(row["outcome"])


class ShardActor:
    """The actor that Ray Data runs in a process of its own: its worker is opened when the versions agree.

    Parameters
    ----------
    version : str
        The version of featx where the job was started.
    sealed : bytes
        The ``Job``, as Ray writes objects.
    inputs : sequence
        The references of each task.
    """

    def __init__(self, version: str, sealed: bytes, inputs: Sequence[Sequence[Any]]) -> None:
        self._version, self._sealed, self._inputs = version, sealed, inputs
        self._worker: Worker | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, str]:
        """Make the shard of a row, and return what became of it as JSON."""
        shard = Shard(int(row["number"]), int(row["total"]))
        try:
            worker = self._open()
        except FeatxError as error:
            outcome = ShardOutcome.of_failure(shard.number, error)
        else:
            samples = self._samples(int(row["place"]), int(row["first"]))
            outcome = worker.make(shard, samples, row["ends"] or None)
        return {"outcome": outcome.to_json()}

    def _open(self) -> Worker:
        import ray

        node = ray.util.get_node_ip_address()
        if (own := _version()) != self._version:
            raise ClusterFailed(
                f"node {node}: has featx {own}, and the job was started by {self._version}; "
                "install the same featx on every node"
            )
        if self._worker is None:
            self._worker = Worker(ray.cloudpickle.loads(self._sealed), node)
        return self._worker

    def _samples(self, place: int, first: int) -> list[Sample]:
        import ray

        samples: list[Sample] = []
        for part in ray.get(list(self._inputs[place])):
            if isinstance(part, list):
                samples += part
            else:
                samples += samples_of_table(part, first + len(samples))
        return samples


@contextmanager
def _ray_in_words() -> Iterator[None]:
    """Turn what Ray raises into ClusterFailed, in one line and without its tracebacks."""
    try:
        yield
    except FeatxError:
        raise
    # Errors of Ray have no one base: RayError, Ray Data's SystemException, RuntimeError, ValueError.
    except Exception as error:
        raise ClusterFailed(f"the job failed in the cluster of Ray: {said_by_ray(error)}") from None


def _version() -> str:
    return str(import_module("featx").__version__)


def _batch_size(engine: Engine, backbone: Backbone) -> int:
    """Return the batch that every node takes, whatever `featx bench` remembered there."""
    settings = remembered_settings(backbone.cache_key)
    return engine.batch_size or (settings.batch_size if settings else backbone.batch_size)

"""Extraction on a cluster: samples, or a data set of Ray, to a folder of shards of rows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from featx.backbones.backbone import Backbone
from featx.backbones.providers import CPU, Provider
from featx.catalog import Card
from featx.distributed.attempts import check_shared, working_in
from featx.distributed.cluster import check_address, connected, load_ray
from featx.distributed.pipeline import make_by_actors
from featx.distributed.tasks import is_dataset, tasks_of, tasks_of_dataset
from featx.embedding.engine import Engine, count_workers
from featx.embedding.rows import Written
from featx.errors import BadOption
from featx.reading import read_samples
from featx.sources import Sample, make_samples
from featx.sources.kept import column_types
from featx.storage.address import to_path
from featx.tables import check_output, merge_shards
from featx.tables.shard_plan import ShardPlan
from featx.tables.shards import Shard, ShardFolder, check_shards, number_of_shards

if TYPE_CHECKING:
    from featx.storage.remote import AnyPath, RemotePath

__all__ = ["check_cluster_options", "extract", "make_missing"]


def extract(
    source: Any,
    output: str | os.PathLike[str] | RemotePath,
    *,
    backbone: str | Card | Backbone = "featx-image-nano",
    shards: int | None = None,
    shard_size: int | None = None,
    engine: Engine | None = None,
    address: str | None = None,
) -> Written:
    """Make the rows of many samples on the cores of a cluster of Ray, into a folder of shards.

    The bytes are those that ``featx extract --shards`` writes on one machine. Interrupted and started again, it
    makes the shards that are missing; a worker or a machine that is lost costs time and nothing else.

    Parameters
    ----------
    source : path, iterable of samples or ray.data.Dataset
        What ``featx.read_samples`` or ``featx.make_samples`` takes. A data set of Ray has its samples in a
        column bytes, image, audio, text, path or item, ids in one named id or path, labels in one named label.
        Paths must be those of files that every node reaches, and ``output`` of a folder that it reaches.
    output : path or address
        A folder, made where it is missing, or one of an object store, to which every node may write.
    backbone : str, Card or Backbone, default="featx-image-nano"
    shards, shard_size : int
        How many files, or how many samples each has at most; one of the two.
    engine : Engine, optional
        How rows are made: ``n_jobs`` is the number of actors, by default one for each core of the cluster, of
        which each works in one thread. With ``cache=True`` every node has its own cache, in the folder that its
        environment names. ``progress`` is called when a shard is there.
    address : str, optional
        Where the cluster is, such as "10.0.0.1:6379" or "auto"; by default $RAY_ADDRESS, else a cluster of this
        machine is started and ended. A program that is connected already stays so.

    Returns
    -------
    Written
        The number of rows of all shards, and the rejects, in the order of the samples.

    Raises
    ------
    BadOption, BadTable, OutputFailed
        The options make no sense, or the folder holds other shards or cannot be written.
    BadSample
        A sample cannot be read and the engine's ``on_error`` is "fail"; shards that are whole stay.
    ClusterFailed
        The cluster cannot be reached, or one of its machines does not see the files, or has another version of
        featx or other weights.
    MissingExtra
        Ray or pyarrow is not installed.

    Examples
    --------
    >>> extract(["a.jpg"], "rows", shards=1, shard_size=10)
    Traceback (most recent call last):
    featx.errors.BadOption: shards=1, shard_size=10: expected one of the two
    """
    engine = Engine.of(engine)
    folder = check_shared(to_path(output)).absolute()
    _check_numbers(shards, shard_size)
    check_output(folder / "part.parquet")
    opened = backbone if isinstance(backbone, Backbone) else Backbone(backbone)
    check_cluster_options(opened.provider, address)
    if is_dataset(source):
        tasks = tasks_of_dataset(source, shards=shards, shard_size=shard_size)
        own = _open_folder(folder, len(tasks), opened, ())
        done: dict[Shard, Written] = {}
        with (
            working_in(own.path) as marker,
            connected(address, count_workers(engine.n_jobs)) as ray,
        ):
            done |= make_by_actors(ray, tasks, own, opened, engine, marker)
        written = ShardPlan(own, (), tuple(task.shard for task in tasks)).total(done)
    else:
        samples = _samples(source, opened, engine)
        total = shards or number_of_shards(len(samples), shard_size or len(samples) or 1)
        own = _open_folder(folder, total, opened, samples)
        every = tuple(Shard(number, total) for number in range(total))
        plan = ShardPlan(own, samples, every)
        done = plan.kept(engine)
        done |= make_missing(plan, plan.missing(done), opened, engine, address)
        written = plan.total(done)
    merge_shards(folder)
    return written


def make_missing(
    plan: ShardPlan,
    missing: Sequence[Shard],
    backbone: Backbone,
    engine: Engine,
    address: str | None = None,
) -> dict[Shard, Written]:
    """Make shards of a plan on the cores of a cluster, and return what each holds; its folder is open.

    Parameters are those of ``extract``; where nothing is missing, no cluster is needed.

    Raises
    ------
    BadSample, OutputFailed, ClusterFailed, MissingExtra
        See ``extract``.
    """
    if not missing:
        return {}
    cores = count_workers(engine.n_jobs)
    with working_in(plan.folder.path) as marker, connected(address, cores) as ray:
        tasks = tasks_of(ray, plan, missing)
        return dict(make_by_actors(ray, tasks, plan.folder, backbone, engine, marker))


def check_cluster_options(provider: Provider, address: str | None) -> None:
    """Refuse what no cluster could do, before samples are read.

    Raises
    ------
    BadOption
        The provider is not the CPU, or the address is not that of a cluster's head.
    MissingExtra
        Ray is not installed.

    Examples
    --------
    >>> from featx.backbones.providers import read_provider
    >>> check_cluster_options(read_provider("cuda"), None)
    Traceback (most recent call last):
    featx.errors.BadOption: provider='cuda': an actor of Ray has one core and computes on it; expected 'cpu'
    """
    if provider != CPU:
        raise BadOption(
            f"provider={str(provider)!r}: an actor of Ray has one core and computes on it; expected 'cpu'"
        )
    check_address(address)
    load_ray()


def _check_numbers(shards: int | None, shard_size: int | None) -> None:
    if (shards is None) == (shard_size is None):
        raise BadOption(f"shards={shards}, shard_size={shard_size}: expected one of the two")
    for name, value in (("shards", shards), ("shard_size", shard_size)):
        if value is not None and (type(value) is not int or value < 1):
            raise BadOption(f"{name}={value!r:.60}: expected a whole number, 1 or more")
    if shards is not None:
        check_shards(shards)


def _samples(source: Any, backbone: Backbone, engine: Engine) -> list[Sample]:
    """Return the samples of a path, as the backbone's modality reads it, or of a list."""
    if isinstance(source, str | os.PathLike):
        return read_samples(source, modality=backbone.card.modality, on_error=engine.on_error)
    return make_samples(source)


def _open_folder(
    path: AnyPath, total: int, backbone: Backbone, samples: Iterable[Sample]
) -> ShardFolder:
    folder = ShardFolder(
        path,
        total,
        fingerprint=backbone.fingerprint,
        dim=backbone.dim,
        dtype="float32",
        columns=column_types(samples),
    )
    folder.open()
    return folder

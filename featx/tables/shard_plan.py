"""What is to be done for a folder of shards: which are there, which have to be made, and what all hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from featx.embedding.embedder import Embedder
from featx.embedding.engine import Engine
from featx.embedding.joint_rows import JointEmbedder
from featx.embedding.rows import Written
from featx.sources import Sample
from featx.tables.shards import Shard, ShardFolder

__all__ = ["ShardPlan", "make_shard", "make_shards", "written_or_fail"]


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """The shards of a folder that are wanted, and the samples of which they are made.

    Attributes
    ----------
    folder : ShardFolder
    samples : sequence of Sample
        Those of all shards, in order.
    wanted : tuple of Shard

    Examples
    --------
    >>> from pathlib import Path
    >>> folder = ShardFolder(Path("rows"), 2, fingerprint="", dim=4, dtype="float32", columns={})
    >>> plan = ShardPlan(folder, [Sample(name, name) for name in "abc"], (Shard(0, 2), Shard(1, 2)))
    >>> [sample.id for sample in plan.samples_of(Shard(1, 2))]
    ['b', 'c']
    """

    folder: ShardFolder
    samples: Sequence[Sample]
    wanted: tuple[Shard, ...]

    def samples_of(self, shard: Shard) -> list[Sample]:
        """Return the samples of a shard, in order."""
        places = shard.of(len(self.samples))
        return list(self.samples[places.start : places.stop])

    def kept(self, engine: Engine) -> dict[Shard, Written]:
        """Return the wanted shards that are there and of these samples, and tell the engine's progress of them.

        Raises
        ------
        BadSample
            One has rejects, and the engine is to fail at samples that cannot be read.
        """
        found: dict[Shard, Written] = {}
        for shard in self.wanted:
            own = self.samples_of(shard)
            written = written_or_fail(self.folder, shard, own, engine)
            if written is not None:
                found[shard] = written
                if engine.progress:
                    engine.progress(len(own))
        return found

    def missing(self, kept: Mapping[Shard, Written]) -> list[Shard]:
        """Return the wanted shards that are not among those that are kept, in order."""
        return [shard for shard in self.wanted if shard not in kept]

    def total(self, written: Mapping[Shard, Written]) -> Written:
        """Return the rows of all wanted shards together, and their rejects in the order of the samples."""
        parts = [written[shard] for shard in self.wanted]
        rejects = tuple(reject for part in parts for reject in part.rejects)
        return Written(sum(part.rows for part in parts), rejects)


def make_shards(
    plan: ShardPlan, shards: Iterable[Shard], backbone: Embedder | JointEmbedder, engine: Engine
) -> Iterator[tuple[Shard, Written]]:
    """Make shards in this process, one after another, and give what each holds; see ``make_shard``."""
    for shard in shards:
        yield shard, make_shard(plan.folder, shard, plan.samples_of(shard), backbone, engine)


def make_shard(
    folder: ShardFolder,
    shard: Shard,
    samples: Sequence[Sample],
    backbone: Embedder | JointEmbedder,
    engine: Engine,
) -> Written:
    """Write one shard of these samples; it appears when it is whole.

    Raises
    ------
    BadSample
        A sample cannot be read, and the engine is to fail at that.
    OutputFailed
        The shard cannot be written.
    """
    with folder.writing(shard, samples) as writer:
        for block in engine.stream(iter(samples), backbone):
            writer.write(block)
    return writer.written


def written_or_fail(
    folder: ShardFolder, shard: Shard, samples: Sequence[Sample], engine: Engine
) -> Written | None:
    """Return what a shard of these samples holds, None where it has to be made.

    Raises
    ------
    BadSample
        It has rejects, and the engine is to fail at samples that cannot be read.
    """
    written = folder.written(shard, samples)
    if written is not None and written.rejects and engine.on_error == "fail":
        raise written.rejects[0].failure()
    return written

"""Folders of shards, written as ``featx extract --shards`` writes them."""

import featx
from featx.tables.shards import Shard, ShardFolder, merge_shards

__all__ = ["write_shards"]


def write_shards(folder, rows, total=3):
    """Write rows as a folder of shards, whole; return the folder."""
    shards = ShardFolder(
        folder,
        total,
        fingerprint=rows.fingerprint,
        dim=rows.dim,
        dtype="float32",
        columns=dict.fromkeys(rows.columns, str),
    )
    shards.open()
    for number in range(total):
        own = Shard(number, total).of(len(rows))
        samples = featx.make_samples(list(rows.ids[own.start : own.stop]))
        with shards.writing(Shard(number, total), samples) as writer:
            writer.write(rows.slice(own.start, own.stop))
    merge_shards(folder)
    return folder

"""Rows of the photos of a folder by Dask: ``python examples/dask_map_partitions.py PHOTOS ROWS``.

Each partition is a table of paths, and comes back with a column ``embedding``. FeatureExtractor is made in the
partition: its session is opened once in a process and shared by all that run there. Needs dask[dataframe].
"""

from __future__ import annotations

import sys

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa

import featx

BACKBONE = "featx-image-nano"
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "path", "label")),
        ("embedding", pa.list_(pa.float32())),
    ]
)


def embed(part: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the row of each photo; one that cannot be read is said, and left out."""
    extractor = featx.FeatureExtractor(BACKBONE, n_jobs=1, on_error="skip")
    rows = extractor.transform(list(part["path"]))
    whole = ~np.isnan(rows).any(axis=1)
    return part[whole].assign(embedding=list(rows[whole]))


def main(folder: str, output: str, partitions: int = 8) -> None:
    """Write the rows as Parquet files, one a partition."""
    samples = featx.read_samples(folder, modality="image")
    table = pd.DataFrame(
        {
            "id": [sample.id for sample in samples],
            "path": [str(sample.data) for sample in samples],
            "label": [sample.label for sample in samples],
        }
    )
    meta = table.head(0).assign(embedding=pd.Series(dtype=object))
    parts = dd.from_pandas(table, npartitions=partitions).map_partitions(embed, meta=meta)
    # Processes, since one thread of Python decodes at a time; a cluster of Dask takes its own workers.
    how = {"scheduler": "processes"}
    parts.to_parquet(output, schema=SCHEMA, write_index=False, compute_kwargs=how)


if __name__ == "__main__":
    main(*sys.argv[1:3])

"""Rows of the photos of a folder by Spark: ``python examples/spark_map_in_pandas.py PHOTOS ROWS``.

Every task takes tables of paths from Arrow and gives tables with a column ``embedding``; the files must be
where each executor reaches them, and featx installed there. Needs pyspark, and Java.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import numpy as np
import pandas as pd
from pyspark.sql import SparkSession

import featx

BACKBONE = "featx-image-nano"
SCHEMA = "id string, path string, label string, embedding array<float>"


def embed(parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Give each table with the row of each photo; one that cannot be read is said, and left out."""
    # one thread, since Spark runs a task a core
    extractor = featx.FeatureExtractor(BACKBONE, n_jobs=1, on_error="skip")
    for part in parts:
        rows = extractor.transform(list(part["path"]))
        whole = ~np.isnan(rows).any(axis=1)
        # of no photos, too, a column of lists
        lists = pd.Series(list(rows[whole]), part.index[whole], dtype=object)
        yield part[whole].assign(embedding=lists)


def main(folder: str, output: str, partitions: int = 8) -> None:
    """Write the rows as Parquet files, one a partition."""
    samples = featx.read_samples(folder, modality="image")
    cells = [(sample.id, str(sample.data), sample.label) for sample in samples]
    # on one machine its workers would take whichever python3 is first in PATH
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = SparkSession.builder.appName("featx").getOrCreate()
    try:
        table = spark.createDataFrame(cells, "id string, path string, label string")
        rows = table.repartition(partitions).mapInPandas(embed, SCHEMA)
        rows.write.mode("overwrite").parquet(output)
    finally:
        spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:3])

"""The examples for Spark and Dask give the rows that one process gives; each is tried where it is installed."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

import featx
from tests.support.commands import ROOT

pytestmark = pytest.mark.slow


def rows_by(script, photos, output):
    """Return the embeddings that an example writes, by id."""
    import pandas

    done = subprocess.run(
        [sys.executable, ROOT / "examples" / script, photos, output],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert b"broken.png" in done.stderr
    table = pandas.read_parquet(output)
    return dict(zip(table["id"], np.stack(table["embedding"]), strict=True))


@pytest.mark.parametrize(
    ("script", "module", "program"),
    [
        pytest.param("dask_map_partitions.py", "dask.dataframe", None, id="dask"),
        pytest.param("spark_map_in_pandas.py", "pyspark", "java", id="spark"),
    ],
)
def test_an_example_gives_the_rows_of_one_process(script, module, program, photos, tmp_path):
    if find_spec(module.partition(".")[0]) is None:
        pytest.skip(f"{module} is not installed")
    if program and shutil.which(program) is None:
        pytest.skip(f"{program} is not installed, which {module} needs")
    (photos / "dark" / "broken.png").write_bytes(b"no picture")
    found = rows_by(script, photos, tmp_path / "rows")
    samples = [
        sample
        for sample in featx.read_samples(photos, modality="image")
        if sample.id != "dark/broken.png"
    ]
    expected = featx.Engine().embed(samples, featx.Backbone("featx-image-nano"))
    assert sorted(found) == sorted(expected.ids)
    for name, row in zip(expected.ids, expected.embeddings, strict=True):
        np.testing.assert_array_equal(found[name], row)

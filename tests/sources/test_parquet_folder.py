"""Folders of Parquet files on this machine, as programs write one table in several."""

import warnings

import pytest

from featx import read_samples


def test_a_folder_of_parquet_files_alone_is_one_table(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    for name in ("part-1-ab.snappy", "part-0-cd.snappy"):
        parquet.write_table(
            arrow.table({"text": [name], "label": ["x"]}), tmp_path / f"{name}.parquet"
        )
    (tmp_path / "_SUCCESS").touch()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples = read_samples(tmp_path)
    assert [sample.data for sample in samples] == ["part-0-cd.snappy", "part-1-ab.snappy"]
    assert samples[0].id == "part-0-cd.snappy.parquet: row 1"

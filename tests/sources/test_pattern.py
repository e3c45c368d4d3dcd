"""Patterns of sources, and folders of Parquet files, on this machine."""

import warnings

import pytest

from featx import read_samples
from featx.errors import BadSource, FeatxWarning
from featx.sources.pattern import expand_braces
from tests.support.sources import grow, pack


def of(samples):
    return [(sample.id, sample.label) for sample in samples]


def test_tars_of_a_pattern_are_read_in_its_order(tmp_path):
    for number in (1, 0, 2):
        pack(
            tmp_path / f"shard-{number:03d}.tar",
            {f"{number}.jpg": b"x", f"{number}.cls": b"%d" % number},
        )
    samples = read_samples(tmp_path / "shard-{002,000}.tar")
    assert of(samples) == [("2.jpg", "2"), ("0.jpg", "0")]


def test_ids_of_several_sources_differ_and_their_notices_are_one(tmp_path):
    for number in range(3):
        pack(tmp_path / f"{number}.tar", {"a/1.jpg": b"x", "a/x.txt": b"x"})
    with pytest.warns(FeatxWarning) as said:
        samples = read_samples(tmp_path / "{0,1,2}.tar")
    assert [sample.id for sample in samples] == ["a/1.jpg", "a/1.jpg#2", "a/1.jpg#3"]
    assert len(said) == 1
    assert "(and 2 others likewise)" in str(said[0].message)


def test_a_source_that_is_missing_is_named(tmp_path):
    pack(tmp_path / "0.tar", {"a/1.jpg": b"x"})
    with pytest.raises(BadSource, match=r"1\.tar: no such file"):
        read_samples(tmp_path / "{0,1}.tar")


def test_a_name_that_has_braces_itself_goes_before_a_pattern(tmp_path):
    grow(tmp_path / "{0..1}", "cat/1.jpg")
    assert of(read_samples(tmp_path / "{0..1}")) == [("cat/1.jpg", "cat")]


@pytest.mark.parametrize("text", ["{0..999999999}.tar", "{0..999}{0..999}.tar"])
def test_a_pattern_of_too_many_sources_is_refused(text):
    with pytest.raises(BadSource, match="at most 100,000"):
        list(expand_braces(text))


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

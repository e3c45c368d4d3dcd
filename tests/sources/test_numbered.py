"""Numbered Parquet in folders named for splits, as a hub converts data sets, and tables in xz."""

import json
import lzma
import zlib

import pytest

import featx
from featx.errors import BadSource, FeatxNotice, FeatxWarning

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def put(path, texts, labels):
    """Write a Parquet file of texts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"text": texts, "label": labels}), path)


@pytest.fixture
def converted(tmp_path):
    put(tmp_path / "default/train/0000.parquet", ["one", "two"], ["a", "b"])
    put(tmp_path / "default/train/0001.parquet", ["three"], ["a"])
    put(tmp_path / "default/test/0000.parquet", ["four"], ["b"])
    return tmp_path


@pytest.mark.parametrize("below", ["", "default"])
def test_numbered_files_below_their_splits_are_read(converted, below):
    samples = featx.read_samples(converted / below)
    assert [(sample.data, sample.label) for sample in samples] == [
        *(("one", "a"), ("two", "b"), ("three", "a"), ("four", "b")),
    ]
    assert samples[0].id == "train/0000.parquet: row 1"
    assert [s.data for s in featx.read_samples(converted / below, split="test")] == ["four"]
    assert len(featx.read_samples(converted / below, split="train")) == 3


def test_a_part_of_a_split_is_that_split(tmp_path):
    put(tmp_path / "partial-train/0000.parquet", ["one"], ["a"])
    put(tmp_path / "validation/0000.parquet", ["two"], ["b"])
    assert [s.data for s in featx.read_samples(tmp_path, split="test")] == ["two"]
    assert [s.data for s in featx.read_samples(tmp_path, split="train")] == ["one"]


def test_one_of_several_configurations_is_named(converted):
    put(converted / "other/train/0000.parquet", ["five"], ["a"])
    with pytest.warns(FeatxWarning, match="other"):
        assert len(featx.read_samples(converted)) == 4
    (converted / "default").rename(converted / "first")
    with pytest.raises(BadSource, match="several configurations, first, other: name the folder"):
        featx.read_samples(converted)
    assert len(featx.read_samples(converted / "other")) == 1


def test_a_number_that_is_missing_is_said(converted):
    (converted / "default/train/0001.parquet").rename(converted / "default/train/0002.parquet")
    with pytest.warns(FeatxWarning, match="1 of the 3 files of train are missing"):
        assert len(featx.read_samples(converted, split="train")) == 3


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl"])
def test_a_table_in_xz_is_read(tmp_path, ending):
    text = {
        "csv": "text,label\none,a\ntwo,b\n",
        "tsv": "text\tlabel\none\ta\ntwo\tb\n",
        "jsonl": '{"text":"one","label":"a"}\n{"text":"two","label":"b"}\n',
    }[ending]
    path = tmp_path / f"t.{ending}.xz"
    half = len(text) // 2
    # Two streams, and zeros behind them.
    parts = [lzma.compress(part.encode()) for part in (text[:half], text[half:])]
    expected = [("one", "a"), ("two", "b")]
    path.write_bytes(b"".join(parts) + bytes(8))
    assert [(s.data, s.label) for s in featx.read_samples(path)] == expected


def test_damaged_and_inflated_xz_is_refused(tmp_path):
    whole = lzma.compress(b"text,label\n" + b"one,a\n" * 1000)
    path = tmp_path / "t.csv.xz"
    for damaged in (whole[:-5], whole[:40], whole + b"more", whole[:30] + b"xxxx" + whole[34:]):
        path.write_bytes(damaged)
        with pytest.raises(BadSource, match="cannot be decompressed"):
            featx.read_samples(path)


def test_xz_that_asks_for_gigabytes_of_memory_is_refused(tmp_path):
    data = bytearray(lzma.compress(b"text,label\none,a\n"))
    # The header of the block is behind the twelve bytes of the stream's; 40 is a dictionary of 4 GiB.
    end = 12 + (data[12] + 1) * 4
    data[data.index(b"\x21\x01", 12) + 2] = 40
    data[end - 4 : end] = zlib.crc32(data[12 : end - 4]).to_bytes(4, "little")
    path = tmp_path / "t.csv.xz"
    path.write_bytes(data)
    with pytest.raises(BadSource, match="cannot be decompressed: Memory usage limit"):
        featx.read_samples(path)


def test_many_empty_streams_of_xz_take_no_time(tmp_path):
    path = tmp_path / "t.csv.xz"
    path.write_bytes(lzma.compress(b"") * 50_000 + lzma.compress(b"text,label\none,a\n"))
    assert len(featx.read_samples(path)) == 1


def test_a_column_with_classes_in_its_schema_is_proposed_by_name(tmp_path):
    features = {"breed": {"_type": "ClassLabel", "names": ["pug", "poodle"]}}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    table = pa.table({"text": ["one", "two"], "breed": [0, 1]})
    path = tmp_path / "t.parquet"
    pq.write_table(table.replace_schema_metadata(metadata), path)
    with pytest.warns(FeatxNotice, match="names the classes of 'breed': say target='breed'"):
        assert [s.label for s in featx.read_samples(path)] == [None, None]
    assert [s.label for s in featx.read_samples(path, target="breed")] == ["pug", "poodle"]

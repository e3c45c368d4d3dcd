"""One file, standard input, and what is no source."""

import io

import pytest

from featx.errors import BadOption, BadSource
from featx.sources import (
    Sample,
)
from featx.storage.blob import Blob
from tests.support.sources import grow, ids, read


def test_a_single_file_is_one_sample(tmp_path):
    path = grow(tmp_path, "a.JPG") / "a.JPG"
    assert read(path) == [Sample(str(path), Blob.of_path(path))]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nowhere", "no such file or folder"),
        ("a.xyz", "expected a folder, a table"),
        ("a.zip", r"files ending in .zip are not read; unpack it"),
        ("a.json", r"one record a line \(.jsonl\)"),
        ("a.xlsx", "write it as .parquet or .csv"),
        ("a\0b", "not a name"),
    ],
)
def test_what_is_no_source_is_refused_in_words(tmp_path, name, words):
    grow(tmp_path, "a.zip", "a.xyz", "a.json", "a.xlsx")
    with pytest.raises(BadSource, match=words):
        read(f"{tmp_path}/{name}")


def test_columns_of_a_source_without_columns_are_a_bad_option(tmp_path):
    with pytest.raises(BadOption, match=r"label_column: .* is a folder and has no columns"):
        read(grow(tmp_path, "a.jpg"), label_column="kind")


def test_standard_input_is_a_list_of_paths():
    lines = [b"b.jpg\n", b"\n", "é c.jpg\r\n", b"\xff.txt\n", b"b.jpg"]
    samples = read("-", stdin=lines)
    assert ids(samples) == ["b.jpg", "é c.jpg", r"\xff.txt", "b.jpg#2"]
    assert samples[2].data == Blob.of_path("\udcff.txt")
    assert {sample.label for sample in samples} == {None}


def test_standard_input_may_be_separated_by_nul_or_begin_with_a_mark():
    assert ids(read("-", stdin=[b"a\nb.jpg\0c.jpg\0"])) == ["a\nb.jpg", "c.jpg"]
    assert ids(read("-", stdin=io.BytesIO(b"\xef\xbb\xbfa.jpg\n"))) == ["a.jpg"]


def test_empty_standard_input_is_refused():
    with pytest.raises(BadSource, match="standard input: expected paths"):
        read("-", stdin=[b"\n", b"  \n"])

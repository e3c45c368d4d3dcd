"""Tables: which columns are samples, labels and ids, and where a row makes no sense."""

import json

import pandas as pd
import pytest

from featx.errors import BadSample, BadSource, FeatxWarning
from featx.sources import (
    Sample,
    read_bytes,
)
from featx.storage.blob import Blob
from tests.support.sources import ids, pairs, read


def table(tmp_path, text, name="list.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_has_paths_relative_to_itself_labels_and_ids(tmp_path):
    path = table(
        tmp_path, '\ufeffLabel,Path,x\ncat,"a, b.jpg",1\n ,sub/c.jpg,2\n\n7,/d.jpg,3\ndog,e.jpg\n'
    )
    with pytest.warns(FeatxWarning, match="line 6: 2 cells where there are 3 columns"):
        samples = read(path)
    assert pairs(samples) == [
        ("a, b.jpg", "cat"),
        ("sub/c.jpg", None),
        ("/d.jpg", "7"),
        ("e.jpg", "dog"),
    ]
    assert [sample.data for sample in samples[1:3]] == [
        Blob.of_path(tmp_path / "sub/c.jpg"),
        Blob.of_path("/d.jpg"),
    ]


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ";"), ("a.tsv", "\t"), ("a.csv", "\t")])
def test_other_separators_are_understood(tmp_path, name, mark):
    path = table(tmp_path, f"file{mark}class\nx,1.jpg{mark}cat\n", name)
    assert pairs(read(path)) == [("x,1.jpg", "cat")]


def test_named_columns_are_used(tmp_path):
    path = table(tmp_path, "path,photo,label,kind,id,key\nno,a.jpg,no,cat,no,7\n")
    samples = read(path, path_column="photo", label_column="kind", id_column="key")
    assert samples == [Sample("7", Blob.of_path(tmp_path / "a.jpg"), "cat")]


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson", "parquet"])
def test_json_lines_and_parquet_say_the_same(tmp_path, suffix):
    path = tmp_path / f"list.{suffix}"
    rows = [{"image": "a.jpg", "target": 3.0, "id": 1}, {"image": "b.jpg", "target": None, "id": 2}]
    if suffix == "parquet":
        pd.DataFrame(rows).to_parquet(path)
    else:
        path.write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    assert read(path) == [
        Sample("1", Blob.of_path(tmp_path / "a.jpg"), "3"),
        Sample("2", Blob.of_path(tmp_path / "b.jpg")),
    ]


def test_a_column_split_selects_rows(tmp_path):
    path = table(
        tmp_path, "path,label,split\na.jpg,x,train\nb.jpg,x,Test\nc.jpg,y,training\nd.jpg,y,\n"
    )
    assert ids(read(path, split="train")) == ["a.jpg", "c.jpg"]
    assert ids(read(path, split="test")) == ["b.jpg"]
    assert len(read(path)) == 4
    with pytest.raises(BadSource, match="no split 'val'"):
        read(path, split="val")


def test_a_path_listed_twice_gets_a_number(tmp_path):
    assert ids(read(table(tmp_path, "path\na.jpg\na.jpg\n"))) == ["a.jpg", "a.jpg#2"]


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        (
            "name,kind\na,b\n",
            {},
            "a column of files \\(named path, file, .*; found columns 'name', 'kind'",
        ),
        ("path\na\n", {"label_column": "kind"}, "expected a column 'kind'; found columns 'path'"),
        ("path\na\n", {"path_column": "Path"}, "expected a column 'Path'"),
        ("path\na\n", {"id_column": "key"}, "expected a column 'key'"),
        ("path,label\na,x\n ,y\n", {}, "line 3: the path is empty"),
        ('path,label\n"a\nb",x\n,y\n', {}, "line 4: the path is empty"),
        (
            "path,id\na,1\nb,2\nc,1\n",
            {"id_column": "id"},
            "line 4: the id '1' is already taken in line 2",
        ),
        ("path,id\na,\n", {"id_column": "id"}, "line 2: the id is empty"),
        ("path,label\na,b,c\n", {}, "line 2: expected 2 cells, found 3"),
        ("path,path\na,b\n", {}, "'path' is there 2 times"),
        ('path,label\n"a,b\n', {}, "line 2: unexpected end of data"),
        ("path\n", {}, "found no rows"),
        ("", {}, "found an empty file"),
    ],
)
def test_a_csv_that_makes_no_sense_is_refused_with_its_line(tmp_path, text, options, words):
    with pytest.raises(BadSource, match=words):
        read(table(tmp_path, text), **options)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: not JSON"),
        ("[1]", "line 2: expected an object"),
        ('{"path": 3}', "line 2: expected a path, found int"),
        (
            '{"path": "a", "label": [["x"]]}',
            "line 2: label .*: expected a text, a number or a list of labels, found an object",
        ),
        ("{}", "line 2: the path is empty"),
    ],
)
def test_json_lines_that_make_no_sense_are_refused_with_their_line(tmp_path, line, words):
    path = table(tmp_path, '{"path": "a"}\n' + line, "list.jsonl")
    with pytest.raises(BadSource, match=words):
        read(path)


def test_a_table_in_another_encoding_is_refused_with_its_line(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"path\nok.jpg\ncaf\xe9.jpg\n")
    with pytest.raises(BadSource, match="line 3: not UTF-8"):
        read(tmp_path / "a.csv")


def test_a_damaged_parquet_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(BadSource, match="not a Parquet file"):
        read(tmp_path / "a.parquet")


def test_a_file_that_a_table_lists_and_is_missing_is_a_reject_when_read(tmp_path):
    [sample] = read(table(tmp_path, "path\nnowhere.jpg\n"))
    with pytest.raises(BadSample, match="file not found"):
        read_bytes(sample.data)

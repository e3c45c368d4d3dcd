"""``metadata.csv`` beside pictures, as image folders of Hugging Face have it."""

import json

import pytest

from featx.errors import BadOption, BadSource, FeatxWarning
from tests.support.sources import grow, ids, pairs, read

ROWS = "file_name,label\n1.jpg,cat\n2.jpg,dog\n"


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_labels_are_those_of_the_table_beside_the_files(tmp_path):
    grow(tmp_path, "1.jpg", "2.jpg")
    write(tmp_path / "metadata.csv", ROWS)
    assert pairs(read(tmp_path)) == [("1.jpg", "cat"), ("2.jpg", "dog")]


def test_a_table_of_json_lines_is_read_too(tmp_path):
    grow(tmp_path, "1.jpg", "2.jpg")
    rows = [{"file_name": "2.jpg", "label": 2.0}, {"file_name": "1.jpg", "label": "one"}]
    write(tmp_path / "metadata.jsonl", "\n".join(map(json.dumps, rows)))
    assert pairs(read(tmp_path)) == [("1.jpg", "one"), ("2.jpg", "2")]


def test_each_split_may_have_a_table_of_its_own(tmp_path):
    grow(tmp_path, "train/1.jpg", "train/2.jpg", "test/sub/1.jpg", "test/2.jpg")
    write(tmp_path / "train/metadata.csv", ROWS)
    write(tmp_path / "test/metadata.csv", ROWS.replace("1.jpg", "sub/1.jpg"))
    assert pairs(read(tmp_path, split="train")) == [("train/1.jpg", "cat"), ("train/2.jpg", "dog")]
    assert pairs(read(tmp_path, split="test")) == [("test/2.jpg", "dog"), ("test/sub/1.jpg", "cat")]


def test_a_table_above_the_splits_names_the_files_of_all(tmp_path):
    grow(tmp_path, "train/1.jpg", "test/1.jpg")
    write(tmp_path / "metadata.csv", "file_name,label\ntrain/1.jpg,cat\ntest/1.jpg,dog\n")
    assert pairs(read(tmp_path, split="train")) == [("train/1.jpg", "cat")]
    assert pairs(read(tmp_path, split="test")) == [("test/1.jpg", "dog")]
    assert pairs(read(tmp_path)) == [("test/1.jpg", "dog"), ("train/1.jpg", "cat")]


def test_files_without_a_row_and_rows_without_a_file_are_said_by_count(tmp_path):
    grow(tmp_path, *(f"{number}.jpg" for number in range(1, 6)))
    write(tmp_path / "metadata.csv", ROWS + "6.jpg,cat\n")
    with pytest.warns(FeatxWarning) as told:
        assert ids(read(tmp_path)) == ["1.jpg", "2.jpg"]
    said = [str(each.message) for each in told]
    assert any("1 row without a file left out ('6.jpg')" in text for text in said)
    assert any(
        "3 files left out, in no row of metadata.csv ('3.jpg', '4.jpg'" in text for text in said
    )


def test_file_names_are_found_however_their_accents_are_written(tmp_path):
    grow(tmp_path, "Cafe\u0301.jpg")
    write(tmp_path / "metadata.csv", "file_name,label\nCaf\u00e9.jpg,drink\n")
    assert [label for _, label in pairs(read(tmp_path))] == ["drink"]


def test_columns_of_the_table_can_be_named_and_those_of_a_folder_cannot(tmp_path):
    grow(tmp_path, "1.jpg")
    with pytest.raises(BadOption, match=r"label_column: .* has no columns"):
        read(tmp_path, label_column="breed")
    write(tmp_path / "metadata.csv", "file_name,label,breed\n1.jpg,dog,pug\n")
    assert pairs(read(tmp_path, label_column="breed")) == [("1.jpg", "pug")]
    with pytest.raises(BadSource, match="expected a column 'size'"):
        read(tmp_path, label_column="size")


def test_a_table_without_labels_leaves_those_of_the_folders(tmp_path):
    grow(tmp_path, "cat/1.jpg", "dog/2.jpg")
    write(tmp_path / "metadata.csv", "file_name,photographer\ncat/1.jpg,Ann\n")
    assert pairs(read(tmp_path)) == [("cat/1.jpg", "cat"), ("dog/2.jpg", "dog")]


def test_a_table_without_labels_in_a_flat_folder_is_said(tmp_path):
    grow(tmp_path, "1.jpg")
    write(tmp_path / "metadata.csv", "file_name,caption\n1.jpg,a cat\n")
    with pytest.warns(FeatxWarning, match="no column of labels, such as label.*label_column"):
        assert pairs(read(tmp_path)) == [("1.jpg", None)]


def test_a_table_of_something_else_is_said_and_left_out(tmp_path):
    grow(tmp_path, "cat/1.jpg", "dog/2.jpg")
    write(tmp_path / "metadata.csv", "patient,age\nx,3\n")
    with pytest.warns(FeatxWarning) as told:
        assert pairs(read(tmp_path)) == [("cat/1.jpg", "cat"), ("dog/2.jpg", "dog")]
    said = " ".join(str(each.message) for each in told)
    assert "it is not used for labels" in said
    assert "1 other file left out: 1 .csv" in said


def test_a_column_of_splits_selects_files(tmp_path):
    grow(tmp_path, "1.jpg", "2.jpg")
    write(tmp_path / "metadata.csv", "file_name,label,split\n1.jpg,cat,train\n2.jpg,dog,test\n")
    assert pairs(read(tmp_path, split="test")) == [("2.jpg", "dog")]
    assert len(read(tmp_path)) == 2

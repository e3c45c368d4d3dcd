"""Samples that are texts: in tables, folders and lines."""

import pytest

import featx
from featx.errors import BadOption, FeatxWarning
from featx.reading import read_samples
from featx.storage.blob import Blob
from tests.support.texts import TEXT, listed, write_table


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_a_manifest_of_texts_is_read_whatever_its_format(tmp_path, kind):
    table = [("a, b", "x"), ("ü\nnext line", "y"), ("", "x")]
    path = write_table(tmp_path / f"data.{kind}", ["sentence", "label"], table)
    expected = [(f"row {i}", text, label) for i, (text, label) in enumerate(table, 1)]
    assert listed(read_samples(path, **TEXT)) == expected


def test_a_cell_may_hold_a_whole_document(tmp_path):
    document = "word " * 40_000
    path = write_table(tmp_path / "d.csv", ["text"], [(document,)])
    assert read_samples(path, **TEXT)[0].data == document


def test_columns_may_be_named_and_ids_taken_from_one(tmp_path):
    path = write_table(
        tmp_path / "d.csv", ["key", "body", "mood"], [("k1", "hi", "up"), ("k2", "ho", "down")]
    )
    found = read_samples(path, text_column="body", label_column="mood", id_column="key", **TEXT)
    assert listed(found) == [("k1", "hi", "up"), ("k2", "ho", "down")]
    with pytest.raises(featx.FeatxError, match=r"a column of texts \(named text, sentence"):
        read_samples(path, **TEXT)
    with pytest.raises(featx.FeatxError, match="expected a column 'txt'; found columns 'key'"):
        read_samples(path, text_column="txt", **TEXT)


def test_what_is_no_text_in_a_table_is_left_for_the_reader_to_refuse(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_text('{"text": null, "label": 1}\n{"text": 5}\n{"label": 2}\n{"text": "fine"}\n')
    assert [sample.data for sample in read_samples(path, **TEXT)] == [None, 5, None, "fine"]


def test_a_manifest_of_paths_still_names_files(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    path = write_table(tmp_path / "d.csv", ["path", "label"], [("a.txt", "x")])
    assert listed(read_samples(path, **TEXT)) == [("a.txt", Blob.of_path(tmp_path / "a.txt"), "x")]
    both = write_table(tmp_path / "b.csv", ["path", "text"], [("a.txt", "inside")])
    assert read_samples(both, **TEXT)[0].data == "inside"
    assert read_samples(both, path_column="path", **TEXT)[0].data == Blob.of_path(
        tmp_path / "a.txt"
    )
    with pytest.raises(BadOption, match="name one of the two"):
        read_samples(both, path_column="path", text_column="text", **TEXT)


def test_a_column_of_texts_is_refused_for_a_backbone_that_reads_files(tmp_path):
    path = write_table(tmp_path / "d.csv", ["path", "text"], [("a.jpg", "x")])
    with pytest.raises(BadOption, match="the backbone reads files, not texts"):
        read_samples(path, modality="image", text_column="text")


def test_a_folder_with_a_manifest_for_each_part_gives_the_part_that_is_meant(tmp_path):
    for part in ("train", "test", "dev"):
        write_table(tmp_path / f"{part}.csv", ["text", "label"], [(f"{part} text", "x")])
    read = lambda split: [s.data for s in read_samples(tmp_path, split=split, **TEXT)]  # noqa: E731
    assert read("train") == ["train text"]
    assert read("test") == ["test text"]
    assert read("val") == ["dev text"]
    assert read(None) == ["dev text", "test text", "train text"]
    whole = read_samples(tmp_path, **TEXT)
    assert whole[2].id == "train.csv: row 1"
    assert len({sample.id for sample in whole}) == 3
    (tmp_path / "test.csv").unlink()
    assert read("test") == ["dev text"]
    (tmp_path / "train.jsonl").write_text("{}")
    with pytest.raises(featx.FeatxError, match=r"has both train.csv and train.jsonl"):
        read("train")


def test_class_folders_of_txt_are_read_as_pictures_are(tmp_path):
    for label in ("ham", "spam"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.txt").write_text(label)
    found = read_samples(tmp_path, **TEXT)
    assert [(s.id, s.label) for s in found] == [("ham/1.txt", "ham"), ("spam/1.txt", "spam")]


def test_standard_input_is_one_text_a_line(tmp_path):
    lines = [b"\xef\xbb\xbfone\r\n", "zwei ü\n".encode(), b"\n", b"\xff\n", b"last"]
    found = read_samples("-", stdin=lines, **TEXT)
    assert [s.data for s in found] == ["one", "zwei ü", "", b"\xff", "last"]
    assert [s.id for s in found] == [f"line {i}" for i in range(1, 6)]
    with pytest.raises(featx.FeatxError, match="expected texts, one a line"):
        read_samples("-", stdin=[], **TEXT)


def test_rows_of_a_table_on_standard_input_are_texts_and_it_is_said_once():
    lines = [b'{"text": "one"}\n', b'{"text": "two"}\n']
    with pytest.warns(FeatxWarning, match=r"first line is a JSON object.*\.jsonl") as said:
        found = read_samples("-", stdin=lines, **TEXT)
    assert [s.data for s in found] == ['{"text": "one"}', '{"text": "two"}']
    assert len(said) == 1


def test_a_text_in_braces_is_no_row_of_a_table(recwarn):
    found = read_samples("-", stdin=[b"{not json\n", b'{"text": "two"}\n'], **TEXT)
    assert [s.data for s in found] == ["{not json", '{"text": "two"}']
    assert not recwarn.list

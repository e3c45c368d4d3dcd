"""The modality of a source is guessed from its files and columns."""

import tarfile

import pytest

from featx.modalities.guess import guess_modality
from tests.support.texts import write_table


def test_the_modality_is_what_most_files_are(photos, tmp_path):
    assert guess_modality(photos) == "image"
    (photos / "README.txt").write_text("about")
    assert guess_modality(photos) == "image"
    folder = tmp_path / "notes"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.txt").write_text("x")
    (folder / "scan.png").write_bytes(b"")
    assert guess_modality(folder) == "text"
    with tarfile.open(tmp_path / "notes.tar", "w") as tar:
        tar.add(folder, "notes")
    assert guess_modality(tmp_path / "notes.tar") == "text"
    assert guess_modality(folder / "0.txt") == "text"


def test_a_column_of_texts_is_text_unless_there_are_paths_of_something_else(tmp_path):
    texts = write_table(tmp_path / "train.csv", ["text", "label"], [("hello", "x")])
    assert guess_modality(texts) == guess_modality(tmp_path) == "text"
    paths = write_table(tmp_path / "p.csv", ["path", "label"], [("a.jpg", "x")])
    assert guess_modality(paths) == "image"
    both = write_table(tmp_path / "b.csv", ["path", "text"], [("a.jpg", "a cat")])
    assert guess_modality(both) == "image"
    assert guess_modality(both, text_column="text") == "text"


@pytest.mark.parametrize("source", ["-", "no/such/thing", "nothing.xyz"])
def test_a_source_that_tells_nothing_is_taken_for_images(source):
    assert guess_modality(source) == "image"

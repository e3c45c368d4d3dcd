"""Folders: classes, splits, links, and names that are no text."""

import os
from pathlib import Path

import pytest

from featx.errors import BadOption, BadSample, BadSource, FeatxWarning
from featx.sources import (
    read_bytes,
)
from tests.support.sources import as_root, grow, ids, pairs, read


def test_class_folders_are_labels_and_ids_are_paths_below_the_source(tmp_path):
    samples = read(grow(tmp_path, "dog/b.jpg", "cat/sub/deep/c.PNG", "cat/a b.JPG", "loose.jpg"))
    assert pairs(samples) == [
        ("cat/a b.JPG", "cat"),
        ("cat/sub/deep/c.PNG", "cat"),
        ("dog/b.jpg", "dog"),
        ("loose.jpg", None),
    ]
    assert [read_bytes(sample.data).decode() for sample in samples] == ids(samples)


def test_a_flat_folder_has_no_labels(tmp_path):
    assert pairs(read(grow(tmp_path, "2.jpg", "10.jpg"))) == [("10.jpg", None), ("2.jpg", None)]


def test_the_order_is_by_name_of_each_part_of_the_path(tmp_path):
    samples = read(grow(tmp_path, "a/z.jpg", "a-b/y.jpg", "a.jpg", "B/x.jpg", "é/w.jpg"))
    assert ids(samples) == ["B/x.jpg", "a/z.jpg", "a-b/y.jpg", "a.jpg", "é/w.jpg"]


def test_hidden_files_and_those_of_systems_are_not_samples(tmp_path):
    hidden = [".DS_Store", "._a.jpg", "__MACOSX/x/a.jpg", ".git/b.jpg", "cat/.c.jpg", "Thumbs.db"]
    assert ids(read(grow(tmp_path, "cat/a.jpg", *hidden))) == ["cat/a.jpg"]


def test_a_hidden_folder_that_is_named_is_read(tmp_path):
    assert ids(read(grow(tmp_path / ".secret", "a.jpg"))) == ["a.jpg"]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train", [("train/cat/1.jpg", "cat"), ("train/dog/2.jpg", "dog")]),
        ("test", [("test/cat/3.jpg", "cat")]),
        ("val", [("Valid/dog/4.jpg", "dog")]),
        ("validation", [("Valid/dog/4.jpg", "dog")]),
        (
            None,
            [
                ("Valid/dog/4.jpg", "dog"),
                ("other/5.jpg", None),
                ("test/cat/3.jpg", "cat"),
                ("train/cat/1.jpg", "cat"),
                ("train/dog/2.jpg", "dog"),
            ],
        ),
    ],
)
def test_splits_are_understood(tmp_path, split, expected):
    names = ["train/cat/1.jpg", "train/dog/2.jpg", "test/cat/3.jpg", "Valid/dog/4.jpg"]
    assert pairs(read(grow(tmp_path, *names, "other/5.jpg"), split=split)) == expected


def test_a_folder_without_splits_is_read_whole_whatever_split_is_preferred(tmp_path):
    grow(tmp_path, "cat/a.jpg", "dog/b.jpg")
    assert read(tmp_path, split="test") == read(tmp_path, split="train") == read(tmp_path)


def test_a_class_called_train_is_a_class(tmp_path):
    samples = read(grow(tmp_path, "train/a.jpg", "bus/b.jpg", "car/c.jpg"), split="train")
    assert [sample.label for sample in samples] == ["bus", "car", "train"]


def test_val_stands_in_for_a_missing_test_and_train_never_does(tmp_path):
    grow(tmp_path / "a", "train/x/1.jpg", "dev/x/2.jpg")
    assert ids(read(tmp_path / "a", split="test")) == ["dev/x/2.jpg"]
    grow(tmp_path / "b", "train/x/1.jpg", "train/y/2.jpg")
    with pytest.raises(BadSource, match="has no split 'test', only train"):
        read(tmp_path / "b", split="test")


def test_an_unknown_split_is_a_bad_option(tmp_path):
    with pytest.raises(BadOption, match="'cats': expected train, val or test"):
        read(tmp_path, split="cats")


def test_a_folder_without_fitting_files_says_what_was_looked_for_and_found(tmp_path):
    grow(tmp_path, "notes.txt", "a/more.txt")
    with pytest.raises(
        BadSource, match=r"ending in \.jpg, \.png; found 2 other files, such as a/m"
    ):
        read(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadSource, match="found no files at all"):
        read(tmp_path / "empty")


def test_links_in_a_circle_end(tmp_path):
    grow(tmp_path / "root", "cat/a.jpg", "dog/b.jpg")
    (tmp_path / "root/cat/up").symlink_to("..", target_is_directory=True)
    (tmp_path / "root/cat/self").symlink_to(".", target_is_directory=True)
    (tmp_path / "root/dog/far").symlink_to(tmp_path.parent, target_is_directory=True)
    (tmp_path / "root/dog/other").symlink_to("../cat", target_is_directory=True)
    (tmp_path / "root/x").symlink_to("y")
    (tmp_path / "root/y").symlink_to("x")
    with pytest.warns(FeatxWarning, match=r"2 samples; 2 other files left out: 2 broken links$"):
        assert ids(read(tmp_path / "root")) == ["cat/a.jpg", "dog/b.jpg"]


def test_a_linked_folder_is_read_once_and_a_real_one_before_a_link(tmp_path):
    grow(tmp_path / "elsewhere", "a.jpg")
    grow(tmp_path / "root", "z/b.jpg")
    for link, target in (("cat", "../elsewhere"), ("dog", "../elsewhere"), ("alias", "z")):
        (tmp_path / "root" / link).symlink_to(target, target_is_directory=True)
    assert pairs(read(tmp_path / "root")) == [("cat/a.jpg", "cat"), ("z/b.jpg", "z")]


def test_a_split_may_link_to_folders_of_another(tmp_path):
    grow(tmp_path, "train/cat/a.jpg", "test/dog/b.jpg")
    (tmp_path / "test/cat").symlink_to("../train/cat", target_is_directory=True)
    (tmp_path / "test/loop").symlink_to("..", target_is_directory=True)
    assert ids(read(tmp_path, split="test")) == ["test/cat/a.jpg", "test/dog/b.jpg"]
    assert ids(read(tmp_path)) == ["test/dog/b.jpg", "train/cat/a.jpg"]


def test_linked_files_are_samples_and_so_are_broken_links(tmp_path):
    grow(tmp_path, "real.bin", "set/a.jpg")
    (tmp_path / "set/b.jpg").symlink_to("../real.bin")
    (tmp_path / "set/c.jpg").symlink_to("nowhere")
    (tmp_path / "set/d.jpg").symlink_to("d.jpg")
    os.mkfifo(tmp_path / "set/e.jpg")
    samples = read(tmp_path / "set")
    assert ids(samples) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]
    assert read_bytes(samples[1].data) == b"real.bin"
    for sample, words in zip(samples[2:], ("not found", "circle", "regular"), strict=True):
        with pytest.raises(BadSample, match=words):
            read_bytes(sample.data)


def test_names_that_are_not_utf8_become_text_and_the_file_is_still_found(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    try:
        os.mkdir(folder)  # noqa: PTH102 - pathlib takes no bytes
    except OSError:
        pytest.skip("this file system takes no such names")
    Path(os.fsdecode(folder + b"/\xff.jpg")).write_bytes(b"here")
    [sample] = read(tmp_path)
    assert (sample.id, sample.label) == (r"caf\xe9/\xff.jpg", r"caf\xe9")
    assert (sample.id + sample.label).encode("utf-8")
    assert read_bytes(sample.data) == b"here"


def test_texts_that_turn_out_equal_still_make_different_ids(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.jpg")).write_bytes(b"1")
    (tmp_path / r"\xff.jpg").write_bytes(b"2")
    assert sorted(ids(read(tmp_path))) == [r"\xff.jpg", r"\xff.jpg#2"]


@as_root
def test_a_folder_that_may_not_be_read_is_refused_by_name(tmp_path):
    grow(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "b").chmod(0)
    with pytest.raises(BadSource, match=r"b: cannot be read: permission denied"):
        read(tmp_path)
    (tmp_path / "b").chmod(0o700)

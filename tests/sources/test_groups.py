import csv
import time
from pathlib import Path

import numpy as np
import pytest

from featx.errors import BadOption
from featx.sources.groups import duplicate_contents, groups_from_pattern, guess_groups


@pytest.mark.parametrize(
    ("pattern", "groups"),
    [
        ("_([a-z]+)_", ["george", "theo", "george"]),
        ("_[a-z]+_", ["_george_", "_theo_", "_george_"]),
        (r"^\d", ["3", "3", "5"]),
        (r"(?P<who>[a-z]+)_(\d+)", ["george", "theo", "george"]),
        ("(?:3|5)_(.)", ["g", "t", "g"]),
        # a range of letters within a range, of which Python warns
        ("([[a-z]+)_", ["george", "theo", "george"]),
    ],
)
def test_a_pattern_finds_the_group_in_the_name_of_the_file(pattern, groups):
    names = ["zz_zz_/3_george_1.wav", "3/3_theo_1.wav", "5\\5_george_2.wav"]
    assert groups_from_pattern(names, pattern) == groups


def test_parent_is_the_folder_above():
    assert groups_from_pattern(["a/p1/x.png", "p2/x.png", "a\\p3\\x.png"], "parent") == [
        "p1",
        "p2",
        "p3",
    ]
    with pytest.raises(
        BadOption, match=r"a folder above each file; found none in 1 of 2, such as 'x.png'"
    ):
        groups_from_pattern(["a/p1/x.png", "x.png"], "parent")


def test_a_name_is_any_text():
    assert groups_from_pattern(["猫_1", "\udce9_2", 'a"\n_3'], "(.|\n)_") == ["猫", "\udce9", "\n"]


@pytest.mark.parametrize("pattern", ["_([0-9]+)_", "(x)?george", "z*"])
def test_names_that_do_not_match_are_counted(pattern):
    names = ["3_george_1.wav", "3_theo_1.wav", "3_ann_1.wav"]
    with pytest.raises(BadOption, match=r"found none in 3 of 3, such as '3_george_1.wav'"):
        groups_from_pattern(names, pattern)


@pytest.mark.parametrize("pattern", ["(", "*", "a{2,1}", "(?P<a>x)(?P<a>y)", "x" * 2000])
def test_what_is_no_regular_expression_is_refused(pattern):
    with pytest.raises(BadOption, match="expected a regular expression"):
        groups_from_pattern(["a"], pattern)


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(a*)*b"])
def test_a_pattern_that_would_run_for_ever_is_ended(pattern):
    began = time.monotonic()
    with pytest.raises(BadOption, match=r"took more than 0.5 s; write a simpler pattern"):
        groups_from_pattern(["a" * 100 + "!"], pattern, seconds=0.5)
    assert time.monotonic() - began < 60


def below(folder):
    files = sorted(
        path for path in Path(folder).rglob("*") if path.suffix in (".jpg", ".wav", ".png")
    )
    names = [path.relative_to(folder).as_posix() for path in files]
    return names, [name.split("/")[0] for name in names]


@pytest.mark.parametrize("name", ["cats_dogs", "flowers5", "cifar10", "food101_64"])
def test_no_groups_are_seen_where_there_are_none(shared_data, name):
    for split in ("train", "test"):
        names, labels = below(shared_data / name / split)
        assert len(names) > 100
        assert guess_groups(names, labels) is None
        assert guess_groups([Path(one).name for one in names], labels) is None


def test_speakers_are_seen_in_names(shared_data):
    names, labels = below(shared_data / "fsdd" / "train")
    sentence = guess_groups(names, labels)
    assert sentence.startswith("names such as '4_nicolas_")
    assert "groups=" in sentence
    assert "\n" not in sentence
    assert len(set(groups_from_pattern(names, "_([a-z]+)_"))) == 6


@pytest.mark.parametrize(
    "form",
    [
        "p{0}_{1}.png",
        "p{0}-{1}.png",
        "x/p{0}_{1}",
        "who{0}x{1}.wav",
        "{0} - {1}.jpg",
        "p{0}_left_{1}_{1}0.png",
        "site-p{0}-day{1}-x{1}.png",
    ],
)
def test_groups_are_seen_in_many_forms_of_names(form):
    names = [form.format(who, take) for who in range(12) for take in range(4)]
    labels = [["a", "b"][i // 4 % 2] for i in range(48)]
    assert guess_groups(names, labels) is not None
    # the same with letters for takes
    letters = [form.format(who, "abcd"[take]) for who in range(12) for take in range(4)]
    assert (guess_groups(letters, labels) is None) == form.startswith("who")


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["a"],
        [f"{i}.jpg" for i in range(50)],
        ["a.jpg", "b.jpg", "c.jpg", *(f"{name}.jpg#{i}" for name in "abc" for i in range(2, 5))],
        [f"IMG_{i:04}.jpg" for i in range(50)],
        [f"table.csv:{i}" for i in range(50)],
        [f"{i}.jpg" for i in range(50)] + [f"{i}.jpg#2" for i in range(50)],
        [f"a sentence of words {i} and more" for i in range(50)],
        [f"I like it {'very ' * (i % 5)}much" for i in range(50)],
    ],
)
def test_numbered_names_and_texts_have_no_groups(names):
    assert guess_groups(names) is None


@pytest.mark.parametrize("name", ["sms_spam", "trec6", "sst2", "banking77"])
def test_texts_have_no_groups(shared_data, name):
    with open(shared_data / name / "train.csv", encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    assert guess_groups(texts) is None


def test_every_class_must_have_its_groups_but_for_very_small_ones():
    names = [f"p{who}_{take}.png" for who in range(6) for take in range(4)]
    assert guess_groups(names + [f"{i}.png" for i in range(6)], ["a"] * 24 + ["b"] * 6) is None
    assert guess_groups(names + [f"{i}.png" for i in range(5)], ["a"] * 24 + ["b"] * 5)


def test_contents_on_both_sides_or_of_two_labels_are_counted():
    ids = ["a", "b", "c", "d", "e", "f", "g"]
    digests = [1, 1, 2, 2, 3, None, None]
    labels = ["cat", "cat", "cat", "dog", "dog", "cat", "dog"]
    parts = ["train", "test", "train", "train", "test", "train", "test"]
    across, unlike = duplicate_contents(ids, digests, labels, parts)
    assert across.startswith("1 content is in train and in test (2 samples, such as 'a' and 'b')")
    assert unlike == "1 content has more than one target (2 samples, such as 'c': cat, 'd': dog)"
    assert duplicate_contents(ids, digests, labels) == [unlike]
    assert duplicate_contents(ids, range(7), labels, parts) == []


def test_folds_numbers_and_sets_of_labels_are_compared_too():
    [across] = duplicate_contents("abcd", [1, 1, 2, 2], [1.5, 1.5, 2, 2.0], [0, 1, 2, 3])
    assert across.startswith("2 contents are in several samples (4 samples")
    assert duplicate_contents("ab", [1, 1], [{"x", "y"}, {"y", "x"}]) == []
    assert len(duplicate_contents("ab", [1, 1], np.array([[1, 0], [0, 1]]))) == 1
    assert len(duplicate_contents("ab", [1, 1], [["x"], ["y"]])) == 1
    assert duplicate_contents("ab", [1, 1], [None, "x"], [None, "train"]) == []

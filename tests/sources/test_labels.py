"""Labels that are the same to a person are one label, and what is wrong with labels is said."""

from decimal import Decimal

import numpy as np
import pandas
import pytest

from featx.errors import BadLabels
from featx.sources import Sample, make_samples, read_source, to_label
from featx.sources.labels import check_labels, match_labels, unknown_labels
from featx.sources.source import Columns, Readable
from tests.support.sources import grow, pack, pairs, read

COMPOSED, DECOMPOSED = "Caf\u00e9", "Cafe\u0301"


@pytest.mark.parametrize(
    "spellings",
    [
        (COMPOSED, DECOMPOSED, f" {DECOMPOSED}\u00a0", f"\ufeff{COMPOSED}", COMPOSED.encode()),
        (1, 1.0, "1", "1.0", " 1. ", "1.000000000000000000e+00", np.int64(1), np.float32(1)),
        (-2, "-2.0", np.int8(-2), Decimal("-2.00")),
        (True, "true", "TRUE", "True ", np.True_),
        (False, "false", "FALSE", np.False_),
        (0.1, "0.1", np.float32(0.1), np.float16(0.1)),
        ("New York", "New\u00a0York", "New  York", "\tNew York\r\n"),
        (10**22, 1e22, "10000000000000000000000.0"),
        ("9007199254740993", "9007199254740993.0"),
    ],
)
def test_spellings_that_are_the_same_to_a_person_are_one_label(spellings):
    assert len({to_label(spelling) for spelling in spellings}) == 1


@pytest.mark.parametrize(
    "names",
    [
        ("cat", "Cat", "CAT"),
        ("1", "01", "1e0", "I", "True"),
        ("2.1", "2.10", "2"),
        ("resume", "resumé", "résumé"),
        ("yes", "no", "y"),
        ("a b", "ab", "a_b"),
        ("1.0.0", "1.0"),
    ],
)
def test_spellings_that_may_be_different_names_stay_different(names):
    assert len({to_label(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    "missing", [None, float("nan"), np.nan, pandas.NA, pandas.NaT, "", " \t", "\ufeff"]
)
def test_what_is_missing_or_blank_is_no_label(missing):
    assert to_label(missing) is None


def test_every_source_spells_labels_in_the_same_way(tmp_path):
    for root, name in ((tmp_path / "a", COMPOSED), (tmp_path / "b", DECOMPOSED)):
        grow(root, f"{name}/1.jpg")
        (root / "table.csv").write_text(f"path,label\nx.jpg, {name}\n", encoding="utf-8")
        (root / "lines.jsonl").write_text(
            f'{{"path": "x.jpg", "label": "{name} "}}\n', encoding="utf-8"
        )
        pack(root / "folders.tar", {f"{name}/1.jpg": b"x"})
        pack(root / "keys.tar", {"1.jpg": b"x", "1.cls": name.encode()})
        for source in ("table.csv", "lines.jsonl", "folders.tar", "keys.tar"):
            assert [label for _, label in pairs(read(root / source))] == [COMPOSED], source
            (root / source).unlink()
        assert [label for _, label in pairs(read(root))] == [COMPOSED]
    [sample] = make_samples([Sample("a", b"x", DECOMPOSED)])
    assert sample.label == COMPOSED
    assert make_samples([b"x"], [DECOMPOSED])[0].label == COMPOSED


def test_class_folders_of_two_spellings_are_one_class(tmp_path):
    grow(tmp_path, f"{COMPOSED}/1.jpg", f"{DECOMPOSED}/2.jpg", "tea/3.jpg")
    assert {label for _, label in pairs(read(tmp_path))} == {COMPOSED, "tea"}


def test_ids_are_left_as_they_are_spelled(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"id,path,label\n1.0,a.jpg,1.0\n{DECOMPOSED},b.jpg,2\n", encoding="utf-8")
    assert pairs(read(path)) == [("1.0", "1"), (DECOMPOSED, "2")]


def test_labels_to_train_on_are_spelled_in_one_way():
    assert check_labels([1, "1.0", "true", True, DECOMPOSED, COMPOSED]).tolist() == [
        *("1", "1", "True", "True", COMPOSED, COMPOSED)
    ]


def test_one_class_in_a_folder_of_folders_is_asked_whether_it_is_one_folder_deeper(tmp_path):
    names = [f"data/{label}/{number}.jpg" for label in ("cats", "dogs") for number in (1, 2)]
    samples = read(grow(tmp_path / "set", *names))
    with pytest.raises(
        BadLabels, match=r"one folder deeper.* data holds the folders 'cats', 'dogs'"
    ):
        check_labels([s.label for s in samples], [s.id for s in samples])


@pytest.mark.parametrize("above", ["train/images", "wrapper/set"])
def test_the_folder_that_holds_the_classes_is_named(tmp_path, above):
    names = [f"{above}/{label}/{number}.jpg" for label in ("cats", "dogs") for number in (1, 2)]
    samples = read(grow(tmp_path, *names), split="train")
    with pytest.raises(BadLabels, match=f"{above} holds the folders 'cats', 'dogs'"):
        check_labels([s.label for s in samples], [s.id for s in samples])


def test_splits_within_a_wrapping_folder_are_named(tmp_path):
    names = [f"set/{part}/{label}/1.jpg" for part in ("train", "test") for label in ("cat", "dog")]
    samples = read(grow(tmp_path, *names))
    with pytest.raises(BadLabels, match="set holds the folders 'test', 'train'"):
        check_labels([s.label for s in samples], [s.id for s in samples])


def test_a_single_class_without_folders_below_gets_no_advice_on_folders(tmp_path):
    samples = read(grow(tmp_path, "cat/1.jpg", "cat/2.jpg"))
    with pytest.raises(BadLabels) as refused:
        check_labels([s.label for s in samples], [s.id for s in samples])
    assert "deeper" not in str(refused.value)


def test_a_flat_folder_is_told_how_labels_are_given(tmp_path):
    samples = read(grow(tmp_path, "1.jpg", "2.jpg"))
    with pytest.raises(
        BadLabels, match=r"none of the 2 samples .*one folder a class .*label_column.*metadata\.csv"
    ):
        check_labels([s.label for s in samples], [s.id for s in samples])


def test_labels_match_the_names_that_an_earlier_version_saved():
    classes = [DECOMPOSED, "1.0", "true", " tea"]
    assert match_labels([COMPOSED, 1, True, "tea", "other"], classes) == [*classes, "other"]


def test_letter_case_is_ignored_only_where_asked():
    assert match_labels(["CAT", "dog"], ["cat", "dog"]) == ["CAT", "dog"]
    assert match_labels(["CAT", "Dog"], ["cat", "dog"], ignore_case=True) == ["cat", "dog"]
    # where both are classes, each is itself
    assert match_labels(["CAT", "cat"], ["CAT", "cat"], ignore_case=True) == ["CAT", "cat"]


def test_unknown_labels_are_counted_and_named():
    assert unknown_labels(["a", "b"], ["a", "b", "c"]) == ""
    said = unknown_labels(["a", "x", "x", "y"], ["a", "b"])
    assert "3 of 4 samples have a label that the classifier was never shown ('x', 'y')" in said
    with pytest.raises(BadLabels, match="knows none of them: found 'x'; it knows 'a', 'b'"):
        unknown_labels(["x", "x"], ["a", "b"])


def test_labels_that_differ_in_letter_case_alone_are_told_so():
    with pytest.raises(BadLabels, match="'CAT' and 'cat' differ in upper and lower case"):
        unknown_labels(["CAT"], ["cat", "dog"])


def test_read_source_can_ignore_letter_case(tmp_path):
    root = grow(tmp_path, "cat/1.jpg", "Cat/2.jpg", "cat/3.jpg", "dog/4.jpg")
    readable = Readable(frozenset({".jpg"}))
    samples = read_source(root, readable, columns=Columns(), ignore_label_case=True)
    assert [sample.label for sample in samples] == ["cat", "cat", "cat", "dog"]

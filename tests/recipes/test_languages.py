"""The labelled sets of other languages: how their files are read, and how a backbone is measured on them."""

import numpy as np

from recipes.text_nano.languages import SETS, divide, read_xlmt, tuned_accuracy
from recipes.text_nano.languages import read_hebrew as read_comments


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_texts_and_labels_of_two_files_are_joined_line_by_line(tmp_path):
    for part in ("train", "test"):
        put(tmp_path / f"data/sentiment/german/{part}_text.txt", f"gut {part}\nschlecht\n")
        put(tmp_path / f"data/sentiment/german/{part}_labels.txt", "2\n0\n")
    train, test = read_xlmt("german")(tmp_path)
    assert train == [("gut train", "2"), ("schlecht", "0")]
    assert test == [("gut test", "2"), ("schlecht", "0")]


def test_headers_are_no_comments(tmp_path):
    folder = tmp_path / "Sentiment_Data/token"
    put(folder / "train.tsv", "comment\tlabel\nטוב\t0\n")
    put(folder / "test_gold.tsv", "comment\nרע מאוד\t1\n")
    assert read_comments(tmp_path) == ([("טוב", "0")], [("רע מאוד", "1")])


def test_no_text_is_in_both_parts_of_a_divided_set():
    rows = [(f"text {k % 2500}", "a") for k in range(5000)]
    train, test = divide(rows)
    assert (len(train), len(test)) == (500, 2000)
    assert not set(train) & set(test)


def test_a_head_on_rows_that_tell_the_label_is_always_right():
    rng = np.random.default_rng(0)
    y = np.array(["a", "b"] * 50)
    x = (y == "a")[:, None] + rng.normal(0, 0.01, (100, 3))
    assert tuned_accuracy(x * 16, y, x * 16, y) == 1.0


def test_at_least_five_languages_of_four_scripts_are_named():
    languages = {labelled.language for labelled in SETS.values()}
    assert {"Chinese", "Thai", "Hebrew", "Amharic", "Russian", "Arabic"} <= languages
    assert all(len(labelled.commit) == 40 for labelled in SETS.values())

"""Records that a program holds: DataFrames, columns, mappings a row; what is missing and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from featx.errors import BadSource
from featx.sources import Sample
from featx.sources.frames import column_of, record_samples, targets_of
from featx.sources.record import Record

ROWS = [{"price": 2.5, "colour": "red"}, {"price": float("nan"), "colour": None}]
COLUMNS = ["price", "colour"]


def _data(samples):
    return [dict(sample.data) for sample in samples]


EXPECTED = [{"price": 2.5, "colour": "red"}, {"price": None, "colour": None}]


def test_rows_columns_and_frames_are_the_same_records():
    assert _data(record_samples(ROWS, COLUMNS)) == EXPECTED
    assert _data(record_samples(iter(ROWS), COLUMNS)) == EXPECTED
    columns = {name: [row[name] for row in ROWS] for name in COLUMNS}
    assert _data(record_samples(columns, COLUMNS)) == EXPECTED


def test_a_frame_of_pandas_is_read_with_what_it_calls_missing():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(ROWS)
    assert _data(record_samples(frame, COLUMNS)) == EXPECTED
    whole = pandas.DataFrame({"n": pandas.array([1, None], "Int64"), "t": [pandas.NaT, "x"]})
    assert _data(record_samples(whole, ["n", "t"])) == [{"n": 1, "t": None}, {"n": None, "t": "x"}]
    twice = pandas.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(BadSource, match="column 'a': is there several times"):
        record_samples(twice, ["a"])


def test_a_table_of_pyarrow_is_read():
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"price": [1, None], "colour": ["red", "blue"]})
    found = _data(record_samples(table, COLUMNS))
    assert found == [{"price": 1, "colour": "red"}, {"price": None, "colour": "blue"}]


def test_samples_keep_what_they_are_and_arrays_are_left_alone():
    photo = np.full((2, 2, 3), np.uint8(7))
    given = Sample("a", {"photo": photo, "other": 1}, "cat", group="g")
    [sample] = record_samples([given], ["photo"])
    assert (sample.id, sample.label, sample.group, list(sample.data)) == (
        "a",
        "cat",
        "g",
        ["photo"],
    )
    assert sample.data["photo"] is photo
    assert isinstance(sample.data, Record)
    twice = record_samples([given, given], ["photo"])
    assert [one.id for one in twice] == ["a", "a#2"]


def test_targets_are_the_cells_of_one_column_or_of_several():
    assert column_of(ROWS, "colour") == ["red", None]
    assert targets_of(ROWS, "price") == [2.5, None]
    assert targets_of(ROWS[:1], ["price", "colour"]) == [{"price": 2.5, "colour": "red"}]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("goods.csv", "found str"),
        (3, "found int"),
        ([3], "found int"),
        ([{"price": 1}], "column 'colour' not there; expected price, colour, found price"),
        ({"price": [1, 2], "colour": ["red"]}, "columns of one length"),
        ({"price": 1, "colour": "red"}, "expected a list of cells"),
        ([{}], "columns 'price', 'colour' not there"),
    ],
)
def test_what_is_no_table_is_refused_in_words(given, words):
    with pytest.raises(BadSource, match=words):
        record_samples(given, COLUMNS)

"""Dates of a table: how they are written, where they lie in year, week and day, and what is refused."""

import json
import math
from datetime import UTC, date, datetime

import numpy as np
import pytest

from featx.errors import BadArtifact, BadSample
from featx.inputs.dates import DateEncoder
from featx.inputs.encoder import read_encoder


def fit(*cells):
    return DateEncoder.fit(cells, "sold")


def days(*cells):
    """Return the day that each cell of training is."""
    encoder, _ = fit(*cells)
    seconds = [encoder.read(cell).seconds for cell in cells]
    return [datetime.fromtimestamp(one, UTC).strftime("%Y-%m-%d %H:%M") for one in seconds]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("2024-05-31", "2024-02-29"), ["2024-05-31 00:00", "2024-02-29 00:00"]),
        (("2024-05-31T13:30", "2024-05-31 14:00:01.5"), ["2024-05-31 13:30", "2024-05-31 14:00"]),
        (("2024-05-31T13:30Z", "2024-05-31T13:30+02:00"), ["2024-05-31 13:30", "2024-05-31 11:30"]),
        (("2024/5/3", "2024.05.04"), ["2024-05-03 00:00", "2024-05-04 00:00"]),
        (("31.12.2024", "1.2.2024 8:15"), ["2024-12-31 00:00", "2024-02-01 08:15"]),
        (("03/04/2024", "13/04/2024"), ["2024-04-03 00:00", "2024-04-13 00:00"]),
        (("03/04/2024 1:30 PM", "12/31/2024 12:05 am"), ["2024-03-04 13:30", "2024-12-31 00:05"]),
        (("May 5, 2024", "5 Jan 2023"), ["2024-05-05 00:00", "2023-01-05 00:00"]),
        ((date(2024, 5, 3), datetime(2024, 5, 3, 6)), ["2024-05-03 00:00", "2024-05-03 06:00"]),
        ((np.datetime64("2024-05-03"), "2024-05-04"), ["2024-05-03 00:00", "2024-05-04 00:00"]),
        (("0001-01-01", "9999-12-31"), ["1-01-01 00:00", "9999-12-31 00:00"]),
    ],
)
def test_dates_are_read_in_the_one_way_that_the_column_allows(cells, expected):
    assert [day.lstrip("0") for day in days(*cells)] == expected


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("03/04/2024", "05/06/2024"), "nothing tells whether '03/04/2024' begins with the day"),
        (("13/04/2024", "04/13/2024"), "has the day first and '04/13/2024' the month"),
        (("2024-01-01T00:00Z", "2024-01-01T00:00"), "has a time zone and"),
        ((None, ""), "all 2 cells are empty"),
        ((2024, 2023), "found the number 2024"),
        (("red", "blue"), "expected a date such as 2024-05-31, found 'red'"),
        (("2023-02-29", "2024-13-01"), "found '2023-02-29'"),
    ],
)
def test_what_is_in_doubt_or_no_date_is_refused_by_name(cells, said):
    with pytest.raises(BadSample) as caught:
        fit(*cells)
    assert str(caught.value).startswith("sold: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("training", "cell", "said"),
    [
        (("2024-01-01",), "2023-02-29", "found '2023-02-29'"),
        (("2024-01-01",), "03/04/2024", "the year stands first"),
        (("13/04/2024",), "12/31/2024", "the day stands first"),
        (("2024-01-01T10:00",), "2024-01-01T10:00Z", "without a time zone as in training"),
        (("2024-01-01T10:00Z",), "2024-01-01T10:00", "with a time zone as in training"),
        (("2024-01-01",), 20240101, "the number"),
        (("2024-01-01",), "soon", "found 'soon'"),
        (("2024-01-01",), "0001-01-01T00:00:00+14:00", "found"),
        (("2024-01-01",), "2" * 1000, "found"),
        (("2024-01-01",), b"2024", "4 bytes"),
        (("2024-01-01",), [], None),
    ],
)
def test_a_cell_that_is_no_date_is_refused_by_itself(training, cell, said):
    encoder, _ = fit(*training)
    if said is None:
        assert encoder.read(cell) is None
        return
    with pytest.raises(BadSample) as caught:
        encoder.read(cell)
    assert said in str(caught.value)


def test_what_was_decided_is_said():
    _, notes = fit("03/04/2024", "12/31/2024", "n/a")
    assert notes == (
        "sold: the month stands first: '12/31/2024' is 2024-12-31",
        "sold: 1 cell is taken for empty, such as 'n/a'",
    )


def test_columns_tell_how_long_ago_and_where_in_year_week_and_day():
    cells = ("2024-01-01T06:00", "2024-07-01T18:00", None)
    encoder, _ = fit(*cells)
    assert encoder.names == (
        "sold: time",
        *("sold: sine of year", "sold: cosine of year"),
        *("sold: sine of week", "sold: cosine of week"),
        *("sold: sine of day", "sold: cosine of day"),
        "sold: empty",
    )
    rows = encoder.encode([encoder.read(cell) for cell in cells])
    # Six in the morning is a quarter of a day; both are Mondays, a quarter of a day into the week.
    assert rows[:2, 5:7] == pytest.approx(np.array([[1, 0], [-1, 0]]), abs=1e-6)
    angle = 2 * math.pi * 0.25 / 7
    assert rows[0, 3:5] == pytest.approx([math.sin(angle), math.cos(angle)], abs=1e-6)
    assert rows[2].tolist() == [0, 0, 0, 0, 0, 0, 0, 1]
    assert rows[0, 0] < rows[2, 0] < rows[1, 0]


def test_december_is_beside_january_and_sunday_beside_monday():
    encoder, _ = fit("2023-01-01", "2024-12-31")
    december, january, july = encoder.encode(
        [encoder.read(cell) for cell in ("2023-12-31", "2024-01-01", "2024-07-01")]
    )[:, 1:3]
    assert np.linalg.norm(december - january) < 0.05 < 1.9 < np.linalg.norm(january - july)


def test_what_is_saved_comes_back():
    encoder, _ = fit("13/04/2024 10:00", None, "01/02/2023")
    back = read_encoder(json.loads(json.dumps(encoder.to_dict())), "sold")
    assert back == encoder
    assert back.fingerprint == encoder.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"order": "x"},
        {"order": None},
        {"zoned": 1},
        {"scale": 0},
        {"scale": 1e300},
        {"mean": 1e300},
        {"first": 1e12},
        {"median": math.nan},
        {"empty": -1},
        {"with_time": None},
        {"first": 5e9},
        {"more": 1},
    ],
)
def test_what_no_encoder_can_be_is_refused_when_it_is_read(change):
    encoder, _ = fit("2024-01-01", "2024-02-01")
    with pytest.raises(BadArtifact):
        read_encoder({**encoder.to_dict(), **change}, "sold")


@pytest.mark.parametrize(
    ("none", "others", "order"),
    [
        ("31.31.2024", ["2024-05-31", "2024-02-29"], "iso"),
        ("31/12/2024 25:00", ["2024-05-31", "2024-02-29"], "iso"),
        ("0.0.2024", ["2024-05-31", "2024-02-29"], "iso"),
        ("31/02/2024", ["12/31/2024", "01/02/2024"], "month"),
        ("31/12/9999 23:59 -12:00", ["31/12/2024 10:00 +01:00", "01/02/2024 10:00 Z"], "day"),
    ],
)
def test_what_is_no_date_says_nothing_of_the_others_and_is_refused_alone(none, others, order):
    encoder, _ = fit(none, *others)
    assert encoder.spelling.order == order
    with pytest.raises(ValueError, match="expected a date such as"):
        encoder.read(none)
    assert all(math.isfinite(encoder.read(cell).seconds) for cell in others)

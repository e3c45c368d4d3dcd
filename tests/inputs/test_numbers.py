"""Numbers of a table: how they are written, what is imputed, and what is refused."""

import json
import math
from decimal import Decimal

import numpy as np
import pytest

from featx.errors import BadArtifact, BadSample
from featx.inputs.encoder import read_encoder
from featx.inputs.numbers import NumberEncoder


def fit(*cells):
    return NumberEncoder.fit(cells, "price")


def values(*cells):
    """Return what each cell of training is read as."""
    encoder, _ = fit(*cells)
    return [encoder.read(cell) for cell in cells]


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (("1", "-2.5", "+3", ".5", "5.", "1e3", " 7 "), (1, -2.5, 3, 0.5, 5, 1000, 7)),
        ((1, 2.5, np.float32(0.5), np.int64(3), Decimal("1.5")), (1, 2.5, 0.5, 3, 1.5)),
        (("1,200.50", "3"), (1200.5, 3)),
        (("1.200,50", "3"), (1200.5, 3)),
        (("1,200,300", "1,200"), (1200300, 1200)),
        (("1,200", "3.5"), (1200, 3.5)),
        (("12,5", "1.200"), (12.5, 1200)),
        (("0,125", "3"), (0.125, 3)),
        (("1 200", "1\u00a0300", "1\u202f400,5", "1'500"), (1200, 1300, 1400.5, 1500)),
        (("\u22125", "\uff11\uff12"), (-5, 12)),
        (("€ 12", "13 €", "-€ 5", "€1.200,50"), (12, 13, -5, 1200.5)),
        (("12 %", "13%"), (12, 13)),
        (("5kg", "6 kg"), (5, 6)),
        (("EUR 5", "6 EUR"), (5, 6)),
        ((True, False, "TRUE"), (1, 0, 1)),
        (("true", "False"), (1, 0)),
    ],
)
def test_a_column_is_read_in_the_one_way_that_its_cells_allow(cells, numbers):
    assert values(*cells) == pytest.approx(list(numbers))


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("1,200", "3,400"), "'1,200' may be a number of thousands or one with a decimal comma"),
        (("1,200", "950"), "write 1200 or 1.2"),
        (("12,5", "1.5"), "'1.5' has a decimal point and '12,5' a decimal comma"),
        (("red", "blue"), "2 of 2 cells are no numbers: expected a number, found 'red'"),
        (("red", "blue"), "names are price:category"),
        (("a.jpg", "b.PNG"), "files are price:image"),
        (([1, 2], [3]), "lists of numbers are price:vector"),
        ((None, "", float("nan"), "n/a"), "all 4 cells are empty"),
        (("1_000", "2_000"), "expected a number, found '1_000'"),
        (("0x10", "0x11"), "expected a number"),
        (("inf", "-Infinity"), "expected a finite number"),
        ((math.inf, -math.inf), "expected a finite number"),
    ],
)
def test_what_is_in_doubt_or_no_number_is_refused_by_name(cells, said):
    with pytest.raises(BadSample) as caught:
        fit(*cells)
    assert str(caught.value).startswith("price: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("training", "cell", "said"),
    [
        (("1", "2"), "1,200", "without commas"),
        (("1,200.5", "2"), "1,2", "decimal point as in training"),
        (("12,5", "2"), "1.5", "decimal comma as in training"),
        (("€ 1", "€ 2"), "$ 1", "with '€' as in training, found '$ 1'"),
        (("€ 1", "€ 2"), 1, "with '€' as in training"),
        (("12 %", "13 %"), "0.12", "with '%' as in training"),
        (("1", "2"), "1 %", "without a unit as in training"),
        (("1", "2"), "cheap", "expected a number, found 'cheap'"),
        (("1", "2"), True, "expected a number, found the truth value True"),
        ((True, False), 1, "expected true or false, found the number 1"),
        (("1", "2"), "inf", "finite"),
        (("1", "2"), 10**400, "finite"),
        (("1", "2"), "1e400", "finite"),
        (("1", "2"), 1e90, "too far from the numbers of training, 1 to 2"),
        (("1", "2"), b"abc", "found 3 bytes"),
        (("1", "2"), "photos/3.jpg", "files are price:image"),
        (("1", "2"), "9" * 1000, "expected a number"),
        (("1", "2"), {}, "an object"),
        (("1", "2"), np.zeros((3, 3)), "an array of shape (3, 3)"),
        (("1", "2"), "2024-05-31", "expected a number"),
        (("1", "2"), complex(1, 2), "expected a number"),
        (("1", "2"), np.timedelta64(3, "ns"), "found a value of type timedelta"),
    ],
)
def test_a_cell_that_is_written_in_another_way_is_refused_by_itself(training, cell, said):
    encoder, _ = fit(*training)
    with pytest.raises(BadSample) as caught:
        encoder.read(cell)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_whole_number_that_python_cannot_write_is_refused():
    with pytest.raises(BadSample, match="found a number of thousands of digits"):
        fit("1", "2")[0].read(10**5000)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("1.200,50", "3"), "price: a comma is the decimal mark: '1.200,50' is 1200.5"),
        (("1,200.50", "3"), "price: a comma stands between thousands: '1,200.50' is 1200.5"),
        (("1.200", "3.400"), "price: a point is the decimal mark: '1.200' is 1.2"),
        (("€ 12", "€ 13"), "price: the unit '€' is left out: '€ 12' is 12"),
        (("true", "false"), "price: true and false are 1 and 0"),
        (("1", "n/a", "2"), "price: 1 cell is taken for empty, such as 'n/a'"),
        (("5", "5"), "price: all numbers are 5, which tells nothing"),
    ],
)
def test_whatever_was_decided_is_said(cells, said):
    _, notes = fit(*cells)
    assert notes == (said,)


def test_what_is_plain_needs_no_word():
    assert fit("1", "2.5", 3)[1] == ()


def test_numbers_are_standardised_and_empty_ones_are_the_median_with_a_column():
    encoder, _ = fit(1, 3, None, 8)
    rows = encoder.encode([1, 3, None, 8])
    filled = np.array([1, 3, 3, 8], float)
    expected = (filled - filled.mean()) / filled.std()
    assert np.allclose(rows[:, 0], expected, atol=1e-6)
    assert rows[:, 1].tolist() == [0, 0, 1, 0]
    assert rows.dtype == np.float32


def test_times_in_seconds_keep_their_digits():
    start = 1_700_000_000
    encoder, _ = fit(*range(start, start + 100))
    rows = encoder.encode([encoder.read(start), encoder.read(start + 1)])
    assert rows[1, 0] - rows[0, 0] == pytest.approx(1 / encoder.scale, rel=1e-5)


def test_a_value_unlike_training_is_doubtful_and_an_empty_one_where_none_was():
    encoder, _ = fit(1, 5, 9)
    assert [encoder.is_doubtful(value) for value in (5.0, 12.0, 1000.0, -1000.0, None)] == [
        *(False, False, True, True, True)
    ]
    with_empty, _ = fit(1, 5, None)
    assert not with_empty.is_doubtful(None)


@pytest.mark.parametrize("cells", [(1, 2.5, None), ("€ 1.200,5", "€ 3"), (True, False)])
def test_what_is_saved_comes_back(cells):
    encoder, _ = fit(*cells)
    back = read_encoder(json.loads(json.dumps(encoder.to_dict())), "price")
    assert back == encoder
    assert back.fingerprint == encoder.fingerprint
    read = [encoder.read(cell) for cell in cells]
    assert np.array_equal(back.encode(read), encoder.encode(read))


@pytest.mark.parametrize(
    "change",
    [
        {"scale": 0},
        {"scale": -1.0},
        {"scale": math.nan},
        {"scale": "1"},
        {"mean": math.inf},
        {"mean": None},
        {"mean": 10**400},
        {"median": True},
        {"marks": "x"},
        {"marks": ["plain"]},
        {"unit": 3},
        {"unit": "x" * 100},
        {"unit": "\n"},
        {"truths": 1},
        {"empty": -1},
        {"empty": 1.5},
        {"more": 1},
        {"kind": "vector"},
        {"kind": ["number"]},
        {"kind": None},
    ],
)
def test_what_no_encoder_can_be_is_refused_when_it_is_read(change):
    encoder, _ = fit(1, 3)
    with pytest.raises(BadArtifact):
        read_encoder({**encoder.to_dict(), **change}, "price")


def test_a_lacking_entry_is_refused():
    table = fit(1, 3)[0].to_dict()
    del table["mean"]
    with pytest.raises(BadArtifact, match="mean"):
        read_encoder(table, "price")

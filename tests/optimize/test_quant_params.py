"""Ranges, quantization parameters and measures of likeness, as numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import featx
from featx.optimize.metrics import batch_bits, cosines
from featx.optimize.quant_params import choose_quant_params
from featx.optimize.ranges import ColumnRanges, Histogram
from tests.support.optimize_nets import NANO

pytestmark = pytest.mark.usefixtures("own_directory", "parents")


@given(
    st.lists(
        st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=40), min_size=1, max_size=6
    ),
    st.floats(0.5, 1.0),
)
def test_a_histogram_has_the_range_of_all_that_was_seen(parts, share):
    histogram = Histogram()
    for part in parts:
        histogram.add(np.array(part, np.float32))
    values = np.array([value for part in parts for value in part], np.float32)
    assert histogram.counts.sum() == len(values)
    low, high = histogram.within(1.0)
    assert low == pytest.approx(min(0.0, float(values.min())))
    assert high == pytest.approx(max(0.0, float(values.max())))
    low, high = histogram.within(share)
    near = histogram.limit * 1e-6  # bins are found in float32
    left_out = np.mean((values < low - near) | (values > high + near))
    assert left_out <= 1 - share + 2 / len(values) + 1e-9
    assert low <= 0 <= high


def test_a_column_that_is_a_hundred_times_the_others_is_divided_first(rng):
    rows = rng.normal(0, 1, (64, 32)).astype(np.float32)
    rows[:, 7] *= 100
    matrix = rng.normal(0, 0.1, (32, 16)).astype(np.float32)
    seen = ColumnRanges.for_samples(1)
    seen.add(rows)
    chosen = choose_quant_params(seen, [matrix])
    assert chosen.divisor is not None
    assert chosen.divisor.argmax() == 7
    exact = rows @ matrix

    def lost(values, weights, low, high):
        step, by = (high - low) / 255, np.abs(weights).max(axis=0) / 127
        zero = np.round(-low / step)
        values = (np.clip(np.round(values / step) + zero, 0, 255) - zero) * step
        return (((values @ (np.round(weights / by) * by)) - exact) ** 2).sum()

    even = lost(rows / chosen.divisor, matrix * chosen.divisor[:, None], chosen.low, chosen.high)
    assert even < 0.2 * lost(rows, matrix, float(rows.min()), float(rows.max()))


def test_even_columns_are_left_as_they_are(rng):
    seen = ColumnRanges.for_samples(1)
    seen.add(rng.uniform(-1, 1, (64, 32)).astype(np.float32))
    assert choose_quant_params(seen, [np.eye(32, dtype=np.float32)]).divisor is None


def test_cosines_are_defined_for_rows_of_zeros():
    zero, one = np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32)
    assert cosines(zero, zero) == 1
    assert cosines(zero, one) == 0
    assert cosines(one, -one) == pytest.approx(-1)


class Batchy:
    """A stand-in for a backbone whose rows are a little larger in a batch."""

    def embed_items(self, items, batch_size=None):
        rows = np.array([[item] for item in items], np.float32)
        return np.nextafter(rows, np.float32(np.inf)) if len(items) > 1 else rows


def test_batch_dependence_is_told_in_bits():
    assert batch_bits(Batchy(), [1.0, 2.0, -3.0]) == 1
    assert batch_bits(featx.Backbone(NANO), [np.zeros((3, 96, 96), np.float32)] * 3) >= 0
